/** A set of bytes. Never changes once made. */
export class ByteSet {
  static readonly none = new ByteSet(new Uint32Array(8));
  static readonly all = new ByteSet(new Uint32Array(8).fill(0xffff_ffff));

  readonly #words: Uint32Array;
  /** Equal for equal sets. */
  readonly key: string;

  private constructor(words: Uint32Array) {
    this.#words = words;
    this.key = words.join();
  }

  /** One byte. */
  static single(byte: number): ByteSet {
    singles[byte] ??= ByteSet.of([byte]);
    return singles[byte];
  }

  /** The bytes from `low` to `high`, both included. */
  static range(low: number, high: number): ByteSet {
    const words = new Uint32Array(8);
    for (let byte = low; byte <= high; byte += 1) addTo(words, byte);
    return new ByteSet(words);
  }

  /** These bytes. */
  static of(bytes: Iterable<number>): ByteSet {
    const words = new Uint32Array(8);
    for (const byte of bytes) addTo(words, byte);
    return new ByteSet(words);
  }

  get isEmpty(): boolean {
    return this.#words.every((word) => word === 0);
  }

  has(byte: number): boolean {
    return (((this.#words[byte >> 5] as number) >>> (byte & 31)) & 1) === 1;
  }

  union(other: ByteSet): ByteSet {
    if (this.isSupersetOf(other)) return this;
    return new ByteSet(this.#words.map((word, index) => word | (other.#words[index] as number)));
  }

  isDisjointFrom(other: ByteSet): boolean {
    return this.#words.every((word, index) => (word & (other.#words[index] as number)) === 0);
  }

  isSupersetOf(other: ByteSet): boolean {
    return other.#words.every((word, index) => (word & ~(this.#words[index] as number)) === 0);
  }

  /** The bytes, ascending. */
  *[Symbol.iterator](): Generator<number> {
    for (let byte = 0; byte < 256; byte += 1) {
      if (this.has(byte)) yield byte;
    }
  }
}

/** Most sets are of one byte. */
const singles: ByteSet[] = [];

function addTo(words: Uint32Array, byte: number): void {
  words[byte >> 5] = (words[byte >> 5] as number) | (1 << (byte & 31));
}
