import type { CacheViews } from "@x/kvcache";
import { add, contiguous, matmul, mul, softmax, type Tensor, tidy } from "@x/tensor";
import { causalMask } from "./causal-mask";

/**
 * Softmax attention of one sequence's new tokens over its cache, with groups of query heads that
 * share a key/value head (Ainslie et al. 2023, arXiv 2305.13245). Scores are held in full, `[H, T,
 * S]`.
 *
 * @param queries - float32 `[T, H, D]`; the tokens are the last `T` of the cache's `S`.
 * @param cache - Keys and values, float32 `[Hkv, S, D]`; `H` is a multiple of `Hkv`.
 * @param observe - Is given the weights, float32 `[H, T, S]`.
 * @returns float32 `[T, H · D]`.
 */
export function groupedQueryAttention(
  queries: Tensor,
  { keys, values, window }: CacheViews,
  observe?: (weights: Tensor) => void,
): Tensor {
  return tidy(() => {
    const [tokens = 0, heads = 0, headDim = 0] = queries.shape;
    const [kvHeads = 0, total = 0] = keys.shape;
    const group = heads / kvHeads;
    const byHead = contiguous(queries.permute([1, 0, 2])); // [H, T, D]
    const grouped = byHead.reshape([kvHeads, group * tokens, headDim]); // [Hkv, G·T, D]
    const scaled = mul(grouped, 1 / Math.sqrt(headDim));
    let scores = matmul(scaled, keys.transpose()); // [Hkv, G·T, S]
    if (tokens > 1) {
      const masked = add(
        scores.reshape([heads, tokens, total]),
        causalMask(queries.device, tokens, total, window),
      );
      scores = masked.reshape([kvHeads, group * tokens, total]);
    }
    const weights = softmax(scores);
    observe?.(weights.reshape([heads, tokens, total]));
    const mixed = matmul(weights, values); // [Hkv, G·T, D]
    const byToken = mixed.reshape([heads, tokens, headDim]).permute([1, 0, 2]); // [T, H, D]
    return contiguous(byToken).reshape([tokens, heads * headDim]);
  });
}
