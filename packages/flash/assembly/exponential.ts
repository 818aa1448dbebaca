import { constant, multiplyAdd } from "./simd";

/**
 * e^x for x <= 0, four lanes at a time; NaN stays NaN.
 *
 * e^x = 2^n e^r with n = round(x / ln 2) and |r| <= ln 2 / 2; ln 2 is split in two parts so that r is
 * nearly exact. e^r is a polynomial that was fitted for the least relative error (3e-9), and n is
 * added to its exponent bits. Relative error at most 1.3e-7; below 2^-126 the result is 0.
 *
 * The constants are arguments, so that a loop keeps them in registers: see `constant`.
 */
@inline
export function exponential(
  x: v128,
  log2e: v128,
  lowest: v128,
  rounding: v128,
  ln2High: v128,
  ln2Low: v128,
  c6: v128,
  c5: v128,
  c4: v128,
  c3: v128,
  c2: v128,
  one: v128,
): v128 {
  // The argument order lets NaN pass.
  const t = f32x4.pmax(x, lowest);
  const rounded = multiplyAdd(t, log2e, rounding);
  const n = f32x4.sub(rounded, rounding);
  const r = multiplyAdd(n, ln2Low, multiplyAdd(n, ln2High, t));
  let p = multiplyAdd(c6, r, c5);
  p = multiplyAdd(p, r, c4);
  p = multiplyAdd(p, r, c3);
  p = multiplyAdd(p, r, c2);
  p = multiplyAdd(p, r, one);
  p = multiplyAdd(p, r, one);
  return v128.andnot(i32x4.add(p, i32x4.shl(rounded, 23)), f32x4.lt(x, lowest));
}

/**
 * As `exponential`, with 2^r instead of e^r, which saves the reduction in two parts: the relative
 * error is at most 1.3e-7 + |x| 2^-24, and below 2^-126 the result is too small by less than that.
 * The forward pass, which rounds x to as much, loses nothing by it and gains 4 % of its time.
 */
@inline
export function quickExponential(
  x: v128,
  log2e: v128,
  lowest: v128,
  rounding: v128,
  c6: v128,
  c5: v128,
  c4: v128,
  c3: v128,
  c2: v128,
  c1: v128,
  one: v128,
): v128 {
  // The argument order lets NaN pass. At -127 exactly, the sum of the bits is that of 0.
  const t = f32x4.pmax(f32x4.mul(x, log2e), lowest);
  const rounded = f32x4.add(t, rounding);
  const r = f32x4.sub(t, f32x4.sub(rounded, rounding));
  let p = multiplyAdd(c6, r, c5);
  p = multiplyAdd(p, r, c4);
  p = multiplyAdd(p, r, c3);
  p = multiplyAdd(p, r, c2);
  p = multiplyAdd(p, r, c1);
  p = multiplyAdd(p, r, one);
  return i32x4.add(p, i32x4.shl(rounded, 23));
}

/** Constants of `quickExponential`; the polynomial was fitted to 1.6e-8. */
export namespace QuickExponential {
  export const lowest: f32 = -127;
  export const c1: f32 = 6.93147182e-1;
  export const c2: f32 = 2.40226477e-1;
  export const c3: f32 = 5.55033237e-2;
  export const c4: f32 = 9.61843692e-3;
  export const c5: f32 = 1.3398875e-3;
  export const c6: f32 = 1.5353362e-4;
}

/** Constants of `exponential`. */
export namespace Exponential {
  export const log2e: f32 = 1.44269504088896341;
  /** -126 ln 2. */
  export const lowest: f32 = -87.33654;
  /** Adding 1.5 * 2^23 rounds to an integer, and leaves it in the low bits. */
  export const rounding: f32 = 12582912;
  export const ln2High: f32 = -0.693359375;
  export const ln2Low: f32 = 2.12194440e-4;
  export const c2: f32 = 0.49999994;
  export const c3: f32 = 0.166665211;
  export const c4: f32 = 0.041668389;
  export const c5: f32 = 0.00836874545;
  export const c6: f32 = 0.00138145394;
}

/** As `exponential`, for code outside loops. */
export function exponentialOf(x: v128): v128 {
  return exponential(
    x,
    constant(Exponential.log2e, 0),
    constant(Exponential.lowest, 0),
    constant(Exponential.rounding, 0),
    constant(Exponential.ln2High, 0),
    constant(Exponential.ln2Low, 0),
    constant(Exponential.c6, 0),
    constant(Exponential.c5, 0),
    constant(Exponential.c4, 0),
    constant(Exponential.c3, 0),
    constant(Exponential.c2, 0),
    constant(1, 0),
  );
}

/**
 * The natural logarithm of x >= 0, in float64: x = 2^n m with m in [√½, √2), and
 * ln m = 2 artanh((m - 1) / (m + 1)) by its series. Absolute error below 1e-14.
 */
export function logarithm(x: f64): f64 {
  if (!(x > 0)) return x == 0 ? f64.NEGATIVE_INFINITY : f64.NaN;
  if (x == f64.POSITIVE_INFINITY) return x;
  const bits = reinterpret<i64>(x);
  // 0x3fe6a09e: the high word of √½.
  const shifted = bits - ((0x3fe6a09e as i64) << 32);
  const n = shifted >> 52;
  const m = reinterpret<f64>(bits - (n << 52));
  const z = (m - 1) / (m + 1);
  const w = z * z;
  let sum: f64 = 0;
  for (let k = 21; k >= 1; k -= 2) sum = sum * w + 1.0 / (k as f64);
  return (n as f64) * 0.69314718055994530942 + 2 * z * sum;
}

/**
 * tanh x, four lanes at a time, with a relative error of at most 1.5e-7: an odd polynomial below 1
 * (fitted to 7e-9), else 1 - 2 / (e^2|x| + 1).
 */
export function hyperbolicTangent(x: v128): v128 {
  const magnitude = f32x4.abs(x);
  const one = f32x4.splat(1);
  const e = exponentialOf(f32x4.mul(magnitude, f32x4.splat(-2)));
  const large = f32x4.sub(one, f32x4.div(f32x4.add(e, e), f32x4.add(one, e)));
  const z = f32x4.mul(x, x);
  let p = multiplyAdd(f32x4.splat(-3.57568701e-4), z, f32x4.splat(2.29851645e-3));
  p = multiplyAdd(p, z, f32x4.splat(-7.94253405e-3));
  p = multiplyAdd(p, z, f32x4.splat(2.14844681e-2));
  p = multiplyAdd(p, z, f32x4.splat(-5.38791269e-2));
  p = multiplyAdd(p, z, f32x4.splat(1.33323357e-1));
  p = multiplyAdd(p, z, f32x4.splat(-3.33332956e-1));
  const small = multiplyAdd(f32x4.mul(p, z), magnitude, magnitude);
  const isSmall = f32x4.lt(magnitude, one);
  const sign = v128.and(x, i32x4.splat(0x80000000 as i32));
  return v128.or(v128.bitselect(small, large, isSmall), sign);
}
