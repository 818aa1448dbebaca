import { BPE } from "@huggingface/tokenizers";
import { InvalidArgumentError, TokenizerError, UnsupportedModelError } from "../errors";
import type { GgufMetadata } from "../gguf/metadata";
import { createPreTokenizer, type PreTokenizerRule, preTokenizerRule } from "./pre-tokenizer";
import { SpecialTokenSplitter } from "./special-token-splitter";
import { Vocabulary } from "./vocabulary";

/** Options of {@link Tokenizer.encode}. */
export interface EncodeOptions {
  /** Begin with the beginning-of-sequence token if the checkpoint asks for it. Default true. */
  readonly addSpecialTokens?: boolean | undefined;
  /**
   * Whether text like `<|im_end|>` becomes the special token of that name. Default false, because
   * text that a user wrote could then speak for the system. Templates need true.
   */
  readonly parseSpecialTokens?: boolean | undefined;
}

/** Options of {@link Tokenizer.decode}. */
export interface DecodeOptions {
  /** Leave out tokens that are no text: turn markers and the like. Default true. */
  readonly skipSpecialTokens?: boolean | undefined;
}

/**
 * Text to token ids and back, as the checkpoint was trained: byte-level byte-pair encoding.
 *
 * Encoding and decoding are lossless for well-formed text, save for bytes that a vocabulary lacks:
 * SmolLM2 has no token for some control characters, which are then dropped, as llama.cpp does.
 * A lone surrogate becomes U+FFFD.
 *
 * @example
 * ```ts
 * const { metadata } = await readGguf(source);
 * const tokenizer = Tokenizer.fromGguf(metadata);
 * const tokenIds = tokenizer.encode("Hello, world"); // [19556, 28, 905]
 * tokenizer.decode(tokenIds); // "Hello, world"
 * ```
 */
export class Tokenizer {
  /** Number of tokens. A model can have more logits, as padding. */
  readonly vocabularySize: number;
  /** The token that begins a sequence. */
  readonly bosTokenId: number | undefined;
  /** Tokens that end a sequence or a turn: generation stops at any. */
  readonly eosTokenIds: readonly number[];
  /** Whether {@link encode} begins with {@link bosTokenId}. */
  readonly addBosToken: boolean;
  readonly #vocabulary: Vocabulary;
  readonly #preTokenize: (text: string) => string[];
  readonly #bpe: BPE;
  /** Finds tokens that stand for themselves in any text: words that were added by name. */
  readonly #addedSplitter: SpecialTokenSplitter;
  /** Finds these and the special ones. */
  readonly #specialSplitter: SpecialTokenSplitter;

  private constructor(
    vocabulary: Vocabulary,
    merges: readonly string[],
    rule: PreTokenizerRule,
    addBosToken: boolean,
  ) {
    this.vocabularySize = vocabulary.tokens.length;
    this.bosTokenId = vocabulary.bosTokenId;
    this.eosTokenIds = vocabulary.eosTokenIds;
    this.addBosToken = addBosToken;
    this.#vocabulary = vocabulary;
    this.#preTokenize = createPreTokenizer(rule);
    this.#bpe = createBpe(vocabulary, merges, rule);
    this.#addedSplitter = new SpecialTokenSplitter(vocabulary.namedTokens({ special: false }));
    this.#specialSplitter = new SpecialTokenSplitter(vocabulary.namedTokens({ special: true }));
  }

  /**
   * The tokenizer of a checkpoint, from its `tokenizer.ggml.*` keys.
   *
   * @throws {UnsupportedModelError} for a kind other than byte-level BPE, or an unknown
   * pre-tokenizer. @throws {GgufError} for a missing or mistyped key. @throws {TokenizerError} for
   * a vocabulary whose parts do not fit each other.
   */
  static fromGguf(metadata: GgufMetadata): Tokenizer {
    const kind = metadata.getString("tokenizer.ggml.model");
    if (kind !== "gpt2") {
      throw new UnsupportedModelError(
        `the tokenizer ${JSON.stringify(kind)} is not supported; use a model with byte-level BPE, which GGUF calls "gpt2"`,
        { kind },
      );
    }
    const rule = preTokenizerRule(metadata.getString("tokenizer.ggml.pre", "default"));
    const vocabulary = new Vocabulary(metadata);
    const merges = metadata.getStringArray("tokenizer.ggml.merges");
    const addBosToken = metadata.getBoolean("tokenizer.ggml.add_bos_token", rule.addBosToken);
    if (addBosToken && vocabulary.bosTokenId === undefined) {
      throw new TokenizerError(
        'the checkpoint asks for a beginning-of-sequence token but names none; use a file that has "tokenizer.ggml.bos_token_id"',
      );
    }
    return new Tokenizer(vocabulary, merges, rule, addBosToken);
  }

