import type { LayerSnapshot } from "@x/kvcache";
import { assign, type Device, empty, KernelProgram, keep, type Tensor, tensor } from "@x/tensor";

/** Tokens that a sequence has room for at first; doubled as needed. */
const initialCapacity = 64;

/** Sizes of {@link SequenceBuffers}. */
export interface SequenceBufferSizes {
  readonly layers: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

/**
 * Keys and values of one sequence as the kernels of a program address them: one range of memory,
 * float32 `[layers · 2 · Hkv, capacity, D]`, keys before values in each layer.
 */
export class SequenceBuffers {
  readonly #device: Device;
  readonly #sizes: SequenceBufferSizes;
  #storage: Tensor | undefined;
  #capacity = 0;
  #revision = 0;

  constructor(device: Device, sizes: SequenceBufferSizes) {
    this.#device = device;
    this.#sizes = sizes;
  }

  /** Where the memory lies. */
  get device(): Device {
    return this.#device;
  }

  /** Bytes held. */
  get bytes(): number {
    const { layers, kvHeads, headDim } = this.#sizes;
    return layers * 2 * kvHeads * this.#capacity * headDim * Float32Array.BYTES_PER_ELEMENT;
  }

  /** Changes whenever the memory lies elsewhere than before. */
  get revision(): number {
    return this.#revision;
  }

  /** Makes room for `tokens` tokens, of which the first `length` are kept. */
  reserve(tokens: number, length: number): void {
    if (tokens <= this.#capacity) return;
    const { layers, kvHeads, headDim } = this.#sizes;
    let capacity = Math.max(initialCapacity, this.#capacity);
    while (capacity < tokens) capacity *= 2;
    const grown = keep(empty([layers * 2 * kvHeads, capacity, headDim], { device: this.#device }));
    if (this.#storage !== undefined && length > 0) {
      using source = this.#storage.slice(1, 0, length);
      using target = grown.slice(1, 0, length);
      assign(target, source);
    }
    this.#storage?.dispose();
    this.#storage = grown;
    this.#capacity = capacity;
    this.#revision++;
  }

  /** Buffers of their own with the first `length` tokens of these. */
  fork(length: number): SequenceBuffers {
    const copy = new SequenceBuffers(this.#device, this.#sizes);
    if (this.#storage === undefined || length === 0) return copy;
    copy.reserve(length, 0);
    if (copy.#storage === undefined) return copy;
    using source = this.#storage.slice(1, 0, length);
    using target = copy.#storage.slice(1, 0, length);
    assign(target, source);
    return copy;
  }

  /** Sizes of a layer. */
  get sizes(): SequenceBufferSizes {
    return this.#sizes;
  }

  /** The first `length` tokens of a layer, as `@x/kvcache` saves them. */
  snapshot(layer: number, length: number): LayerSnapshot {
    const { kvHeads } = this.#sizes;
    const section = (first: number) => {
      if (this.#storage === undefined) return new Uint8Array();
      using heads = this.#storage.slice(0, first, first + kvHeads);
      using rows = heads.slice(1, 0, length); // [Hkv, S, D]
      const { buffer, byteOffset, byteLength } = rows.dataSync();
      return new Uint8Array(buffer, byteOffset, byteLength);
    };
    const positions = Array.from({ length }, (_, position) => position);
    const first = layer * 2 * kvHeads;
    return {
      format: "rows",
      length,
      positions,
      sections: [section(first), section(first + kvHeads)],
    };
  }

  /** Takes a layer of {@link snapshot}. */
  restore(layer: number, { length, sections }: LayerSnapshot): void {
    const { kvHeads, headDim } = this.#sizes;
    this.reserve(length, 0);
    for (const [index, section] of sections.entries()) {
      if (this.#storage === undefined || length === 0) return;
      const first = (layer * 2 + index) * kvHeads;
      const elements = new Float32Array(section.slice().buffer);
      using rows = tensor(elements, [kvHeads, length, headDim], { device: this.#device });
      using heads = this.#storage.slice(0, first, first + kvHeads);
      using target = heads.slice(1, 0, length);
      assign(target, rows);
    }
  }

  /** Writes where layer `layer` lies into row `row` of a cache table. */
  describe(layer: number, table: Int32Array, row: number): void {
    if (this.#storage === undefined) return;
    const { kvHeads, headDim } = this.#sizes;
    const headBytes = this.#capacity * headDim * Float32Array.BYTES_PER_ELEMENT;
    const keys = KernelProgram.addressOf(this.#storage) + layer * 2 * kvHeads * headBytes;
    KernelProgram.writeCache(table, row, { keys, values: keys + kvHeads * headBytes, headBytes });
  }

  /** Frees the memory. Safe to call twice. */
  dispose(): void {
    this.#storage?.dispose();
    this.#storage = undefined;
    this.#capacity = 0;
  }
}
