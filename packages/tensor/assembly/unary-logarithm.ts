import { loadPart, multiplyAdd, storeLanes } from "./simd";
import { constant, powerOfNegatedSize } from "./unary-exponential";

/**
 * Logarithms.
 *
 * x = 2^e m with m from √½ to √2; ln m is a polynomial in m - 1 (coefficients of Cephes, S. Moshier,
 * `logf`), and e ln 2 is added in two parts. Relative error at most 1.5e-7. `out` may be `x`.
 */
@inline
export function logarithmOf(value: v128, n: i32): v128 {
  const one = constant(1, n);
  // Subnormal numbers are brought into the normal range first.
  const isTiny = f32x4.lt(value, f32x4.splat(1.17549435e-38));
  const scaled = v128.bitselect(f32x4.mul(value, f32x4.splat(8388608)), value, isTiny);
  // The exponent counts from √½, so that m lies around 1.
  const offset = i32x4.sub(scaled, i32x4.splat(0x3f3504f3));
  let exponent = f32x4.convert_i32x4_s(i32x4.shr_s(offset, 23));
  exponent = f32x4.sub(exponent, v128.and(isTiny, f32x4.splat(23)));
  const bits = i32x4.add(v128.and(offset, i32x4.splat(0x007fffff)), i32x4.splat(0x3f3504f3));
  const m = f32x4.sub(bits, one);
  const square = f32x4.mul(m, m);
  let p = multiplyAdd(m, constant(7.0376836292e-2, n), constant(-1.1514610310e-1, n));
  p = multiplyAdd(p, m, constant(1.1676998740e-1, n));
  p = multiplyAdd(p, m, constant(-1.2420140846e-1, n));
  p = multiplyAdd(p, m, constant(1.4249322787e-1, n));
  p = multiplyAdd(p, m, constant(-1.6668057665e-1, n));
  p = multiplyAdd(p, m, constant(2.0000714765e-1, n));
  p = multiplyAdd(p, m, constant(-2.4999993993e-1, n));
  p = multiplyAdd(p, m, constant(3.3333331174e-1, n));
  let y = f32x4.mul(f32x4.mul(p, m), square);
  y = multiplyAdd(exponent, f32x4.splat(-2.12194440e-4), y);
  y = multiplyAdd(square, f32x4.splat(-0.5), y);
  y = multiplyAdd(exponent, f32x4.splat(0.693359375), f32x4.add(m, y));
  // ln 0 = -∞, ln ∞ = ∞, and NaN for negative numbers and NaN.
  const infinity = f32x4.splat(f32.POSITIVE_INFINITY);
  y = v128.bitselect(f32x4.neg(infinity), y, f32x4.eq(value, f32x4.splat(0)));
  y = v128.bitselect(infinity, y, f32x4.eq(value, infinity));
  return v128.bitselect(y, f32x4.splat(f32.NaN), f32x4.ge(value, f32x4.splat(0)));
}

/** ln (1 + x): 2 artanh (x / (2 + x)) near 0, where 1 + x would round x away. */
@inline
function logarithmOfOneMore(value: v128, n: i32): v128 {
  const one = f32x4.splat(1);
  const far = logarithmOf(f32x4.add(one, value), n);
  const ratio = f32x4.div(value, f32x4.add(value, f32x4.splat(2)));
  const s = f32x4.mul(ratio, ratio);
  let p = multiplyAdd(s, f32x4.splat(1.0 / 11), f32x4.splat(1.0 / 9));
  p = multiplyAdd(p, s, f32x4.splat(1.0 / 7));
  p = multiplyAdd(p, s, f32x4.splat(1.0 / 5));
  p = multiplyAdd(p, s, f32x4.splat(1.0 / 3));
  const twice = f32x4.add(ratio, ratio);
  const near = multiplyAdd(f32x4.mul(p, s), twice, twice);
  return v128.bitselect(near, far, f32x4.lt(f32x4.abs(value), f32x4.splat(0.4)));
}

/** ln x. */
export function log(x: usize, out: usize, n: i32): void {
  for (let i = 0; i < n; i += 4) {
    const rest = n - i;
    if (rest >= 4) v128.store(out, logarithmOf(v128.load(x), n));
    else storeLanes(out, logarithmOf(loadPart(x, rest, f32x4.splat(1)), n), rest, 4);
    x += 16;
    out += 16;
  }
}

/** ln (1 + x), relative error at most 3e-7. */
export function log1p(x: usize, out: usize, n: i32): void {
  for (let i = 0; i < n; i += 4) {
    const rest = n - i;
    if (rest >= 4) v128.store(out, logarithmOfOneMore(v128.load(x), n));
    else storeLanes(out, logarithmOfOneMore(loadPart(x, rest, f32x4.splat(1)), n), rest, 4);
    x += 16;
    out += 16;
  }
}

/**
 * ln (1 + e^x) = max(x, 0) + ln (1 + e^-|x|), relative error at most 4e-7. `out` may not be `x`: it
 * holds the powers first.
 */
export function softplus(x: usize, out: usize, n: i32): void {
  powerOfNegatedSize(x, out, n);
  const zero = f32x4.splat(0);
  for (let i = 0; i < n; i += 4) {
    const rest = n - i;
    const value = rest >= 4 ? v128.load(x) : loadPart(x, rest, zero);
    const power = rest >= 4 ? v128.load(out) : loadPart(out, rest, zero);
    const result = f32x4.add(f32x4.max(value, zero), logarithmOfOneMore(power, n));
    if (rest >= 4) v128.store(out, result);
    else storeLanes(out, result, rest, 4);
    x += 16;
    out += 16;
  }
}
