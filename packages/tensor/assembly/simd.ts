/** Helpers on vectors of four 32-bit lanes that several kernels share. */

/**
 * `a * b + c`. One rounding in the relaxed build, where the processor has the instruction; two in
 * the baseline build.
 */
@inline
export function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/**
 * Adding 1.5 * 2^23 rounds a float32 below 2^22 to an integer, and leaves that integer in the low
 * bits.
 */
export const roundingShift: f32 = 12582912;

/** The sum of the four lanes. */
@inline
export function sumLanes(a: v128): f32 {
  const even = f32x4.extract_lane(a, 0) + f32x4.extract_lane(a, 2);
  const odd = f32x4.extract_lane(a, 1) + f32x4.extract_lane(a, 3);
  return even + odd;
}

/** The largest of the four lanes; NaN if one is NaN. */
@inline
export function maximumOfLanes(a: v128): f32 {
  a = f32x4.max(a, v128.shuffle<f32>(a, a, 2, 3, 0, 1));
  a = f32x4.max(a, v128.shuffle<f32>(a, a, 1, 0, 3, 2));
  return f32x4.extract_lane(a, 0);
}

/** Lane i of the result is the sum of the lanes of argument i. */
@inline
export function sumLanesOfFour(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(
    v128.shuffle<f32>(a, b, 0, 4, 1, 5), // a0 b0 a1 b1
    v128.shuffle<f32>(a, b, 2, 6, 3, 7), // a2 b2 a3 b3
  );
  const cd = f32x4.add(
    v128.shuffle<f32>(c, d, 0, 4, 1, 5),
    v128.shuffle<f32>(c, d, 2, 6, 3, 7),
  );
  return f32x4.add(
    v128.shuffle<f32>(ab, cd, 0, 1, 4, 5),
    v128.shuffle<f32>(ab, cd, 2, 3, 6, 7),
  );
}

/** For int32 lanes, the first half of the sums: a0 + a2, b0 + b2, a1 + a3, b1 + b3. */
@inline
export function foldIntegerLanes(a: v128, b: v128): v128 {
  return i32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
}

/** The second half: the sums over the lanes of a, b, c and d from two folds. */
@inline
export function joinIntegerFolds(ab: v128, cd: v128): v128 {
  return i32x4.add(v128.shuffle<i32>(ab, cd, 0, 1, 4, 5), v128.shuffle<i32>(ab, cd, 2, 3, 6, 7));
}

/** Stores the transpose of the 4 × 4 matrix whose rows are given: 64 bytes. */
@inline
export function storeTransposed(target: usize, a: v128, b: v128, c: v128, d: v128): void {
  storeTransposedRows(target, 16, a, b, c, d);
}

/** As `storeTransposed`, rows of the transpose `stride` bytes apart. */
@inline
export function storeTransposedRows(
  target: usize,
  stride: i32,
  a: v128,
  b: v128,
  c: v128,
  d: v128,
): void {
  const abLow = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const abHigh = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cdLow = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const cdHigh = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(target, v128.shuffle<f32>(abLow, cdLow, 0, 1, 4, 5));
  v128.store(target + stride, v128.shuffle<f32>(abLow, cdLow, 2, 3, 6, 7));
  v128.store(target + 2 * stride, v128.shuffle<f32>(abHigh, cdHigh, 0, 1, 4, 5));
  v128.store(target + 3 * stride, v128.shuffle<f32>(abHigh, cdHigh, 2, 3, 6, 7));
}

/** Stores the first `count` lanes, 1 to 4, each `stride` bytes after the other. */
@inline
export function storeLanes(target: usize, lanes: v128, count: i32, stride: usize): void {
  v128.store_lane<f32>(target, lanes, 0);
  if (count > 1) v128.store_lane<f32>(target + stride, lanes, 1);
  if (count > 2) v128.store_lane<f32>(target + 2 * stride, lanes, 2);
  if (count > 3) v128.store_lane<f32>(target + 3 * stride, lanes, 3);
}

/** The `count` float32 at `source`, 1 to 3, and `fill` in the other lanes. */
@inline
export function loadPart(source: usize, count: i32, fill: v128): v128 {
  let lanes = v128.load32_lane(source, fill, 0);
  if (count > 1) lanes = v128.load32_lane(source + 4, lanes, 1);
  if (count > 2) lanes = v128.load32_lane(source + 8, lanes, 2);
  return lanes;
}
