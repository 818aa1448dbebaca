import { SafetensorsError } from "../errors";

/** Dimensions that a tensor may have: as many as NumPy's. */
const maximumRank = 64;

/**
 * Walks through the JSON of a header, which has one fixed form. `JSON.parse` would keep the last of
 * two equal names, round large numbers and take as much memory as the text asks for.
 */
export class HeaderCursor {
  readonly #name: string;
  readonly #text: string;
  #position = 0;

  /** @param name - What errors call the file. */
  constructor(name: string, text: string) {
    this.#name = name;
    this.#text = text;
  }

  /** `{ "key": value, … }`: calls `value` for each key, to read what follows. */
  object(value: (key: string) => void): void {
    const keys = new Set<string>();
    this.#expect("{");
    if (this.#accept("}")) return;
    do {
      const key = this.string();
      if (keys.has(key)) throw this.failure(`the name ${JSON.stringify(key)} appears twice`);
      keys.add(key);
      this.#expect(":");
      value(key);
    } while (this.#accept(","));
    this.#expect("}");
  }

  /** A string that UTF-8 can hold. */
  string(): string {
    this.#expect('"');
    const start = this.#position - 1;
    for (; this.#text[this.#position] !== '"'; this.#position++) {
      if (this.#text[this.#position] === "\\") this.#position++;
      if (this.#position >= this.#text.length) throw this.failure("a string does not end");
    }
    this.#position++;
    let value: string;
    try {
      value = JSON.parse(this.#text.slice(start, this.#position));
    } catch {
      throw this.failure("a string holds a control character or an unknown escape");
    }
    if (/\p{Surrogate}/u.test(value)) throw this.failure("a string holds half a character");
    return value;
  }

  /** `[1, 2, …]`: integers of 0 or more. */
  integers(): number[] {
    const values: number[] = [];
    this.#expect("[");
    if (this.#accept("]")) return values;
    do {
      if (values.length === maximumRank) {
        throw this.failure(`a list holds more than ${maximumRank} numbers`);
      }
      values.push(this.#integer());
    } while (this.#accept(","));
    this.#expect("]");
    return values;
  }

  /** @throws {SafetensorsError} when text other than white space is left. */
  end(): void {
    this.#skipSpace();
    if (this.#position < this.#text.length) throw this.failure("text follows the header");
  }

  /** @param problem - What is wrong here. */
  failure(problem: string): SafetensorsError {
    return new SafetensorsError(
      `${this.#name}: ${problem}, at character ${this.#position} of the header; the file is damaged or not in this format`,
      { name: this.#name, position: this.#position },
    );
  }

  #integer(): number {
    this.#skipSpace();
    const start = this.#position;
    let value = 0;
    for (; ; this.#position++) {
      const digit = this.#text.charCodeAt(this.#position) - 48;
      if (!(digit >= 0 && digit <= 9)) break;
      value = value * 10 + digit;
      if (!Number.isSafeInteger(value)) throw this.failure("a number exceeds 2^53");
    }
    const length = this.#position - start;
    if (length === 0 || (length > 1 && this.#text[start] === "0")) {
      throw this.failure("an integer of 0 or more is missing");
    }
    return value;
  }

  #expect(character: string): void {
    if (!this.#accept(character)) throw this.failure(`"${character}" is missing`);
  }

  #accept(character: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#position] !== character) return false;
    this.#position++;
    return true;
  }

  #skipSpace(): void {
    while (" \n\r\t".includes(this.#text[this.#position] ?? "?")) this.#position++;
  }
}
