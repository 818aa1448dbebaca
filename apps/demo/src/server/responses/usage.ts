import type { GenerationResult } from "@x/engine";

/** Tokens that a request took, as OpenAI reports them. */
export function toUsage(results: readonly GenerationResult[]) {
  const sum = (count: (result: GenerationResult) => number) =>
    results.reduce((total, result) => total + count(result), 0);
  const promptTokens = sum((result) => result.promptTokens);
  const completionTokens = sum((result) => result.completionTokens);
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: sum((result) => result.cachedTokens) },
  };
}
