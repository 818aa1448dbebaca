import { type CacheOptions, SequenceCache } from "./sequence-cache";
import { type DynamicStoreOptions, dynamicStore } from "./stores/dynamic-store";

/** Settings of a {@link DynamicCache}. */
export interface DynamicCacheOptions extends Omit<CacheOptions, "store">, DynamicStoreOptions {}

/**
 * The cache of one sequence with the default store: each layer in one contiguous range that grows
 * geometrically.
 *
 * @example
 * ```ts
 * using cache = new DynamicCache({ device, layers: 30, kvHeads: 3, headDim: 64 });
 * const { keys, values } = cache.update(0, newKeys, newValues); // [T, Hkv, D] in, [Hkv, S, D] out
 * ```
 */
export class DynamicCache extends SequenceCache {
  /** @throws {CacheError} when a size is not a positive integer. */
  constructor({ initialCapacity, ...options }: DynamicCacheOptions) {
    const settings = initialCapacity === undefined ? {} : { initialCapacity };
    super({ ...options, store: dynamicStore(settings) });
  }
}
