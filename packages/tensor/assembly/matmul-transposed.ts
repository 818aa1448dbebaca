import { dotEight, dotFour, dotRowsWithPanel, packPanel, panelRows } from "./dot-products";
import { groupCount, groupDistance, groupStart } from "./row-groups";

/** Rows of `a` from which packing four rows of `b` to a panel pays. */
const panelThreshold: i32 = 4;

/**
 * out = a · bᵀ, for one matrix.
 *
 * @param a rows of `k` float32, `aStride` bytes apart.
 * @param b `n` rows of `k` float32, `bStride` bytes apart.
 * @param out rows of `n` float32, `outStride` bytes apart.
 * @param scratch `panelBytes(k)` bytes.
 */
export function multiplyByRows(
  a: usize,
  aStride: usize,
  m: i32,
  b: usize,
  bStride: usize,
  n: i32,
  k: i32,
  out: usize,
  outStride: usize,
  scratch: usize,
): void {
  if (m == 1 && n >= 8) {
    const eighth = n / 8;
    for (let row = 0; row < eighth; row++) {
      dotEight(a, b + row * bStride, eighth * bStride, k, out + row * 4, eighth * 4);
    }
    b += eighth * 8 * bStride;
    out += eighth * 32;
    n -= eighth * 8;
  }
  const groups = (n + panelRows - 1) / panelRows;
  for (let group = 0; group < groups; group++) {
    const count = groupCount(group, n, panelRows);
    const distance = groupDistance(group, n, panelRows);
    const start = groupStart(group, n, panelRows);
    const step = distance * bStride;
    const b0 = b + start * bStride;
    const b1 = b0 + min(1, count - 1) * step;
    const b2 = b0 + min(2, count - 1) * step;
    const b3 = b0 + min(3, count - 1) * step;
    const target = out + start * 4;
    if (m >= panelThreshold) {
      packPanel(b0, b1, b2, b3, k, scratch);
      dotRowsWithPanel(a, aStride, m, scratch, k, target, outStride, distance * 4, count);
    } else {
      for (let row = 0; row < m; row++) {
        const source = a + row * aStride;
        dotFour(source, b0, b1, b2, b3, k, target + row * outStride, distance * 4, count);
      }
    }
  }
}

/**
 * Batched out = a · bᵀ: out[m, n] = a[m, k] · b[n, k]ᵀ.
 *
 * Strides are in elements and may be 0; the last dimension of all three is contiguous. `out` may
 * not overlap `a` or `b`. Scratch: `matmulScratchBytes(m, k, n)`.
 *
 * Error of an element: at most (k / 4 + 3) 2^-24 Σ|a b|, to first order; it depends on its row of
 * `a` and its row of `b` alone, bit by bit.
 */
export function matmulTransposed(
  a: usize,
  b: usize,
  out: usize,
  batch: i32,
  m: i32,
  k: i32,
  n: i32,
  aBatchStride: i32,
  aRowStride: i32,
  bBatchStride: i32,
  bRowStride: i32,
  outBatchStride: i32,
  outRowStride: i32,
  scratch: usize,
): void {
  for (let index = 0; index < batch; index++) {
    multiplyByRows(
      a,
      aRowStride * 4,
      m,
      b,
      bRowStride * 4,
      n,
      k,
      out,
      outRowStride * 4,
      scratch,
    );
    a += aBatchStride * 4;
    b += bBatchStride * 4;
    out += outBatchStride * 4;
  }
}
