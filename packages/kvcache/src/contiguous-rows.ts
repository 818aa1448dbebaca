import { assign, embedding, empty, keep, type Tensor, tensor, zeros } from "@x/tensor";
import type { CacheViews, LayerGeometry, LayerSnapshot } from "./layer-store";

/**
 * Keys and values in one gapless range per head, `[Hkv, capacity, D]` each: the layout that a
 * matrix product reads fastest.
 */
export class ContiguousRows {
  readonly #geometry: LayerGeometry;
  #keys: Tensor | undefined;
  #values: Tensor | undefined;
  #capacity = 0;
  #length = 0;

  constructor(geometry: LayerGeometry) {
    this.#geometry = geometry;
  }

  /** Rows held. */
  get length(): number {
    return this.#length;
  }

  /** Rows that fit without growing. */
  get capacity(): number {
    return this.#capacity;
  }

  /** Bytes reserved. */
  get bytes(): number {
    return this.#capacity * rowBytes(this.#geometry);
  }

  /** Makes room for `capacity` rows at least; the rows held move along. */
  reserve(capacity: number): void {
    if (capacity <= this.#capacity) return;
    const { device, kvHeads, headDim } = this.#geometry;
    const shape = [kvHeads, capacity, headDim];
    const keys = keep(zeros(shape, { device }));
    const values = keepOrDispose(keys, () => zeros(shape, { device }));
    if (this.#length > 0) {
      using held = this.views();
      copyRows(held.keys, keys, 0);
      copyRows(held.values, values, 0);
    }
    this.#keys?.dispose();
    this.#values?.dispose();
    this.#keys = keys;
    this.#values = values;
    this.#capacity = capacity;
  }

  /** Adds rows `[T, Hkv, D]`, for which there must be room. */
  append(keys: Tensor, values: Tensor): void {
    if (this.#keys === undefined || this.#values === undefined) return;
    writeTokens(this.#keys, keys, this.#length);
    writeTokens(this.#values, values, this.#length);
    this.#length += keys.dimension(0);
  }

  /** Rows `start` to `end`, `[Hkv, end - start, D]`, without a copy. */
  views(start = 0, end = this.#length): CacheViews & Disposable {
    if (this.#keys === undefined || this.#values === undefined) {
      const { device, kvHeads, headDim } = this.#geometry;
      const none = () => empty([kvHeads, 0, headDim], { device });
      return disposableViews(none(), none());
    }
    return disposableViews(this.#keys.slice(1, start, end), this.#values.slice(1, start, end));
  }

  /** Forgets the rows from `length` on. */
  truncate(length: number): void {
    this.#length = Math.min(this.#length, length);
  }

  /** Keeps the rows of `indexes`, ascending, moved together. */
  keepRows(indexes: readonly number[]): void {
    if (this.#keys === undefined || this.#values === undefined) return;
    if (indexes.length > 0 && indexes.length < this.#length) {
      const { device, kvHeads, headDim } = this.#geometry;
      const rows = Array.from({ length: kvHeads }, (_, head) =>
        indexes.map((index) => head * this.#capacity + index),
      ).flat();
      using ids = tensor(rows, [kvHeads, indexes.length], { device, dtype: "int32" });
      for (const source of [this.#keys, this.#values]) {
        using table = source.reshape([kvHeads * this.#capacity, headDim]);
        using kept = embedding(table, ids); // [Hkv, kept, D]
        copyRows(kept, source, 0);
      }
    }
    this.#length = indexes.length;
  }

  /** A copy with the capacity of this one. */
  copy(): ContiguousRows {
    const copy = new ContiguousRows(this.#geometry);
    if (this.#capacity === 0) return copy;
    copy.reserve(this.#capacity);
    using held = this.views();
    using keys = held.keys.permute([1, 0, 2]);
    using values = held.values.permute([1, 0, 2]);
    copy.append(keys, values);
    return copy;
  }

  /** Frees the memory. */
  reset(): void {
    this.#keys?.dispose();
    this.#values?.dispose();
    this.#keys = undefined;
    this.#values = undefined;
    this.#capacity = 0;
    this.#length = 0;
  }
}

/** Bytes of one token's keys and values in float32. */
export function rowBytes({ kvHeads, headDim }: LayerGeometry): number {
  return 2 * kvHeads * headDim * Float32Array.BYTES_PER_ELEMENT;
}

/** Positions `start` to `end`. */
export function positionRange(start: number, end: number): Int32Array {
  return Int32Array.from({ length: end - start }, (_, index) => start + index);
}

/** Views that `using` disposes. */
export function disposableViews(keys: Tensor, values: Tensor): CacheViews & Disposable {
  return {
    keys,
    values,
    [Symbol.dispose]: () => {
      keys.dispose();
      values.dispose();
    },
  };
}

/** Entries as plain data, from views in the order of ascending `positions`. */
export function snapshotRows(
  { keys, values }: CacheViews,
  length: number,
  positions: Int32Array,
): LayerSnapshot {
  const bytes = (source: Tensor) => {
    const { buffer, byteOffset, byteLength } = source.dataSync();
    return new Uint8Array(buffer, byteOffset, byteLength);
  };
  return {
    format: "rows",
    length,
    positions: [...positions],
    sections: [bytes(keys), bytes(values)],
  };
}

/** The entries of a snapshot of rows as tensors, `[S, Hkv, D]`. Dispose both. */
export function restoreRows(
  { device, kvHeads, headDim }: LayerGeometry,
  { positions, sections }: LayerSnapshot,
): CacheViews & Disposable {
  const load = (section: Uint8Array = new Uint8Array()) => {
    // A copy, because a section may start at an odd byte of a file.
    const elements = new Float32Array(section.slice().buffer);
    using byHead = tensor(elements, [kvHeads, positions.length, headDim], { device });
    return byHead.permute([1, 0, 2]);
  };
  return disposableViews(load(sections[0]), load(sections[1]));
}

/** Copies rows `[Hkv, T, D]` into `target` from row `start` on. */
function copyRows(source: Tensor, target: Tensor, start: number): void {
  using window = target.slice(1, start, start + source.dimension(1));
  assign(window, source);
}

/** Writes tokens `[T, Hkv, D]` into `target`, `[Hkv, capacity, D]`, from row `start` on. */
function writeTokens(target: Tensor, entries: Tensor, start: number): void {
  using byHead = entries.permute([1, 0, 2]); // [Hkv, T, D]
  copyRows(byHead, target, start);
}

/** A kept tensor; when it cannot be made, the one made before it is given back. */
export function keepOrDispose(made: Tensor, make: () => Tensor): Tensor {
  try {
    return keep(make());
  } catch (error) {
    made.dispose();
    throw error;
  }
}
