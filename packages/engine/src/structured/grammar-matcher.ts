import { OutOfRangeError } from "@x/tensor";
import type { Configuration } from "./configuration";
import type { Grammar } from "./grammar";
import { TokenMasks } from "./token-masks";
import type { TokenVocabulary } from "./token-vocabulary";

/** Masks found so far, shared by the matchers of a grammar. */
const masksOfGrammar = new WeakMap<Grammar, WeakMap<TokenVocabulary, TokenMasks>>();

/**
 * How far one sequence is in a grammar, and which tokens may come next. Costs no memory to speak
 * of: what is found out about a grammar is kept with it, for all sequences.
 *
 * @example
 * ```ts
 * const mask = new Int32Array(Math.ceil(vocabulary.size / 32));
 * const matcher = new GrammarMatcher(grammar, vocabulary);
 * while (!matcher.isTerminated) {
 *   matcher.fillMask(mask);
 *   const tokenId = sampleAmong(mask);
 *   matcher.accept(tokenId);
 * }
 * ```
 */
export class GrammarMatcher {
  readonly #grammar: Grammar;
  readonly #vocabulary: TokenVocabulary;
  readonly #masks: TokenMasks;
  #configuration: Configuration;
  #hasEnded = false;

  /**
   * @param grammar - What {@link compileGrammar} made.
   * @param vocabulary - The tokens of the model that generates.
   */
  constructor(grammar: Grammar, vocabulary: TokenVocabulary) {
    this.#grammar = grammar;
    this.#vocabulary = vocabulary;
    this.#configuration = grammar.start;
    let own = masksOfGrammar.get(grammar);
    if (own === undefined) {
      own = new WeakMap();
      masksOfGrammar.set(grammar, own);
    }
    let masks = own.get(vocabulary);
    if (masks === undefined) {
      masks = new TokenMasks(grammar.automaton, vocabulary);
      own.set(vocabulary, masks);
    }
    this.#masks = masks;
  }

  /** Whether the text is whole as it is: it may end here. */
  get isComplete(): boolean {
    return this.#grammar.automaton.stateOf(this.#configuration).accepts;
  }

  /** Whether nothing but the end can follow, or the end was accepted. */
  get isTerminated(): boolean {
    return (
      this.#hasEnded || this.#grammar.automaton.stateOf(this.#configuration).partition.bytes.isEmpty
    );
  }

  /**
   * Fewest bytes that make the text whole. As each byte is a token, so many tokens suffice; usually
   * fewer do.
   */
  get bytesToEnd(): number {
    return this.#hasEnded ? 0 : this.#configuration.distance;
  }

  /**
   * Writes which tokens may come next: bit `id & 31` of word `id >> 5`. End tokens are among them
   * where the text may end, and are the only ones when it has ended.
   *
   * A token may end inside a character whose other bytes are allowed too. From each place some byte
   * leads on, so at least one token is allowed as long as the vocabulary has all bytes as tokens.
   *
   * @param mask - `[ceil(vocabulary.size / 32)]`; what was in it is lost.
   * @param remainingTokens - How many tokens may still come, this one included and the end token
   *   not. Tokens are then left out after which the text could not end in time, so it is whole
   *   before they run out. Default: no limit. Without effect when {@link bytesToEnd} is more.
   * @throws {OutOfRangeError} when the mask has another length.
   */
  fillMask(mask: Int32Array, remainingTokens = Number.POSITIVE_INFINITY): void {
    const words = Math.ceil(this.#vocabulary.size / 32);
    if (mask.length !== words) {
      throw new OutOfRangeError(
        `the mask has ${mask.length} words for ${this.#vocabulary.size} tokens; give it ${words}`,
        { length: mask.length, expected: words },
      );
    }
    if (this.#hasEnded) mask.fill(0);
    else this.#masks.fill(mask, this.#configuration, this.#limit(remainingTokens));
    if (this.#hasEnded || this.isComplete) {
      for (const id of this.#vocabulary.eosTokenIds) {
        mask[id >> 5] = (mask[id >> 5] as number) | (1 << (id & 31));
      }
    }
  }

  /**
   * Goes on by a token.
   *
   * @returns Whether the token may come next; when not, nothing has changed.
   */
  accept(tokenId: number): boolean {
    if (this.#hasEnded) return false;
    if (this.#vocabulary.eosTokenIds.includes(tokenId)) {
      this.#hasEnded = this.isComplete;
      return this.#hasEnded;
    }
    const next = this.#after(this.#configuration, tokenId);
    if (next !== undefined) this.#configuration = next;
    return next !== undefined;
  }

  /**
   * How many of `tokenIds`, such as a speculative draft, may come next one after the other. Nothing
   * changes.
   *
   * @param remainingTokens - As of {@link fillMask}, before the first of them.
   */
  acceptablePrefix(
    tokenIds: ArrayLike<number>,
    remainingTokens = Number.POSITIVE_INFINITY,
  ): number {
    const ahead = this.fork();
    for (let length = 0; length < tokenIds.length; length += 1) {
      const limit = ahead.#limit(remainingTokens - length);
      if (!ahead.accept(tokenIds[length] as number) || ahead.bytesToEnd > limit) return length;
    }
    return tokenIds.length;
  }

  /** A matcher at the same place that goes its own way. Takes constant time. */
  fork(): GrammarMatcher {
    const fork = new GrammarMatcher(this.#grammar, this.#vocabulary);
    fork.#configuration = this.#configuration;
    fork.#hasEnded = this.#hasEnded;
    return fork;
  }

  /** Bytes that the next token may leave to the end. */
  #limit(remainingTokens: number): number {
    return remainingTokens < this.bytesToEnd ? Number.POSITIVE_INFINITY : remainingTokens - 1;
  }

  #after(start: Configuration, tokenId: number): Configuration | undefined {
    const bytes = this.#vocabulary.tokenBytes[tokenId];
    if (bytes === undefined) return undefined;
    let configuration: Configuration | undefined = start;
    for (const byte of bytes) {
      configuration = this.#grammar.automaton.step(configuration, byte);
      if (configuration === undefined) return undefined;
    }
    return configuration;
  }
}
