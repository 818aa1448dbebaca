/** Finds tokens that stand for themselves in text, wherever they are, the longest first. */
export class SpecialTokenSplitter {
  readonly #idOfText: ReadonlyMap<string, number>;
  readonly #pattern: RegExp | undefined;

  /** @param idOfText - Token id by text. */
  constructor(idOfText: ReadonlyMap<string, number>) {
    this.#idOfText = idOfText;
    // The first alternative that matches wins, so longer ones come first.
    const texts = [...idOfText.keys()].sort((left, right) => right.length - left.length);
    this.#pattern =
      texts.length === 0 ? undefined : new RegExp(`(${texts.map(escaped).join("|")})`);
  }

  /** Text and token ids in the order of `text`. Empty pieces of text are left out. */
  split(text: string): (string | number)[] {
    const pieces = this.#pattern === undefined ? [text] : text.split(this.#pattern);
    const parts: (string | number)[] = [];
    for (const [index, piece] of pieces.entries()) {
      // A split by a group gives text and matches by turns.
      const tokenId = index % 2 === 1 ? this.#idOfText.get(piece) : undefined;
      if (tokenId !== undefined) {
        parts.push(tokenId);
      } else if (piece !== "") {
        parts.push(piece);
      }
    }
    return parts;
  }
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
