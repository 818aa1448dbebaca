/** A growable list of 32-bit integers whose contents can be handed out without a copy. */
export class Int32List {
  #data: Int32Array;
  #length = 0;

  constructor(capacity = 8) {
    this.#data = new Int32Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** The storage; only the first `length` elements mean anything. Valid until the list grows. */
  get data(): Int32Array {
    return this.#data;
  }

  at(index: number): number {
    return this.#data[index] as number;
  }

  set(index: number, value: number): void {
    this.#data[index] = value;
  }

  push(value: number): void {
    this.#reserve(this.#length + 1);
    this.#data[this.#length++] = value;
  }

  append(values: ArrayLike<number>): void {
    this.#reserve(this.#length + values.length);
    this.#data.set(values, this.#length);
    this.#length += values.length;
  }

  /** Forgets everything from `length` on. */
  truncate(length: number): void {
    this.#length = length;
  }

  /** A view of elements `start` to `end`. Valid until the list grows. */
  view(start = 0, end = this.#length): Int32Array {
    return this.#data.subarray(start, end);
  }

  #reserve(length: number): void {
    if (length <= this.#data.length) return;
    const grown = new Int32Array(Math.max(length, this.#data.length * 2));
    grown.set(this.view());
    this.#data = grown;
  }
}
