import type { BlockShape } from "./block-layout";
import type { FloatRows } from "./packed-block";
import type { PackedMemory } from "./packed-memory";

/** The newest tokens in float32, `[Hkv, capacity, D]` keys and then values, beside the packed ones. */
export class ResidualRows {
  readonly capacity: number;
  readonly #memory: PackedMemory;
  readonly #shape: BlockShape;
  #offset = 0;
  #length = 0;

  constructor(memory: PackedMemory, shape: BlockShape, capacity: number) {
    this.#memory = memory;
    this.#shape = shape;
    this.capacity = capacity;
  }

  /** Tokens held. */
  get length(): number {
    return this.#length;
  }

  /** Tokens that fit besides. */
  get room(): number {
    return this.capacity - this.#length;
  }

  /** Where the keys lie in the memory; 0 while there are none. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes reserved. */
  get bytes(): number {
    return this.#offset === 0 ? 0 : this.#byteLength;
  }

  /** The keys, from the oldest on. */
  keys(): FloatRows {
    return { elements: this.#elements(0), capacity: this.capacity, start: 0 };
  }

  /** The values, from the oldest on. */
  values(): FloatRows {
    return { elements: this.#elements(1), capacity: this.capacity, start: 0 };
  }

  /** Adds tokens `start` to `start + count` of `[T, Hkv, D]`. */
  append(keys: Float32Array, values: Float32Array, start: number, count: number): void {
    const { kvHeads, headDim } = this.#shape;
    if (this.#offset === 0) this.#offset = this.#memory.allocate(this.#byteLength);
    for (const [index, source] of [keys, values].entries()) {
      const target = this.#elements(index);
      for (let token = 0; token < count; token++) {
        for (let head = 0; head < kvHeads; head++) {
          const from = ((start + token) * kvHeads + head) * headDim;
          const row = head * this.capacity + this.#length + token;
          target.set(source.subarray(from, from + headDim), row * headDim);
        }
      }
    }
    this.#length += count;
  }

  /** Forgets the oldest `count` tokens. */
  dropFirst(count: number): void {
    const { kvHeads, headDim } = this.#shape;
    for (const index of [0, 1]) {
      const elements = this.#elements(index);
      for (let head = 0; head < kvHeads; head++) {
        const first = head * this.capacity * headDim;
        const end = first + this.#length * headDim;
        elements.copyWithin(first, first + count * headDim, end);
      }
    }
    this.#length -= count;
  }

  /** Forgets the newest tokens, down to `length`. */
  truncate(length: number): void {
    this.#length = Math.min(this.#length, length);
  }

  /** Copies the rows into keys and values of another capacity. */
  copyTo(
    keys: Float32Array,
    values: Float32Array,
    { capacity, start }: Omit<FloatRows, "elements">,
  ): void {
    if (this.#length === 0) return;
    const { kvHeads, headDim } = this.#shape;
    for (const [index, target] of [keys, values].entries()) {
      const source = this.#elements(index);
      for (let head = 0; head < kvHeads; head++) {
        const from = head * this.capacity * headDim;
        const rows = source.subarray(from, from + this.#length * headDim);
        target.set(rows, (head * capacity + start) * headDim);
      }
    }
  }

  /** Takes the rows of another of the same sizes. */
  copyFrom(other: ResidualRows): void {
    this.load(other.save());
  }

  /** The rows as bytes: keys `[Hkv, S, D]`, then values. */
  save(): Uint8Array {
    const { kvHeads, headDim } = this.#shape;
    const size = kvHeads * this.#length * headDim;
    const saved = new Float32Array(2 * size);
    const at = { capacity: this.#length, start: 0 };
    this.copyTo(saved.subarray(0, size), saved.subarray(size), at);
    return new Uint8Array(saved.buffer);
  }

  /** Whether `bytes` are whole rows that fit. */
  takes(bytes: Uint8Array): boolean {
    const { kvHeads, headDim } = this.#shape;
    const rows = bytes.length / (2 * kvHeads * headDim * Float32Array.BYTES_PER_ELEMENT);
    return Number.isInteger(rows) && rows <= this.capacity;
  }

  /** Takes what {@link save} gave. */
  load(bytes: Uint8Array): void {
    const { kvHeads, headDim } = this.#shape;
    const saved = new Float32Array(bytes.slice().buffer);
    const length = saved.length / (2 * kvHeads * headDim);
    if (length === 0) return;
    if (this.#offset === 0) this.#offset = this.#memory.allocate(this.#byteLength);
    for (const index of [0, 1]) {
      const target = this.#elements(index);
      for (let head = 0; head < kvHeads; head++) {
        const from = (index * kvHeads + head) * length * headDim;
        const rows = saved.subarray(from, from + length * headDim);
        target.set(rows, head * this.capacity * headDim);
      }
    }
    this.#length = length;
  }

  /** Frees the memory. */
  reset(): void {
    if (this.#offset !== 0) this.#memory.free(this.#offset, this.#byteLength);
    this.#offset = 0;
    this.#length = 0;
  }

  get #byteLength(): number {
    const { kvHeads, headDim } = this.#shape;
    return 2 * kvHeads * this.capacity * headDim * Float32Array.BYTES_PER_ELEMENT;
  }

  #elements(index: number): Float32Array {
    const size = this.#byteLength / 8;
    return this.#memory.floats(this.#offset + index * size * 4, size);
  }
}
