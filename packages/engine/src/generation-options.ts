import type { SamplingOptions } from "@x/models";
import type { StructuredOutput } from "./structured/structured-output";

/** Settings of one generation, by vLLM's names where it has one. */
export interface GenerationOptions extends SamplingOptions {
  /** Most tokens to generate. Default: as many as the context holds. */
  readonly maxTokens?: number | undefined;
  /** Tokens before which nothing ends the generation. Default 0. */
  readonly minTokens?: number | undefined;
  /** Answers to sample from the one prompt; answer `i` is drawn with `seed + i`. Default 1. */
  readonly n?: number | undefined;
  /** Texts that end the generation; none of them is part of the answer. Default none. */
  readonly stop?: string | readonly string[] | undefined;
  /** Token ids that end the generation; the one that does stays in `tokenIds`. Default none. */
  readonly stopTokenIds?: readonly number[] | undefined;
  /** Keep the text of `stop` in the answer. Default false. */
  readonly includeStop?: boolean | undefined;
  /** Generate on past the end-of-sequence token. Default false. */
  readonly ignoreEos?: boolean | undefined;
  /** Subtracts this for each time that a token occurs in the answer, −2 to 2. Default 0. */
  readonly frequencyPenalty?: number | undefined;
  /** Subtracts this from the tokens that occur in the answer, −2 to 2. Default 0. */
  readonly presencePenalty?: number | undefined;
  /** Added to the logits of token ids, −100 to 100. Default none. */
  readonly logitBias?: Readonly<Record<number, number>> | ReadonlyMap<number, number> | undefined;
  /** Texts that the answer must not contain as the tokens that they encode to. Default none. */
  readonly badWords?: readonly string[] | undefined;
  /**
   * Report the log-probability of each token of the answer, and of this many of the likeliest in
   * its place: 0 to the vocabulary's size. Default: none.
   */
  readonly logprobs?: number | undefined;
  /** The same for the tokens of the prompt, which is then computed whole. Default: none. */
  readonly promptLogprobs?: number | undefined;
  /**
   * The form that the answer must have, and has before its tokens run out wherever that can be.
   * Default: any.
   */
  readonly structured?: StructuredOutput | undefined;
  /** Draft tokens by prompt look-up. Default: what the engine was made with. */
  readonly speculative?: boolean | undefined;
  /** Lower runs first, in an engine with the `priority` policy. Default 0. */
  readonly priority?: number | undefined;
  /** Only requests of equal salt share cached prefixes. Default: all do. */
  readonly cacheSalt?: string | undefined;
  /** Ends the generation, which then ends normally with `finishReason: "abort"`. */
  readonly signal?: AbortSignal | undefined;
}
