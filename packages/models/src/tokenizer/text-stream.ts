import type { DecodeOptions, Tokenizer } from "./tokenizer";

/**
 * Text from tokens that come one by one. A token can end inside a character; its bytes are held
 * back until the character is whole, so that what is pushed out is always valid text.
 *
 * @example
 * ```ts
 * const stream = new TextStream(tokenizer);
 * for (const tokenId of tokenIds) {
 *   process.stdout.write(stream.push(tokenId));
 * }
 * process.stdout.write(stream.flush());
 * ```
 */
export class TextStream {
  readonly #tokenizer: Tokenizer;
  readonly #skipSpecialTokens: boolean;
  readonly #utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

  /** @param tokenizer - The tokenizer that the ids are from. */
  constructor(tokenizer: Tokenizer, { skipSpecialTokens = true }: DecodeOptions = {}) {
    this.#tokenizer = tokenizer;
    this.#skipSpecialTokens = skipSpecialTokens;
  }

  /**
   * The characters that `tokenId` completes; `""` when it completes none.
   *
   * @throws {InvalidArgumentError} for an id outside the vocabulary; the stream is as before.
   */
  push(tokenId: number): string {
    if (this.#skipSpecialTokens && this.#tokenizer.isSpecial(tokenId)) {
      return "";
    }
    return this.#utf8.decode(this.#tokenizer.tokenBytes(tokenId), { stream: true });
  }

  /** What is held back, as U+FFFD; `""` when nothing is. The stream begins anew. */
  flush(): string {
    return this.#utf8.decode();
  }
}
