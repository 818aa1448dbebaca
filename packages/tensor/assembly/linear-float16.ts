import { dotRowsWithPanel, panelRows } from "./dot-products";
import {
  decodeFiniteHighHalves,
  decodeLowHalves,
  exponentBits,
  rebiasBits,
  shiftedHalfMask,
  specialBits,
} from "./half";
import { highToHigh, loadHalves, lowToHigh } from "./half-lanes";
import { opaque } from "./opaque";
import { groupCount, groupDistance, groupStart } from "./row-groups";
import { multiplyAdd, storeLanes, sumLanesOfFour } from "./simd";

/** Decodes four rows to a panel, see `packPanel`. */
function decodePanel(
  row0: usize,
  row1: usize,
  row2: usize,
  row3: usize,
  k: i32,
  panel: usize,
): void {
  const mask = i32x4.splat(opaque(shiftedHalfMask, k));
  const rebias = i32x4.splat(opaque(rebiasBits, k));
  const special = i32x4.splat(opaque(specialBits, k));
  const exponent = i32x4.splat(opaque(exponentBits, k));
  for (let i = 0; i < k; i += 4) {
    const rest = k - i;
    const h0 = rest >= 4 ? v128.load_ext<u16>(row0) : loadHalves(row0, rest);
    const h1 = rest >= 4 ? v128.load_ext<u16>(row1) : loadHalves(row1, rest);
    const h2 = rest >= 4 ? v128.load_ext<u16>(row2) : loadHalves(row2, rest);
    const h3 = rest >= 4 ? v128.load_ext<u16>(row3) : loadHalves(row3, rest);
    v128.store(panel, decodeLowHalves(h0, mask, rebias, special, exponent));
    v128.store(panel, decodeLowHalves(h1, mask, rebias, special, exponent), 16);
    v128.store(panel, decodeLowHalves(h2, mask, rebias, special, exponent), 32);
    v128.store(panel, decodeLowHalves(h3, mask, rebias, special, exponent), 48);
    row0 += 8;
    row1 += 8;
    row2 += 8;
    row3 += 8;
    panel += 64;
  }
}

/**
 * One row of activations times four of weights, decoded on the way and taken as finite.
 *
 * @returns whether they were; the products are wrong otherwise.
 */
function dotFourHalves(
  x: usize,
  row0: usize,
  row1: usize,
  row2: usize,
  row3: usize,
  k: i32,
  out: usize,
  outStride: usize,
  count: i32,
): bool {
  const zero = i32x4.splat(0);
  const mask = i32x4.splat(opaque(shiftedHalfMask, k));
  const rebias = i32x4.splat(opaque(rebiasBits, k));
  const magnitude = i16x8.splat(opaque(0x7fff, k) as i16);
  let s0 = zero, s1 = zero, s2 = zero, s3 = zero;
  let largest = zero;
  const end = x + k * 4;
  while (x < end) {
    const x0 = v128.load(x);
    const x1 = v128.load(x, 16);
    let w = v128.load(row0);
    largest = i16x8.max_u(largest, v128.and(w, magnitude));
    s0 = multiplyAdd(x0, decodeFiniteHighHalves(lowToHigh(w, zero), mask, rebias), s0);
    s0 = multiplyAdd(x1, decodeFiniteHighHalves(highToHigh(w, zero), mask, rebias), s0);
    w = v128.load(row1);
    largest = i16x8.max_u(largest, v128.and(w, magnitude));
    s1 = multiplyAdd(x0, decodeFiniteHighHalves(lowToHigh(w, zero), mask, rebias), s1);
    s1 = multiplyAdd(x1, decodeFiniteHighHalves(highToHigh(w, zero), mask, rebias), s1);
    w = v128.load(row2);
    largest = i16x8.max_u(largest, v128.and(w, magnitude));
    s2 = multiplyAdd(x0, decodeFiniteHighHalves(lowToHigh(w, zero), mask, rebias), s2);
    s2 = multiplyAdd(x1, decodeFiniteHighHalves(highToHigh(w, zero), mask, rebias), s2);
    w = v128.load(row3);
    largest = i16x8.max_u(largest, v128.and(w, magnitude));
    s3 = multiplyAdd(x0, decodeFiniteHighHalves(lowToHigh(w, zero), mask, rebias), s3);
    s3 = multiplyAdd(x1, decodeFiniteHighHalves(highToHigh(w, zero), mask, rebias), s3);
    x += 32;
    row0 += 16;
    row1 += 16;
    row2 += 16;
    row3 += 16;
  }
  storeLanes(out, sumLanesOfFour(s0, s1, s2, s3), count, outStride);
  return !v128.any_true(i16x8.ge_u(largest, i16x8.splat(0x7c00)));
}

/**
 * Columns `rowBegin` to `rowEnd` of out[m, n] = x[m, k] · weight[n, k]ᵀ, weights in float16.
 *
 * Weights are decoded exactly, subnormal numbers, infinity and NaN included. Error of an element:
 * at most (k / 4 + 3) 2^-24 Σ|x w|, to first order; it does not depend on `m` or the range.
 * Scratch: `panelBytes(k)`.
 */
export function linearFloat16(
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
    const single = m == 1 && k % 8 == 0;
    if (single && dotFourHalves(x, row0, row1, row2, row3, k, target, distance * 4, count)) {
      continue;
    }
    decodePanel(row0, row1, row2, row3, k, scratch);
    dotRowsWithPanel(x, k * 4, m, scratch, k, target, n * 4, distance * 4, count);
  }
}
