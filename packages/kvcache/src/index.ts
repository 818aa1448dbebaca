/**
 * Key/value caches: one interface, and every way to keep keys and values behind it.
 *
 * @packageDocumentation
 */

export { restoreCache, type SavableCache, type SavedCacheInfo, saveCache } from "./cache-file";
export { DynamicCache, type DynamicCacheOptions } from "./dynamic-cache";
export * from "./errors";
export {
  type EvictionPolicy,
  type EvictionRequest,
  type HeavyHitterOptions,
  heavyHitterPolicy,
  recentPolicy,
  type SnapOptions,
  snapPolicy,
} from "./eviction-policy";
export { type KVBytesOptions, type KVDType, kvBytes } from "./kv-bytes";
export { KVCache, type SequenceId } from "./kv-cache";
export type {
  CacheStore,
  CacheViews,
  LayerGeometry,
  LayerGroup,
  LayerSnapshot,
  LayerStore,
  RotateKeys,
} from "./layer-store";
export { hostMemory, type OffloadRegion, type OffloadTarget } from "./offload-target";
export { type BlockCopy, PagedPool, type PagedPoolOptions } from "./paged-pool";
export type { QuantizedBits } from "./quantized/codes";
export { type CacheOptions, SequenceCache } from "./sequence-cache";
export { type BoundedStoreOptions, boundedStore } from "./stores/bounded-store";
export {
  type DynamicStoreOptions,
  dynamicStore,
  type StaticStoreOptions,
  staticStore,
} from "./stores/dynamic-store";
export { type OffloadedStoreOptions, offloadedStore } from "./stores/offloaded-store";
export { type PagedStoreOptions, pagedStore } from "./stores/paged-store";
export { type QuantizedStoreOptions, quantizedStore } from "./stores/quantized-store";
export { type SinkStoreOptions, sinkStore } from "./stores/sink-store";
export { type SlidingStoreOptions, slidingStore } from "./stores/sliding-store";
export { fingerprint } from "./xx-hash";
