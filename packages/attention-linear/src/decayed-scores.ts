import { concat, exp, matmul, minimum, mul, sub, sum, type Tensor } from "@x/tensor";

/** Tokens of a block within which the exponents are taken pair by pair. */
const blockSize = 16;

/**
 * `A[i, j] = Σ_d q[i, d] k[j, d] e^(b[i, d] - b[j, d])` for j ≤ i; what lies above the diagonal is
 * finite and meaningless.
 *
 * @param queries - `[B, H, C, K]`. @param keys - `[B, H, C, K]`.
 * @param cumulative - b, `[B, H, C, 1]` or `[B, H, C, K]`, falling along C; `undefined` for 0.
 * @returns `[B, H, C, C]`.
 */
export function decayedScores(
  queries: Tensor,
  keys: Tensor,
  cumulative: Tensor | undefined,
): Tensor {
  if (cumulative === undefined) return matmul(queries, keys.transpose());
  if (cumulative.dimension(-1) === 1) {
    // Masked before the exponential: above the diagonal the difference is positive.
    const difference = minimum(sub(cumulative, cumulative.transpose()), 0);
    return mul(matmul(queries, keys.transpose()), exp(difference));
  }
  return vectorScores(queries, keys, cumulative);
}

/**
 * A gate for each key element. Rows of a block see earlier blocks through the decay at the block's
 * start, which splits each exponent into two that are not positive; inside the block every pair is
 * taken by itself (the secondary chunking of GLA, arXiv 2312.06635, section 4.3).
 */
function vectorScores(queries: Tensor, keys: Tensor, cumulative: Tensor): Tensor {
  const length = queries.dimension(2);
  const rows: Tensor[] = [];
  for (let start = 0; start < length; start += blockSize) {
    const end = Math.min(length, start + blockSize);
    const own = { q: queries.slice(2, start, end), b: cumulative.slice(2, start, end) };
    const parts: Tensor[] = [];
    if (start > 0) {
      const atStart = cumulative.slice(2, start - 1, start); // [B, H, 1, K]
      const earlier = minimum(sub(atStart, cumulative.slice(2, 0, start)), 0);
      const left = mul(own.q, exp(minimum(sub(own.b, atStart), 0)));
      const right = mul(keys.slice(2, 0, start), exp(earlier));
      parts.push(matmul(left, right.transpose()));
    }
    parts.push(pairScores(own.q, keys.slice(2, start, end), own.b));
    const missing = length - end;
    if (missing > 0) {
      const [batch = 1, heads = 1] = queries.shape;
      const zero = mul(own.q.slice(-1, 0, 1), 0).broadcastTo([batch, heads, end - start, missing]);
      parts.push(zero);
    }
    rows.push(concat(parts, { axis: 3 }));
  }
  return concat(rows, { axis: 2 });
}

/** The pairs of one block of c tokens, each by itself: `[B, H, c, c]` from `[B, H, c, c, K]`. */
function pairScores(queries: Tensor, keys: Tensor, cumulative: Tensor): Tensor {
  const [rows, columns] = [-2, -3]; // where a dimension of 1 makes rows and columns of the pairs
  const difference = sub(cumulative.expandDims(rows), cumulative.expandDims(columns));
  const pairs = mul(queries.expandDims(rows), keys.expandDims(columns));
  return sum(mul(pairs, exp(minimum(difference, 0))), { axis: -1 });
}
