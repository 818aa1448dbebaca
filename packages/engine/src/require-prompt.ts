import { InvalidArgumentError } from "@x/models";
import type { Prompt } from "./prompt";

/**
 * Throws unless `prompt` is one: text, a list of messages, or token ids.
 *
 * @throws {InvalidArgumentError} saying what it is instead.
 */
export function requirePrompt(prompt: Prompt): void {
  const given: unknown = prompt;
  if (typeof given === "string") return;
  if (Array.isArray(given)) {
    if (given.length > 0 && given.every(isMessage)) return;
  } else if (typeof given === "object" && given !== null && "tokenIds" in given) {
    if (Array.isArray(given.tokenIds) || ArrayBuffer.isView(given.tokenIds)) return;
  }
  throw new InvalidArgumentError(
    "generate: the prompt is neither text, nor a list of messages with role and content, nor { tokenIds }",
    { prompt: given },
  );
}

/** @throws {InvalidArgumentError} unless `prompts` is a list. */
export function requirePrompts(prompts: readonly Prompt[]): void {
  if (Array.isArray(prompts)) return;
  throw new InvalidArgumentError("generateBatch: the prompts are not a list; use [prompt, …]", {
    prompts,
  });
}

function isMessage(message: unknown): boolean {
  return (
    typeof message === "object" &&
    message !== null &&
    "role" in message &&
    "content" in message &&
    typeof message.role === "string" &&
    typeof message.content === "string"
  );
}