  /**
   * The token ids of `text`.
   *
   * @param text - Any string; the empty one gives no tokens besides the first that
   *   `addSpecialTokens` may add.
   */
  encode(
    text: string,
    { addSpecialTokens = true, parseSpecialTokens = false }: EncodeOptions = {},
  ): number[] {
    const splitter = parseSpecialTokens ? this.#specialSplitter : this.#addedSplitter;
    const tokenIds: number[] = [];
    if (addSpecialTokens && this.addBosToken && this.bosTokenId !== undefined) {
      tokenIds.push(this.bosTokenId);
    }
    for (const part of splitter.split(text)) {
      if (typeof part === "number") {
        tokenIds.push(part);
        continue;
      }
      for (const token of this.#bpe.encode(this.#preTokenize(part))) {
        const tokenId = this.#bpe.tokens_to_ids.get(token);
        if (tokenId !== undefined) {
          tokenIds.push(tokenId);
        }
      }
    }
    return tokenIds;
  }

  /**
   * `text` cut at the special tokens in it: the pieces of text, and the token ids between them.
   * For code that decides itself which pieces may hold special tokens.
   */
  splitSpecialTokens(text: string): (string | number)[] {
    return this.#specialSplitter.split(text);
  }

  /**
   * The text of `tokenIds`. Bytes that are not UTF-8 become U+FFFD. For tokens that come one by
   * one, use {@link TextStream}.
   *
   * @throws {InvalidArgumentError} for an id outside the vocabulary.
   */
  decode(tokenIds: Iterable<number>, { skipSpecialTokens = true }: DecodeOptions = {}): string {
    const pieces: Uint8Array[] = [];
    let byteLength = 0;
    for (const tokenId of tokenIds) {
      if (!(skipSpecialTokens && this.isSpecial(tokenId))) {
        const piece = this.tokenBytes(tokenId);
        pieces.push(piece);
        byteLength += piece.byteLength;
      }
    }
    const bytes = new Uint8Array(byteLength);
    let position = 0;
    for (const piece of pieces) {
      bytes.set(piece, position);
      position += piece.byteLength;
    }
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  }

  /**
   * The bytes that a token adds to a text: not always whole characters. A special token gives its
   * name.
   *
   * @throws {InvalidArgumentError} for an id outside the vocabulary.
   */
  tokenBytes(tokenId: number): Uint8Array {
    this.#requireToken(tokenId);
    return this.#vocabulary.bytes(tokenId);
  }

  /**
   * Whether the token directs the model and is no text.
   *
   * @throws {InvalidArgumentError} for an id outside the vocabulary.
   */
  isSpecial(tokenId: number): boolean {
    this.#requireToken(tokenId);
    return this.#vocabulary.isSpecial(tokenId);
  }

  #requireToken(tokenId: number): void {
    if (!Number.isInteger(tokenId) || tokenId < 0 || tokenId >= this.vocabularySize) {
      throw new InvalidArgumentError(
        `the token id ${tokenId} is outside the vocabulary; use an integer from 0 to ${this.vocabularySize - 1}`,
        { tokenId, vocabularySize: this.vocabularySize },
      );
    }
  }
}

/**
 * The encoder over the tokens that merging can make. Special tokens are not among them, so no text
 * can become one by its merges.
 */
function createBpe(vocabulary: Vocabulary, merges: readonly string[], rule: PreTokenizerRule): BPE {
  const idOfToken = new Map<string, number>();
  const unmergeable = new Set<string>();
  for (const [id, token] of vocabulary.tokens.entries()) {
    if (vocabulary.isMergeable(id)) {
      idOfToken.set(token, id);
    } else {
      unmergeable.add(token);
    }
  }
  const pairs: [string, string][] = [];
  for (const [rank, merge] of merges.entries()) {
    const space = merge.indexOf(" ", 1);
    const pair: [string, string] = [merge.slice(0, space), merge.slice(space + 1)];
    const merged = pair[0] + pair[1];
    if (space > 0 && idOfToken.has(merged)) {
      pairs.push(pair);
    } else if (!unmergeable.has(merged)) {
      throw new TokenizerError(
        `"tokenizer.ggml.merges"[${rank}] is ${JSON.stringify(merge)}, not two parts of a token; use a file whose tokenizer is whole`,
        { rank, merge },
      );
    }
  }
  const bpe = new BPE({ type: "BPE", vocab: {}, merges: pairs, ignore_merges: rule.ignoreMerges });
  // An object with a key per token, to be taken apart again, would cost a third of the whole time.
  bpe.tokens_to_ids = idOfToken;
  return bpe;
}
