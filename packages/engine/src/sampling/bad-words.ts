import type { Tokenizer } from "@x/models";

/** Tokens that would complete a text that the answer must not contain. */
export class BadWords {
  readonly #sequences: readonly (readonly number[])[];

  /** A word is looked for as it is and with a space before it, as words stand in a sentence. */
  constructor(words: readonly string[], tokenizer: Tokenizer) {
    this.#sequences = words
      .flatMap((word) => [word, ` ${word.trimStart()}`])
      .map((text) => tokenizer.encode(text, { addSpecialTokens: false }))
      .filter((tokenIds) => tokenIds.length > 0);
  }

  /** Rules out each token that would complete a word after `outputTokens`. */
  apply(logits: Float32Array, outputTokens: ArrayLike<number>): void {
    for (const sequence of this.#sequences) {
      const prefix = sequence.length - 1;
      const start = outputTokens.length - prefix;
      if (start < 0) continue;
      let matches = true;
      for (let index = 0; index < prefix && matches; index++) {
        matches = outputTokens[start + index] === sequence[index];
      }
      if (matches) logits[sequence[prefix] as number] = -Infinity;
    }
  }
}
