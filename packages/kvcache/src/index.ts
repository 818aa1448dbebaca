export type { CacheViews, DynamicCacheOptions } from "./dynamic-cache";
export { DynamicCache } from "./dynamic-cache";
export { CacheError } from "./errors";
