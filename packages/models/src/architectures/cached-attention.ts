import { flashAttention } from "@x/flash";
import type { CacheViews, SequenceCache } from "@x/kvcache";
import type { Tensor } from "@x/tensor";
import { groupedQueryAttention } from "./grouped-query-attention";

/**
 * Appends new tokens of a sequence to a layer of its cache, and attends from them to all that the
 * cache keeps.
 *
 * @param queries - float32 `[T, H, D]`.
 * @param keys - float32 `[T, Hkv, D]`.
 * @param values - float32 `[T, Hkv, D]`.
 * @returns float32 `[T, H · D]`.
 */
export function cachedAttention(
  cache: SequenceCache,
  layer: number,
  queries: Tensor,
  keys: Tensor,
  values: Tensor,
): Tensor {
  if (queries.dimension(0) === 1) {
    const attended = cache.attend(layer, queries, keys, values);
    if (attended !== undefined) return attended;
  }
  const views = cache.update(layer, keys, values);
  const { observe } = cache.layer(layer);
  // In gpu.js, tiles cannot share what they read: there the products of whole matrices are faster.
  const { kernels } = queries.device;
  const hasTiles = kernels === "simd" || kernels === "relaxed-simd";
  if (observe !== undefined || !hasTiles) return groupedQueryAttention(queries, views, observe);
  return tiledAttention(queries, views);
}

/** As {@link groupedQueryAttention}, without the scores of all pairs. */
function tiledAttention(queries: Tensor, { keys, values, window }: CacheViews): Tensor {
  const [tokens = 0, heads = 0, headDim = 0] = queries.shape;
  using byToken = keys.permute([1, 0, 2]); // [S, Hkv, D]
  using valuesByToken = values.permute([1, 0, 2]); // [S, Hkv, D]
  using attended = flashAttention(queries, byToken, valuesByToken, {
    causal: true,
    ...(window !== undefined && { window: { left: window - 1 } }),
  }); // [T, H, D]
  return attended.reshape([tokens, heads * headDim]);
}
