import { requireArgument } from "./request";

/** How to look for a continuation in the tokens themselves. */
export interface NgramProposerOptions {
  /** Shortest suffix to match, in tokens. Default 2. */
  readonly minTokens?: number;
  /** Longest suffix to match. Default: the larger of `minTokens` and 4. */
  readonly maxTokens?: number;
  /** Most tokens to propose. Default 4. */
  readonly numDraftTokens?: number;
}

/**
 * Prompt look-up decoding: proposes what followed the last time the sequence went like this. The
 * longest suffix that occurred before decides, at its earliest occurrence.
 *
 * One pass of Knuth, Morris and Pratt over the reversed sequence finds it in linear time, however
 * many lengths are allowed.
 *
 * @example
 * ```ts
 * const proposer = new NgramProposer({ minTokens: 2, maxTokens: 2, numDraftTokens: 3 });
 * proposer.propose([1, 2, 3, 4, 1, 2, 3]); // [4, 1, 2]
 * ```
 */
export class NgramProposer {
  readonly #minTokens: number;
  readonly #maxTokens: number;
  readonly #numDraftTokens: number;
  readonly #borders: Int32Array;

  /** @throws InvalidArgumentError when a length is not usable. */
  constructor(options: NgramProposerOptions = {}) {
    const { minTokens = 2, numDraftTokens = 4 } = options;
    const maxTokens = options.maxTokens ?? Math.max(minTokens, 4);
    requireArgument(
      minTokens >= 1 && maxTokens >= minTokens && numDraftTokens >= 1,
      `minTokens ${minTokens}, maxTokens ${maxTokens}, numDraftTokens ${numDraftTokens}; pass 1 <= minTokens <= maxTokens and numDraftTokens from 1`,
      { minTokens, maxTokens, numDraftTokens },
    );
    this.#minTokens = minTokens;
    this.#maxTokens = maxTokens;
    this.#numDraftTokens = numDraftTokens;
    this.#borders = new Int32Array(maxTokens);
  }

  /**
   * @param tokens Prompt and output so far, shape `[length]`.
   * @returns Up to `numDraftTokens` tokens; none when no suffix occurred before.
   */
  propose(tokens: ArrayLike<number>): number[] {
    const borders = this.#borders;
    const last = tokens.length - 1;
    let length = 0;
    let bestLength = 0;
    let bestEnd = 0;
    // `length` is the longest suffix of the sequence that starts (read backwards) at `index`.
    for (let index = 1; index <= last; index++) {
      const token = tokens[last - index];
      while (length > 0 && (length === this.#maxTokens || token !== tokens[last - length])) {
        length = borders[length - 1] as number;
      }
      if (token === tokens[last - length]) length++;
      if (index < this.#maxTokens) borders[index] = length;
      // Later here is earlier in the sequence, hence >=.
      if (length >= this.#minTokens && length >= bestLength) {
        bestLength = length;
        bestEnd = last - index + length;
      }
    }
    if (bestLength === 0) return [];
    const end = Math.min(bestEnd + this.#numDraftTokens, tokens.length);
    return Array.from({ length: end - bestEnd }, (_, index) => tokens[bestEnd + index] as number);
  }
}
