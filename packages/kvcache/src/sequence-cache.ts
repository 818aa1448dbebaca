import type { Device, Tensor } from "@x/tensor";
import { assertEntries, assertIndexes, assertSizes } from "./checks";
import { CacheError } from "./errors";
import type {
  CacheStore,
  CacheViews,
  LayerGeometry,
  LayerGroup,
  LayerStore,
  RotateKeys,
} from "./layer-store";
import { dynamicStore } from "./stores/dynamic-store";

/** Settings of a cache. */
export interface CacheOptions {
  readonly device: Device;
  /** Number of layers. */
  readonly layers: number;
  /** `Hkv`: key/value heads. */
  readonly kvHeads: number;
  /** `D`: elements of a head. */
  readonly headDim: number;
  /** How to keep keys and values: one way for all layers, or one for each. Default `dynamicStore()`. */
  readonly store?: CacheStore | ((layer: number) => CacheStore) | undefined;
  /** The model's rotary embedding, which `sinkStore` needs. */
  readonly rotateKeys?: RotateKeys | undefined;
}

/** The layers of one kind, with their numbers in the model. */
interface Part {
  readonly store: CacheStore;
  readonly layers: readonly number[];
  readonly group: LayerGroup;
}

/**
 * What a model remembers of one sequence: keys and values, layer by layer, in one of the stores or
 * in several. A call that throws has changed nothing.
 *
 * @example
 * ```ts
 * using cache = new SequenceCache({ device, layers: 30, kvHeads: 3, headDim: 64, store: slidingStore({ window: 256 }) });
 * const { keys, values } = cache.update(0, newKeys, newValues); // [T, Hkv, D] in, [Hkv, S, D] out
 * ```
 */
export class SequenceCache implements Disposable {
  readonly #options: CacheOptions;
  readonly #parts: readonly Part[];
  readonly #stores: readonly LayerStore[];

  /** @throws {CacheError} when a size is not a positive integer, or a store cannot be made. */
  constructor(options: CacheOptions, parts: readonly Part[] = openParts(options)) {
    this.#options = options;
    this.#parts = parts;
    const stores: LayerStore[] = [];
    for (const { layers, group } of parts) {
      for (const [index, layer] of layers.entries()) {
        const store = group.layers[index];
        if (store !== undefined) stores[layer] = store;
      }
    }
    this.#stores = stores;
  }

  /** Number of layers. */
  get layers(): number {
    return this.#options.layers;
  }

  /** Sizes of a layer, and its device. */
  get geometry(): LayerGeometry {
    return this.#options;
  }

  /** Each layer's store with its settings: what a saved cache must agree with. */
  get descriptions(): readonly string[] {
    const descriptions: string[] = [];
    for (const { store, layers } of this.#parts) {
      for (const layer of layers) descriptions[layer] = store.description;
    }
    return descriptions;
  }

  /** Tokens that layer `layer` has taken in; the first one by default. */
  length(layer = 0): number {
    return this.layer(layer).length;
  }

  /** Entries that layer `layer` keeps: as many as `length`, or fewer where old ones are dropped. */
  held(layer = 0): number {
    return this.layer(layer).held;
  }

  /** Position of each entry of a layer, in the order of {@link view}. */
  positions(layer = 0): Int32Array {
    return this.layer(layer).positions();
  }

