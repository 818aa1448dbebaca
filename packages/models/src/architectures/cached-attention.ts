import type { SequenceCache } from "@x/kvcache";
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
  return groupedQueryAttention(queries, views, observe);
}
