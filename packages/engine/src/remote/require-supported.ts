import { InvalidArgumentError } from "@x/models";
import type { GenerationOptions } from "../generation-options";
import { requireKnownOptions } from "../require-known-options";
import type { RemoteEngineOptions } from "./remote-engine-options";

/** Options that only servers with vLLM's extensions take. */
const vllmOptions = [
  "topK",
  "minP",
  "repetitionPenalty",
  "minTokens",
  "ignoreEos",
  "stopTokenIds",
  "includeStop",
  "badWords",
  "priority",
  "cacheSalt",
] as const satisfies readonly (keyof GenerationOptions)[];

/**
 * Rejects options that would be lost on the way.
 *
 * @throws {InvalidArgumentError} naming the option.
 */
export function requireSupported(
  options: GenerationOptions,
  { extensions = "vllm" }: RemoteEngineOptions,
): void {
  requireKnownOptions(options);
  reject(options, "promptLogprobs", "a remote engine does not report it; use an engine here");
  if (extensions === "vllm") return;
  const fix = 'OpenAI\'s own API does not take it; use extensions: "vllm" with a server that does';
  for (const option of vllmOptions) reject(options, option, fix);
  const { structured } = options;
  if (structured?.type === "regex" || structured?.type === "choice") {
    throw new InvalidArgumentError(`generate: structured is a ${structured.type}; ${fix}`, {
      structured,
    });
  }
}

function reject(options: GenerationOptions, option: keyof GenerationOptions, fix: string): void {
  if (options[option] === undefined) return;
  throw new InvalidArgumentError(`generate: ${option} is given, but ${fix}`, {
    [option]: options[option],
  });
}
