import { assign, type Device, keep, ShapeError, type Tensor, zeros } from "@x/tensor";
import { CacheError } from "./errors";

/** Settings of a {@link DynamicCache}. */
export interface DynamicCacheOptions {
  readonly device: Device;
  /** Number of layers. */
  readonly layers: number;
  /** `Hkv`: key/value heads. */
  readonly kvHeads: number;
  /** `D`: elements of a head. */
  readonly headDim: number;
  /** Tokens to make room for at first. Default 64; it doubles as needed. */
  readonly initialCapacity?: number;
}

/** What a layer attends to: views of the cache, valid until the next call that changes it. */
export interface CacheViews {
  /** float32 `[Hkv, S, D]`: the keys of all `S` tokens so far. */
  readonly keys: Tensor;
  /** float32 `[Hkv, S, D]`. */
  readonly values: Tensor;
}

interface Layer {
  keys: Tensor;
  values: Tensor;
  length: number;
  capacity: number;
}

/**
 * Keys and values of one sequence, layer by layer, in one contiguous range each that grows
 * geometrically: appending is amortized O(1), and attention reads the cache in place.
 *
 * Memory: `2 · layers · Hkv · D · capacity · 4` bytes, see {@link DynamicCache.bytes}.
 *
 * @example
 * ```ts
 * using cache = new DynamicCache({ device, layers: 30, kvHeads: 3, headDim: 64 });
 * const { keys, values } = cache.update(0, newKeys, newValues); // [T, Hkv, D] in, [Hkv, S, D] out
 * ```
 */
export class DynamicCache implements Disposable {
  readonly #options: Required<DynamicCacheOptions>;
  readonly #layers: (Layer | undefined)[];

  /** @throws {CacheError} when a size is not a positive integer. */
  constructor(options: DynamicCacheOptions) {
    this.#options = { initialCapacity: 64, ...options };
    for (const name of ["layers", "kvHeads", "headDim", "initialCapacity"] as const) {
      const value = this.#options[name];
      if (Number.isSafeInteger(value) && value > 0) continue;
      throw new CacheError(`DynamicCache: ${name} is ${value}; use a positive integer`, { value });
    }
    this.#layers = new Array<Layer | undefined>(options.layers).fill(undefined);
  }

  /** Number of layers. */
  get layers(): number {
    return this.#options.layers;
  }

  /** Tokens held by layer `layer`; by the first one by default. */
  length(layer = 0): number {
    this.#assertLayer(layer);
    return this.#layers[layer]?.length ?? 0;
  }

  /** Bytes reserved for keys and values. */
  get bytes(): number {
    const { kvHeads, headDim } = this.#options;
    const perToken = 2 * kvHeads * headDim * Float32Array.BYTES_PER_ELEMENT;
    return this.#layers.reduce((sum, layer) => sum + (layer?.capacity ?? 0) * perToken, 0);
  }

  /**
   * Appends `T` tokens to a layer.
   *
   * @param layer - 0 to `layers - 1`.
   * @param keys - float32 `[T, Hkv, D]`. Copied; dispose it as you like.
   * @param values - float32 `[T, Hkv, D]`.
   * @returns Views of all tokens of the layer. Dispose both after use.
   * @throws {ShapeError} when the shapes are not the cache's. Nothing is appended.
   */
  update(layer: number, keys: Tensor, values: Tensor): CacheViews {
    this.#assertLayer(layer);
    const tokens = this.#assertEntries(keys, values);
    const entry = this.#reserve(layer, tokens);
    this.#write(entry.keys, keys, entry.length);
    this.#write(entry.values, values, entry.length);
    entry.length += tokens;
    return {
      keys: entry.keys.slice(1, 0, entry.length),
      values: entry.values.slice(1, 0, entry.length),
    };
  }

  /**
   * Forgets all but the first `length` tokens of every layer. The memory stays reserved.
   *
   * @throws {CacheError} when a layer holds fewer.
   */
  crop(length: number): void {
    const held = this.length();
    if (!Number.isInteger(length) || length < 0 || length > held) {
      throw new CacheError(`crop: cannot keep ${length} tokens of ${held}; use 0 to ${held}`, {
        length,
        held,
      });
    }
    for (const layer of this.#layers) {
      if (layer !== undefined) layer.length = Math.min(layer.length, length);
    }
  }

  /** Forgets every token and frees the memory. The cache can be used again. */
  reset(): void {
    for (const [index, layer] of this.#layers.entries()) {
      layer?.keys.dispose();
      layer?.values.dispose();
      this.#layers[index] = undefined;
    }
  }

  /** As {@link reset}. */
  dispose(): void {
    this.reset();
  }

  /** As `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #write(target: Tensor, entries: Tensor, start: number): void {
    const tokens = entries.dimension(0);
    using window = target.slice(1, start, start + tokens);
    using byHead = entries.permute([1, 0, 2]); // [Hkv, T, D]
    assign(window, byHead);
  }

  #reserve(index: number, tokens: number): Layer {
    const { device, kvHeads, headDim, initialCapacity } = this.#options;
    const layer = this.#layers[index];
    const needed = (layer?.length ?? 0) + tokens;
    if (layer !== undefined && needed <= layer.capacity) return layer;
    let capacity = layer?.capacity ?? initialCapacity;
    while (capacity < needed) capacity *= 2;
    const shape = [kvHeads, capacity, headDim];
    const keys = keep(zeros(shape, { device }));
    const values = keep(zeros(shape, { device }));
    const grown: Layer = { keys, values, length: layer?.length ?? 0, capacity };
    if (layer !== undefined) {
      moveTokens(layer.keys, keys, layer.length);
      moveTokens(layer.values, values, layer.length);
    }
    this.#layers[index] = grown;
    return grown;
  }

  #assertLayer(layer: number): void {
    if (Number.isInteger(layer) && layer >= 0 && layer < this.#options.layers) return;
    const last = this.#options.layers - 1;
    throw new CacheError(`the cache has no layer ${layer}; use 0 to ${last}`, { layer, last });
  }

  #assertEntries(keys: Tensor, values: Tensor): number {
    const { kvHeads, headDim } = this.#options;
    const [tokens = 0] = keys.shape;
    const expected = `${tokens},${kvHeads},${headDim}`;
    if (keys.shape.join() === expected && values.shape.join() === expected) return tokens;
    throw new ShapeError(
      `update: keys [${keys.shape.join(", ")}] and values [${values.shape.join(", ")}] do not fit; use [T, ${kvHeads}, ${headDim}] for both`,
      { keys: keys.shape, values: values.shape, kvHeads, headDim },
    );
  }
}

function moveTokens(source: Tensor, target: Tensor, length: number): void {
  using from = source.slice(1, 0, length);
  using to = target.slice(1, 0, length);
  assign(to, from);
  source.dispose();
}
