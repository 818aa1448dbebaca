import { Sampler, type Tokenizer } from "@x/models";
import type { PositionLogprobs } from "../generation-result";
import type { ResolvedGenerationOptions } from "../resolved-options";
import { BadWords } from "./bad-words";
import { applyPenalties } from "./penalties";
import { positionLogprobs } from "./token-logprobs";

/** Follows an answer that must have a form, and tells which tokens may come next. */
export interface TokenConstraint {
  /**
   * Bit `id % 32` of word `id / 32` says whether the token may come next, so that the answer can be
   * whole in `remainingTokens` tokens, this one included and its end not.
   */
  fillMask(mask: Int32Array, remainingTokens: number): void;
  /** Notes a token that was chosen. */
  accept(tokenId: number): boolean;
  /** Whether nothing but the end can follow. */
  readonly isTerminated: boolean;
}

/** What a {@link TokenChooser} works with. */
export interface TokenChooserContext {
  /** Which answer of its request: it is drawn with `seed + index`. */
  readonly index: number;
  readonly tokenizer: Tokenizer;
  /** The form of the answer. */
  readonly constraint: TokenConstraint | undefined;
  /** Tokens that the answer can have, its end included. */
  readonly mostTokens: number;
}

/** A token that was chosen. */
export interface ChosenToken {
  readonly tokenId: number;
  readonly logprobs: PositionLogprobs | undefined;
}

/**
 * Chooses the tokens of one answer, in the order of vLLM: mask of the form, log-probabilities, words
 * that must not occur, minimum length, bias, penalties, then temperature and the cuts of the
 * sampler. It has a random generator of its own, so no other answer can change its choices.
 */
export class TokenChooser {
  readonly constraint: TokenConstraint | undefined;
  readonly #options: ResolvedGenerationOptions;
  readonly #tokenizer: Tokenizer;
  readonly #mostTokens: number;
  readonly #sampler: Sampler;
  readonly #badWords: BadWords;
  readonly #endTokenIds: readonly number[];
  readonly #changesLogits: boolean;
  readonly #mask: Int32Array | undefined;
  #logits = new Float32Array(0);

  /** @throws {InvalidArgumentError} when an option of the sampler is outside its range. */
  constructor(options: ResolvedGenerationOptions, context: TokenChooserContext) {
    const { index, tokenizer, constraint, mostTokens } = context;
    const { seed } = options.sampling;
    this.#options = options;
    this.#tokenizer = tokenizer;
    this.#sampler = new Sampler({
      ...options.sampling,
      ...(seed !== undefined && { seed: seed + index }),
    });
    this.#badWords = new BadWords(options.badWords, tokenizer);
    this.#endTokenIds = [...tokenizer.eosTokenIds, ...options.stopTokenIds];
    this.constraint = constraint;
    this.#mostTokens = mostTokens;
    this.#mask = constraint && new Int32Array(Math.ceil(tokenizer.vocabularySize / 32));
    this.#changesLogits =
      constraint !== undefined ||
      options.badWords.length > 0 ||
      options.minTokens > 0 ||
      options.logitBias.size > 0 ||
      options.repetitionPenalty !== 1 ||
      options.frequencyPenalty !== 0 ||
      options.presencePenalty !== 0;
  }

  /**
   * @param row - Logits, shape `[V]`; left as they are.
   * @param tokens - Prompt and answer so far.
   */
  choose(row: Float32Array, tokens: ArrayLike<number>, numPromptTokens: number): ChosenToken {
    const { logprobs: count } = this.#options;
    const numOutputTokens = tokens.length - numPromptTokens;
    const masked = this.#changesLogits ? this.#maskedCopy(row, numOutputTokens) : row;
    const raw = count === undefined ? undefined : masked === row ? row : masked.slice();
    if (this.#changesLogits) this.#adjust(masked, tokens, numPromptTokens);
    const tokenId = this.#sampler.sample(masked);
    this.constraint?.accept(tokenId);
    const logprobs =
      raw === undefined || count === undefined
        ? undefined
        : positionLogprobs(raw, tokenId, count, this.#tokenizer);
    return { tokenId, logprobs };
  }

  #maskedCopy(row: Float32Array, numOutputTokens: number): Float32Array {
    if (this.#logits.length !== row.length) this.#logits = new Float32Array(row.length);
    const logits = this.#logits;
    logits.set(row);
    if (this.constraint === undefined || this.#mask === undefined) return logits;
    const mask = this.#mask;
    this.constraint.fillMask(mask, this.#mostTokens - numOutputTokens - 1);
    for (let id = 0; id < logits.length; id++) {
      // Logits beyond the vocabulary are padding: no bit is set for them.
      const isAllowed = ((mask[id >> 5] ?? 0) >>> (id & 31)) & 1;
      if (!isAllowed) logits[id] = -Infinity;
    }
    return logits;
  }

  #adjust(logits: Float32Array, tokens: ArrayLike<number>, numPromptTokens: number): void {
    const { minTokens, logitBias, badWords } = this.#options;
    if (badWords.length > 0) {
      this.#badWords.apply(logits, Array.from(tokens).slice(numPromptTokens));
    }
    // A form that is complete leaves nothing but its end.
    if (tokens.length - numPromptTokens < minTokens && !this.constraint?.isTerminated) {
      for (const tokenId of this.#endTokenIds) logits[tokenId] = -Infinity;
    }
    for (const [tokenId, bias] of logitBias) {
      logits[tokenId] = (logits[tokenId] as number) + bias;
    }
    applyPenalties(logits, tokens, numPromptTokens, this.#options);
  }
}
