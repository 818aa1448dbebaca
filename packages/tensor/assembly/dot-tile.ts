import { multiplyAdd, storeLanes, sumLanesOfFour } from "./simd";

/**
 * Inner products of rows of `k` float32, the tile that `linear…` and `matmulTransposed` are made of.
 *
 * Every product is summed the same way, whatever the tile around it: lane l of one accumulator
 * takes elements l, l + 4, l + 8 …, then the four lanes are added. So a result does not depend on
 * how many rows were asked for at once. Error: at most (k / 4 + 3) · 2^-24 · Σ|a b|, in first order.
 */

/** The last `count` elements of a row, 1 to 3, and zeros. */
// @ts-ignore: decorator
@inline
function loadTail(row: usize, count: i32): v128 {
  let tail = v128.load32_zero(row);
  if (count > 1) tail = v128.load32_lane(row + 4, tail, 1);
  if (count > 2) tail = v128.load32_lane(row + 8, tail, 2);
  return tail;
}

/** One row times four. */
export function dotOne(
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
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
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
    const x = loadTail(a + at, rest);
    s0 = multiplyAdd(x, loadTail(b0 + at, rest), s0);
    s1 = multiplyAdd(x, loadTail(b1 + at, rest), s1);
    s2 = multiplyAdd(x, loadTail(b2 + at, rest), s2);
    s3 = multiplyAdd(x, loadTail(b3 + at, rest), s3);
  }
  storeLanes(out, sumLanesOfFour(s0, s1, s2, s3), count, outStride);
}

/** Two rows times four. */
export function dotTwo(
  a0: usize,
  a1: usize,
  b0: usize,
  b1: usize,
  b2: usize,
  b3: usize,
  k: i32,
  out0: usize,
  out1: usize,
  outStride: usize,
  count: i32,
): void {
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  let t0 = s0, t1 = s0, t2 = s0, t3 = s0;
  const rest = k & 3;
  const end: usize = (k - rest) * 4;
  let at: usize = 0;
  while (at < end) {
    const x = v128.load(a0 + at);
    const y = v128.load(a1 + at);
    let b = v128.load(b0 + at);
    s0 = multiplyAdd(x, b, s0);
    t0 = multiplyAdd(y, b, t0);
    b = v128.load(b1 + at);
    s1 = multiplyAdd(x, b, s1);
    t1 = multiplyAdd(y, b, t1);
    b = v128.load(b2 + at);
    s2 = multiplyAdd(x, b, s2);
    t2 = multiplyAdd(y, b, t2);
    b = v128.load(b3 + at);
    s3 = multiplyAdd(x, b, s3);
    t3 = multiplyAdd(y, b, t3);
    at += 16;
  }
  if (rest > 0) {
    const x = loadTail(a0 + at, rest);
    const y = loadTail(a1 + at, rest);
    let b = loadTail(b0 + at, rest);
    s0 = multiplyAdd(x, b, s0);
    t0 = multiplyAdd(y, b, t0);
    b = loadTail(b1 + at, rest);
    s1 = multiplyAdd(x, b, s1);
    t1 = multiplyAdd(y, b, t1);
    b = loadTail(b2 + at, rest);
    s2 = multiplyAdd(x, b, s2);
    t2 = multiplyAdd(y, b, t2);
    b = loadTail(b3 + at, rest);
    s3 = multiplyAdd(x, b, s3);
    t3 = multiplyAdd(y, b, t3);
  }
  storeLanes(out0, sumLanesOfFour(s0, s1, s2, s3), count, outStride);
  storeLanes(out1, sumLanesOfFour(t0, t1, t2, t3), count, outStride);
}

/** Products of `m` rows with four: out[i, j] for the first `count` of the four. */
export function dotRows(
  a: usize,
  aStride: usize,
  m: i32,
  b0: usize,
  b1: usize,
  b2: usize,
  b3: usize,
  k: i32,
  out: usize,
  outRowStride: usize,
  outStride: usize,
  count: i32,
): void {
  let row = 0;
  for (; row + 2 <= m; row += 2) {
    dotTwo(a, a + aStride, b0, b1, b2, b3, k, out, out + outRowStride, outStride, count);
    a += 2 * aStride;
    out += 2 * outRowStride;
  }
  if (row < m) dotOne(a, b0, b1, b2, b3, k, out, outStride, count);
}
