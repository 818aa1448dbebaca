import { loadPart, multiplyAdd, storeLanes, sumLanesOfFour } from "./simd";

/**
 * Inner products of float32 rows.
 *
 * Every product is summed the same way, whatever the tile around it: lane l of one accumulator
 * takes elements l, l + 4, l + 8 …, then the four lanes are added. So a result does not depend on
 * how many rows were asked for at once, nor on the tile.
 *
 * Error: at most (k / 4 + 3) 2^-24 Σ|a b|, to first order.
 */

/** Rows that share a panel. */
export const panelRows: i32 = 4;

/** Bytes of a panel of rows of `k` elements. */
@inline
export function panelBytes(k: i32): i32 {
  return ((k + 3) & -4) * 16;
}

/** One row times four; `count` of the products are stored, `outStride` bytes apart. */
export function dotFour(
  a: usize,
  b0: usize,
  b1: usize,
  b2: usize,
  b3: usize,
  k: i32,
  out: usize,
  outStride: usize,
  count: i32,
): void {
  const zero = f32x4.splat(0);
  let s0 = zero, s1 = zero, s2 = zero, s3 = zero;
  const rest = k & 3;
  const end: usize = (k - rest) * 4;
  let at: usize = 0;
  while (at < end) {
    const x = v128.load(a + at);
    s0 = multiplyAdd(x, v128.load(b0 + at), s0);
    s1 = multiplyAdd(x, v128.load(b1 + at), s1);
    s2 = multiplyAdd(x, v128.load(b2 + at), s2);
    s3 = multiplyAdd(x, v128.load(b3 + at), s3);
    at += 16;
  }
  if (rest > 0) {
    const x = loadPart(a + at, rest, zero);
    s0 = multiplyAdd(x, loadPart(b0 + at, rest, zero), s0);
    s1 = multiplyAdd(x, loadPart(b1 + at, rest, zero), s1);
    s2 = multiplyAdd(x, loadPart(b2 + at, rest, zero), s2);
    s3 = multiplyAdd(x, loadPart(b3 + at, rest, zero), s3);
  }
  storeLanes(out, sumLanesOfFour(s0, s1, s2, s3), count, outStride);
}

/** One row times eight that are `bStride` bytes apart; products `outStride` bytes apart. */
export function dotEight(
  a: usize,
  b: usize,
  bStride: usize,
  k: i32,
  out: usize,
  outStride: usize,
): void {
  const zero = f32x4.splat(0);
  let s0 = zero, s1 = zero, s2 = zero, s3 = zero;
  let s4 = zero, s5 = zero, s6 = zero, s7 = zero;
  const rest = k & 3;
  const end = a + ((k - rest) * 4);
  while (a < end) {
    const x = v128.load(a);
    let row = b;
    s0 = multiplyAdd(x, v128.load(row), s0);
    row += bStride;
    s1 = multiplyAdd(x, v128.load(row), s1);
    row += bStride;
    s2 = multiplyAdd(x, v128.load(row), s2);
    row += bStride;
    s3 = multiplyAdd(x, v128.load(row), s3);
    row += bStride;
    s4 = multiplyAdd(x, v128.load(row), s4);
    row += bStride;
    s5 = multiplyAdd(x, v128.load(row), s5);
    row += bStride;
    s6 = multiplyAdd(x, v128.load(row), s6);
    row += bStride;
    s7 = multiplyAdd(x, v128.load(row), s7);
    a += 16;
    b += 16;
  }
  if (rest > 0) {
    const x = loadPart(a, rest, zero);
    s0 = multiplyAdd(x, loadPart(b, rest, zero), s0);
    s1 = multiplyAdd(x, loadPart(b + bStride, rest, zero), s1);
    s2 = multiplyAdd(x, loadPart(b + bStride * 2, rest, zero), s2);
    s3 = multiplyAdd(x, loadPart(b + bStride * 3, rest, zero), s3);
    s4 = multiplyAdd(x, loadPart(b + bStride * 4, rest, zero), s4);
    s5 = multiplyAdd(x, loadPart(b + bStride * 5, rest, zero), s5);
    s6 = multiplyAdd(x, loadPart(b + bStride * 6, rest, zero), s6);
    s7 = multiplyAdd(x, loadPart(b + bStride * 7, rest, zero), s7);
  }
  storeLanes(out, sumLanesOfFour(s0, s1, s2, s3), 4, outStride);
  storeLanes(out + 4 * outStride, sumLanesOfFour(s4, s5, s6, s7), 4, outStride);
}

