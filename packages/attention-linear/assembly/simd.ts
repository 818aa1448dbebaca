/** Helpers on vectors of four 32-bit lanes. */

/**
 * `a * b + c`. One rounding in the relaxed build, where the processor has the instruction; two in
 * the baseline build.
 */
@inline
export function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** Four elements, or one in all lanes; `isWide` is known when the compiler inlines it. */
@inline
export function load(source: usize, isWide: bool): v128 {
  return isWide ? v128.load(source) : v128.load32_splat(source);
}

/** Stores four elements, or the first. */
@inline
export function store(target: usize, lanes: v128, isWide: bool): void {
  if (isWide) v128.store(target, lanes);
  else f32.store(target, f32x4.extract_lane(lanes, 0));
}

/**
 * e^x on four lanes for x from -87 to 88; beyond, the value at the limit. 2^n e^r with
 * n = round(x / ln 2); ln 2 is split in two parts so that r is nearly exact, and e^r is a polynomial
 * (coefficients of Cephes, S. Moshier, `expf`). Relative error at most 1.2e-7.
 */
@inline
export function exponential(x: v128): v128 {
  const t = f32x4.pmax(f32x4.pmin(x, f32x4.splat(88)), f32x4.splat(-87));
  const rounding = f32x4.splat(12582912); // 1.5 * 2^23 leaves the integer in the low bits
  const rounded = multiplyAdd(t, f32x4.splat(1.44269504088896341), rounding);
  const whole = f32x4.sub(rounded, rounding);
  const r = multiplyAdd(
    whole,
    f32x4.splat(2.1219444e-4),
    multiplyAdd(whole, f32x4.splat(-0.693359375), t),
  );
  let p = multiplyAdd(f32x4.splat(1.987569150e-4), r, f32x4.splat(1.3981999507e-3));
  p = multiplyAdd(p, r, f32x4.splat(8.3334519073e-3));
  p = multiplyAdd(p, r, f32x4.splat(4.1665795894e-2));
  p = multiplyAdd(p, r, f32x4.splat(1.6666665459e-1));
  p = multiplyAdd(p, r, f32x4.splat(5.0000001201e-1));
  p = f32x4.add(multiplyAdd(p, f32x4.mul(r, r), r), f32x4.splat(1));
  return f32x4.mul(p, i32x4.shl(i32x4.add(i32x4.sub(rounded, rounding), i32x4.splat(127)), 23));
}

/** The sum of the four lanes. */
@inline
export function sumLanes(a: v128): f32 {
  const even = f32x4.extract_lane(a, 0) + f32x4.extract_lane(a, 2);
  const odd = f32x4.extract_lane(a, 1) + f32x4.extract_lane(a, 3);
  return even + odd;
}