  /** Bytes of memory in use. Blocks shared with `n` sequences count for `1/n` in each. */
  get bytes(): number {
    return Math.round(this.#stores.reduce((sum, store) => sum + store.bytes, 0));
  }

  /** Bytes that an offloading store has moved out of the device's memory. */
  get offloadedBytes(): number {
    return this.#stores.reduce((sum, store) => sum + (store.offloadedBytes ?? 0), 0);
  }

  /** The store of a layer. @throws {CacheError} when there is no such layer. */
  layer(layer: number): LayerStore {
    const store = this.#stores[layer];
    if (store !== undefined) return store;
    const last = this.#options.layers - 1;
    throw new CacheError(`the cache has no layer ${layer}; use 0 to ${last}`, { layer, last });
  }

  /** Position that the first of `tokens` new tokens has in a layer: its rotary position. */
  firstPosition(layer: number, tokens: number): number {
    const store = this.layer(layer);
    return store.firstPosition?.(tokens) ?? store.length;
  }

  /**
   * Checks that `tokens` more fit every layer.
   *
   * @throws {CacheOverflowError} when they do not.
   */
  assertRoom(tokens: number): void {
    for (const store of this.#stores) store.assertRoom?.(tokens);
  }

  /**
   * Appends `T` tokens to a layer.
   *
   * @param layer - 0 to `layers - 1`.
   * @param keys - float32 `[T, Hkv, D]`. Copied; dispose it as you like.
   * @param values - float32 `[T, Hkv, D]`.
   * @returns Views of what the new tokens attend to, valid until the next call that changes the
   * cache. Dispose both after use.
   * @throws {ShapeError} when the shapes are not the cache's; {@link CacheOverflowError} when the
   * store is full.
   */
  update(layer: number, keys: Tensor, values: Tensor): CacheViews {
    return this.#writable(layer, keys, values).update(keys, values);
  }

  /** As {@link update}, without the views. */
  append(layer: number, keys: Tensor, values: Tensor): void {
    this.#writable(layer, keys, values).append(keys, values);
  }

  /**
   * Appends one token and attends to it and all before, where the store can do that faster than by
   * handing out views: quantized ones, straight from the packed numbers.
   *
   * @param queries - float32 `[1, Hq, D]`, not scaled; `Hq` is a multiple of `Hkv`.
   * @param keys - float32 `[1, Hkv, D]`.
   * @param values - float32 `[1, Hkv, D]`.
   * @returns float32 `[1, Hq · D]`, or `undefined` when the store cannot; nothing is appended then.
   */
  attend(layer: number, queries: Tensor, keys: Tensor, values: Tensor): Tensor | undefined {
    const store = this.layer(layer);
    if (store.attend === undefined) return undefined;
    return this.#writable(layer, keys, values).attend?.(queries, keys, values);
  }

  /**
   * Tells a layer how much attention its entries got, for policies that choose by it.
   *
   * @param weights - float32 `[Hq, T, S]`, over the entries last viewed.
   */
  observe(layer: number, weights: Tensor): void {
    this.layer(layer).observe?.(weights);
  }

  /** All entries of a layer, in the order of {@link positions}. Dispose both tensors after use. */
  view(layer: number): CacheViews {
    return this.layer(layer).view();
  }

  /** Whether {@link crop} can go back to `length` tokens: not where later ones overwrote them. */
  canCrop(length: number): boolean {
    return this.#stores.every((store) => store.canCrop(Math.min(length, store.length)));
  }

  /**
   * Forgets all but the first `length` tokens of every layer. The memory stays reserved, except for
   * blocks of a pool.
   *
   * @throws {CacheError} when a layer holds fewer, or has dropped tokens that would be needed.
   */
  crop(length: number): void {
    const held = this.length();
    if (!Number.isInteger(length) || length < 0 || length > held) {
      throw new CacheError(`crop: cannot keep ${length} tokens of ${held}; use 0 to ${held}`, {
        length,
        held,
      });
    }
    if (!this.canCrop(length)) {
      throw new CacheError(
        `crop: cannot go back to ${length} tokens of ${held}, because older ones were dropped; reset() and start again`,
        { length, held },
      );
    }
    for (const store of this.#stores) store.crop(Math.min(length, store.length));
  }

  /** A copy that goes its own way; it shares blocks of a pool until one side writes. */
  fork(): SequenceCache {
    const parts: Part[] = [];
    try {
      for (const part of this.#parts) parts.push({ ...part, group: part.group.fork() });
    } catch (error) {
      for (const { group } of parts) for (const store of group.layers) store.reset();
      throw error;
    }
    return new SequenceCache(this.#options, parts);
  }

  /** Brings bounded layers back to their bound now, rather than at the next update. */
  evict(): void {
    for (const store of this.#stores) store.evict?.();
  }

  /**
   * Keeps the given entries of a layer only.
   *
   * @param indexes - Ascending indexes into {@link positions}.
   * @throws {CacheError} when the store cannot drop entries, or an index is wrong.
   */
  keepEntries(layer: number, indexes: readonly number[]): void {
    const store = this.layer(layer);
    assertIndexes(indexes, store.held);
    if (store.keepEntries === undefined) {
      throw new CacheError(
        `keepEntries: layer ${layer} keeps all or chooses itself; use boundedStore`,
        { layer },
      );
    }
    store.keepEntries(indexes);
  }

  /** Forgets every token and frees the memory. The cache can be used again. */
  reset(): void {
    for (const store of this.#stores) store.reset();
  }

  /** As {@link reset}. */
  dispose(): void {
    this.reset();
  }

  /** As `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #writable(layer: number, keys: Tensor, values: Tensor): LayerStore {
    const store = this.layer(layer);
    const tokens = assertEntries(this.#options, keys, values);
    store.assertRoom?.(tokens);
    return store;
  }
}

function openParts(options: CacheOptions): Part[] {
  const { layers, kvHeads, headDim, store: choice = dynamicStore() } = options;
  assertSizes("the cache", { layers, kvHeads, headDim });
  const byStore = new Map<CacheStore, number[]>();
  for (let layer = 0; layer < layers; layer++) {
    const store = typeof choice === "function" ? choice(layer) : choice;
    const numbers = byStore.get(store) ?? [];
    byStore.set(store, [...numbers, layer]);
  }
  return [...byStore].map(([store, numbers]) => ({
    store,
    layers: numbers,
    group: store.open(options, numbers.length),
  }));
}