/** Interleaves four rows, four elements at a time, and pads them with zeros to a multiple of 4. */
export function packPanel(
  b0: usize,
  b1: usize,
  b2: usize,
  b3: usize,
  k: i32,
  panel: usize,
): void {
  const rest = k & 3;
  const end: usize = (k - rest) * 4;
  let at: usize = 0;
  while (at < end) {
    v128.store(panel, v128.load(b0 + at));
    v128.store(panel, v128.load(b1 + at), 16);
    v128.store(panel, v128.load(b2 + at), 32);
    v128.store(panel, v128.load(b3 + at), 48);
    at += 16;
    panel += 64;
  }
  if (rest > 0) {
    const zero = f32x4.splat(0);
    v128.store(panel, loadPart(b0 + at, rest, zero));
    v128.store(panel, loadPart(b1 + at, rest, zero), 16);
    v128.store(panel, loadPart(b2 + at, rest, zero), 32);
    v128.store(panel, loadPart(b3 + at, rest, zero), 48);
  }
}

/** Two rows times a panel of four. */
function dotPanel(
  a0: usize,
  a1: usize,
  panel: usize,
  k: i32,
  out0: usize,
  out1: usize,
  outStride: usize,
  count: i32,
): void {
  const zero = f32x4.splat(0);
  let s0 = zero, s1 = zero, s2 = zero, s3 = zero;
  let t0 = zero, t1 = zero, t2 = zero, t3 = zero;
  const rest = k & 3;
  const end = panel + (k - rest) * 16;
  while (panel < end) {
    const x = v128.load(a0);
    const y = v128.load(a1);
    let b = v128.load(panel);
    s0 = multiplyAdd(x, b, s0);
    t0 = multiplyAdd(y, b, t0);
    b = v128.load(panel, 16);
    s1 = multiplyAdd(x, b, s1);
    t1 = multiplyAdd(y, b, t1);
    b = v128.load(panel, 32);
    s2 = multiplyAdd(x, b, s2);
    t2 = multiplyAdd(y, b, t2);
    b = v128.load(panel, 48);
    s3 = multiplyAdd(x, b, s3);
    t3 = multiplyAdd(y, b, t3);
    a0 += 16;
    a1 += 16;
    panel += 64;
  }
  if (rest > 0) {
    const x = loadPart(a0, rest, zero);
    const y = loadPart(a1, rest, zero);
    let b = v128.load(panel);
    s0 = multiplyAdd(x, b, s0);
    t0 = multiplyAdd(y, b, t0);
    b = v128.load(panel, 16);
    s1 = multiplyAdd(x, b, s1);
    t1 = multiplyAdd(y, b, t1);
    b = v128.load(panel, 32);
    s2 = multiplyAdd(x, b, s2);
    t2 = multiplyAdd(y, b, t2);
    b = v128.load(panel, 48);
    s3 = multiplyAdd(x, b, s3);
    t3 = multiplyAdd(y, b, t3);
  }
  storeLanes(out0, sumLanesOfFour(s0, s1, s2, s3), count, outStride);
  storeLanes(out1, sumLanesOfFour(t0, t1, t2, t3), count, outStride);
}

/**
 * `m` rows times a panel of four.
 *
 * @param out gets out[row][column], rows `outRowStride` and columns `outStride` bytes apart.
 * @param count columns to store, 1 to 4.
 */
export function dotRowsWithPanel(
  a: usize,
  aStride: usize,
  m: i32,
  panel: usize,
  k: i32,
  out: usize,
  outRowStride: usize,
  outStride: usize,
  count: i32,
): void {
  for (let row = 0; row < m; row += 2) {
    // The last of an odd number of rows is its own partner.
    const second = row + 1 < m ? 1 : 0;
    dotPanel(
      a,
      a + second * aStride,
      panel,
      k,
      out,
      out + second * outRowStride,
      outStride,
      count,
    );
    a += 2 * aStride;
    out += 2 * outRowStride;
  }
}
