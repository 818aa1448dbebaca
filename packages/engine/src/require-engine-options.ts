import { InvalidArgumentError } from "@x/models";
import type { EngineOptions } from "./engine-options";

/**
 * Checks what can be checked before memory is taken.
 *
 * @throws {InvalidArgumentError} naming the option and its value.
 */
export function requireEngineOptions(options: EngineOptions): void {
  const { model, policy, speculative } = options ?? {};
  const isModel = typeof model?.model?.forward === "function" && model.tokenizer !== undefined;
  if (!isModel) {
    throw new InvalidArgumentError("createEngine: there is no model; give it what loadModel gave");
  }
  const { cacheBytes = 1, blockSize = 1, maxSequences = 1 } = options;
  for (const [name, value] of Object.entries({ cacheBytes, blockSize, maxSequences })) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw new InvalidArgumentError(
      `createEngine: ${name} is ${value}; use a whole number of 1 or more`,
      { [name]: value },
    );
  }
  if (!["fcfs", "priority", undefined].includes(policy)) {
    throw new InvalidArgumentError(
      `createEngine: policy is ${JSON.stringify(policy)}; use "fcfs" or "priority"`,
      { policy },
    );
  }
  if (!["boolean", "object", "undefined"].includes(typeof speculative)) {
    throw new InvalidArgumentError(
      `createEngine: speculative is ${JSON.stringify(speculative)}; use true, false or an object`,
      { speculative },
    );
  }
}
