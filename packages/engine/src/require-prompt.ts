import { ContextLengthError, InvalidArgumentError } from "@x/models";
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

/** @throws {InvalidArgumentError} when there is no token, or one is not of the vocabulary. */
export function requireTokens(tokenIds: readonly number[], vocabularySize: number): void {
  if (tokenIds.length === 0) {
    throw new InvalidArgumentError("generate: the prompt is empty; give at least one token");
  }
  const invalid = tokenIds.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabularySize);
  if (invalid === undefined) return;
  throw new InvalidArgumentError(
    `generate: the prompt's token id ${invalid} is not of the vocabulary; use 0 to ${vocabularySize - 1}`,
    { tokenId: invalid, vocabularySize },
  );
}

/**
 * @param maxTokens - Tokens that the answer asks for; at least one without it.
 * @param limit - Most tokens of a sequence.
 * @throws {ContextLengthError} when prompt and answer exceed it.
 */
export function requireRoom(
  promptTokens: number,
  maxTokens: number | undefined,
  limit: number,
): void {
  if (promptTokens + (maxTokens ?? 1) <= limit) return;
  const [wanted, remedy] =
    maxTokens === undefined
      ? ["", "shorten the prompt"]
      : [` and ${maxTokens} of the answer`, "shorten the prompt or lower maxTokens"];
  throw new ContextLengthError(
    `generate: ${promptTokens} tokens of the prompt${wanted} exceed the limit of ${limit} tokens; ${remedy}`,
    { promptTokens, maxTokens, maxModelLength: limit },
  );
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
