import type { Prompt } from "@x/engine";
import { z } from "zod";
import { invalidField } from "../api-error";
import { generationFields, maxAnswers } from "./generation-fields";
import { optional } from "./optional";

const tokenIds = z.array(z.int().min(0)).min(1);

/** Tokens of an answer, unless the request says otherwise; OpenAI's number. */
const defaultMaxTokens = 16;

/** The body of `/v1/completions`. */
export const completionRequest = z.object({
  ...generationFields,
  /** As in vLLM: left out it is 16, and null is all that the context holds. */
  max_tokens: z.int().min(0).nullable().default(defaultMaxTokens),
  prompt: z.union([z.string(), z.array(z.string()).min(1), tokenIds, z.array(tokenIds).min(1)]),
  echo: optional(z.boolean()),
  logprobs: optional(z.int().min(0).max(20)),
  best_of: optional(z.int()),
  suffix: optional(z.string()),
});

/** A parsed body of `/v1/completions`. */
export type CompletionRequest = z.output<typeof completionRequest>;

/** The prompts of a request, each answered by itself. */
export function toPrompts({ prompt }: Pick<CompletionRequest, "prompt">): Prompt[] {
  if (typeof prompt === "string") return [prompt];
  if (isNumbers(prompt)) return [{ tokenIds: prompt }];
  return prompt.map((one) => (typeof one === "string" ? one : { tokenIds: one }));
}

/** @throws {ApiError} 400 for fields that contradict each other or that are not supported. */
export function requireConsistentCompletion(request: CompletionRequest): void {
  const { best_of: bestOf, n = 1, suffix, echo, logprobs, stream, max_tokens: maxTokens } = request;
  if (bestOf !== undefined && bestOf !== n) {
    throw invalidField("best_of", `best_of is ${bestOf}; leave it out, and choose among n answers`);
  }
  if (suffix !== undefined && suffix !== "") {
    throw invalidField(
      "suffix",
      "suffix is not supported: this model only continues text; leave it out",
    );
  }
  if (toPrompts(request).length * n > maxAnswers) {
    throw invalidField("prompt", `prompts times n is over ${maxAnswers}; send several requests`);
  }
  if (maxTokens === 0 && (!echo || stream)) {
    throw invalidField("max_tokens", "max_tokens is 0, which needs echo: true; use 1 or more");
  }
  if (stream && (request.prompt_logprobs !== undefined || (echo && logprobs !== undefined))) {
    throw invalidField(
      "stream",
      "log-probabilities of the prompt cannot be streamed; leave stream out",
    );
  }
}

function isNumbers(values: readonly unknown[]): values is number[] {
  return typeof values[0] === "number";
}
