/** Helpers on vectors of four 32-bit lanes. */

/**
 * `a * b + c`. One rounding in the relaxed build, where the processor has the instruction; two in
 * the baseline build.
 */
@inline
export function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(c, f32x4.mul(a, b));
}

/**
 * `constant` in all lanes, in a form that the engine cannot see through, so that it stays in a
 * register; `size` is any number that is never negative. V8 builds a plain vector constant anew at
 * each use.
 */
@inline
export function constant(value: f32, size: i32): v128 {
  return i32x4.splat(reinterpret<i32>(value) | (size >> 31));
}

/** The sum of the four lanes. */
@inline
export function sumLanes(a: v128): f32 {
  const even = f32x4.extract_lane(a, 0) + f32x4.extract_lane(a, 2);
  const odd = f32x4.extract_lane(a, 1) + f32x4.extract_lane(a, 3);
  return even + odd;
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

/** Stores the transpose of the 4 × 4 matrix whose rows are given; its rows are `stride` bytes apart. */
@inline
export function storeTransposed(
  target: usize,
  stride: usize,
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

/** Fills `bytes` bytes, a multiple of 16, with zeros. */
@inline
export function clear(target: usize, bytes: usize): void {
  memory.fill(target, 0, bytes);
}
