/** Settings of a beam search. */
export interface BeamSearchOptions {
  /** Beams that are followed, and answers that come back. From 1 to the engine's `maxSequences`. */
  readonly beamWidth: number;
  /** Most tokens of an answer. */
  readonly maxTokens: number;
  /**
   * An answer's score is its log-probability divided by its number of tokens to this power, so that
   * above 0 long answers gain. Default 1.
   */
  readonly lengthPenalty?: number | undefined;
  /** Generate on past the end-of-sequence token. Default false. */
  readonly ignoreEos?: boolean | undefined;
  /** Lower runs first, in an engine with the `priority` policy. Default 0. */
  readonly priority?: number | undefined;
  /** Only requests of equal salt share cached prefixes. Default: all do. */
  readonly cacheSalt?: string | undefined;
  /** Stops the search, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** An answer that a beam search found. */
export interface BeamSearchAnswer {
  readonly text: string;
  /** Generated ids, without the end-of-sequence token. */
  readonly tokenIds: readonly number[];
  /** Natural logarithm of the answer's probability, that of its end included. */
  readonly cumulativeLogprob: number;
  /** What the answers are ordered by: see `lengthPenalty`. */
  readonly score: number;
  /** `stop`: the sequence ended; `length`: `maxTokens` was reached. */
  readonly finishReason: "stop" | "length";
}
