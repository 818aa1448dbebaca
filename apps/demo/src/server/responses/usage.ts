import type { GenerationEvent, GenerationResult } from "@x/engine";

/** Tokens that a request took, as OpenAI reports them. */
export function toUsage(results: readonly GenerationResult[]) {
  const sum = (count: (result: GenerationResult) => number) =>
    results.reduce((total, result) => total + count(result), 0);
  return usage(
    sum((result) => result.promptTokens),
    sum((result) => result.completionTokens),
    sum((result) => result.cachedTokens),
  );
}

/** Counts the tokens of one prompt and its answers as they come. */
export class RunningUsage {
  #promptTokens = 0;
  #cachedTokens = 0;
  #completionTokens = 0;

  count(event: GenerationEvent): void {
    if (event.type === "start") {
      this.#promptTokens = event.promptTokens;
      this.#cachedTokens = event.cachedTokens;
    } else if (event.type === "text-delta") {
      this.#completionTokens += event.tokenIds.length;
    }
  }

  /** The counts so far. A token that ends the sequence is counted only in the whole. */
  toUsage(): ReturnType<typeof toUsage> {
    return usage(this.#promptTokens, this.#completionTokens, this.#cachedTokens);
  }
}

function usage(promptTokens: number, completionTokens: number, cachedTokens: number) {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
  };
}
