import { dotRowsWithPanel, panelRows } from "./dot-products";
import { highToHigh, loadHalves, lowToHigh } from "./half-lanes";
import { groupCount, groupDistance, groupStart } from "./row-groups";
import { multiplyAdd, storeLanes, sumLanesOfFour } from "./simd";

/** Four bfloat16 in the low halves of the lanes as float32: they are the upper halves of those. */
@inline
function decode(lanes: v128): v128 {
  return i32x4.shl(lanes, 16);
}

/** Decodes four rows to a panel, see `packPanel`. */
function decodePanel(
  row0: usize,
  row1: usize,
  row2: usize,
  row3: usize,
  k: i32,
  panel: usize,
): void {
  for (let i = 0; i < k; i += 4) {
    const rest = k - i;
    v128.store(panel, decode(rest >= 4 ? v128.load_ext<u16>(row0) : loadHalves(row0, rest)));
    v128.store(panel, decode(rest >= 4 ? v128.load_ext<u16>(row1) : loadHalves(row1, rest)), 16);
    v128.store(panel, decode(rest >= 4 ? v128.load_ext<u16>(row2) : loadHalves(row2, rest)), 32);
    v128.store(panel, decode(rest >= 4 ? v128.load_ext<u16>(row3) : loadHalves(row3, rest)), 48);
    row0 += 8;
    row1 += 8;
    row2 += 8;
    row3 += 8;
    panel += 64;
  }
}

/** One row of activations times four of weights, decoded on the way; `k` a multiple of 8. */
function dotFourRows(
  x: usize,
  row0: usize,
  row1: usize,
  row2: usize,
  row3: usize,
  k: i32,
  out: usize,
  outStride: usize,
  count: i32,
): void {
  const zero = i32x4.splat(0);
  let s0 = zero, s1 = zero, s2 = zero, s3 = zero;
  const end = x + k * 4;
  while (x < end) {
    const x0 = v128.load(x);
    const x1 = v128.load(x, 16);
    let w = v128.load(row0);
    s0 = multiplyAdd(x0, lowToHigh(w, zero), s0);
    s0 = multiplyAdd(x1, highToHigh(w, zero), s0);
    w = v128.load(row1);
    s1 = multiplyAdd(x0, lowToHigh(w, zero), s1);
    s1 = multiplyAdd(x1, highToHigh(w, zero), s1);
    w = v128.load(row2);
    s2 = multiplyAdd(x0, lowToHigh(w, zero), s2);
    s2 = multiplyAdd(x1, highToHigh(w, zero), s2);
    w = v128.load(row3);
    s3 = multiplyAdd(x0, lowToHigh(w, zero), s3);
    s3 = multiplyAdd(x1, highToHigh(w, zero), s3);
    x += 32;
    row0 += 16;
    row1 += 16;
    row2 += 16;
    row3 += 16;
  }
  storeLanes(out, sumLanesOfFour(s0, s1, s2, s3), count, outStride);
}

/**
 * Columns `rowBegin` to `rowEnd` of out[m, n] = x[m, k] · weight[n, k]ᵀ, weights in bfloat16.
 *
 * Weights are decoded exactly. Error of an element as for float16; scratch `panelBytes(k)`.
 */
export function linearBFloat16(
  x: usize,
  weight: usize,
  out: usize,
  m: i32,
  k: i32,
  n: i32,
  rowBegin: i32,
  rowEnd: i32,
  scratch: usize,
): void {
  const rowBytes: usize = k * 2;
  const rows = rowEnd - rowBegin;
  const groups = (rows + panelRows - 1) / panelRows;
  for (let group = 0; group < groups; group++) {
    const count = groupCount(group, rows, panelRows);
    const distance = groupDistance(group, rows, panelRows);
    const start = rowBegin + groupStart(group, rows, panelRows);
    const step = distance * rowBytes;
    const row0 = weight + start * rowBytes;
    const row1 = row0 + min(1, count - 1) * step;
    const row2 = row0 + min(2, count - 1) * step;
    const row3 = row0 + min(3, count - 1) * step;
    const target = out + start * 4;
    if (m == 1 && k % 8 == 0) {
      dotFourRows(x, row0, row1, row2, row3, k, target, distance * 4, count);
      continue;
    }
    decodePanel(row0, row1, row2, row3, k, scratch);
    dotRowsWithPanel(x, k * 4, m, scratch, k, target, n * 4, distance * 4, count);
  }
}
