import { opaque } from "./opaque";
import { loadPart, multiplyAdd, roundingShift, storeLanes, sumLanes } from "./simd";

/**
 * Kernels around the exponential function.
 *
 * e^t = 2^n e^r with n = round(t / ln 2) and |r| <= ln 2 / 2; ln 2 is split in two parts so that r
 * is nearly exact, and e^r is a polynomial (coefficients of Cephes, S. Moshier, `expf`). 2^n is
 * applied in two halves, which makes overflow, subnormal results, infinity and NaN come out right
 * without a branch. Relative error at most 1.2e-7 (1.4e-45 absolute where the result is subnormal).
 */

/** What the loop computes from e^t. */
export namespace Form {
  /** e^(x - shift) for x <= shift; below 1.2e-38 it is 0. */
  export const Shifted: i32 = 0;
  /** x / (1 + e^-x). */
  export const Silu: i32 = 1;
}

/** Constants kept in registers, see `opaque`. */
@inline
function constant(value: f32, n: i32): v128 {
  return i32x4.splat(opaque(reinterpret<i32>(value), n));
}

/**
 * Applies a form to `n` elements.
 *
 * @param shift for `Shifted` alone.
 * @returns the sum of the results, meant for `Shifted`.
 */
@inline
export function applyForm(
  form: i32,
  x: usize,
  shift: f32,
  out: usize,
  n: i32,
): f32 {
  // Beyond these e^t is 0 and infinity in float32; e^-87.33 is the least normal number.
  const lowest = constant(form == Form.Shifted ? -87.33 : -104, n);
  const highest = constant(89, n);
  const log2e = constant(1.44269504088896341, n);
  const rounding = constant(roundingShift, n);
  const roundingBits = i32x4.splat(opaque(reinterpret<i32>(roundingShift), n));
  const ln2High = constant(-0.693359375, n);
  const ln2Low = constant(2.1219444e-4, n);
  const c7 = constant(1.9875691500e-4, n);
  const c6 = constant(1.3981999507e-3, n);
  const c5 = constant(8.3334519073e-3, n);
  const c4 = constant(4.1665795894e-2, n);
  const c3 = constant(1.6666665459e-1, n);
  const c2 = constant(5.0000001201e-1, n);
  const one = constant(1, n);
  const bias = i32x4.splat(opaque(127, n));
  const shifts = f32x4.splat(shift);
  let sum = f32x4.splat(0);
  for (let i = 0; i < n; i += 4) {
    const rest = n - i;
    const value = rest >= 4 ? v128.load(x) : loadPart(x, rest, f32x4.splat(f32.NEGATIVE_INFINITY));

    let shifted = value;
    if (form == Form.Shifted) shifted = f32x4.sub(value, shifts);
    if (form == Form.Silu) shifted = f32x4.neg(value);
    // The argument order lets NaN pass.
    const t = f32x4.pmax(f32x4.pmin(shifted, highest), lowest);
    const rounded = multiplyAdd(t, log2e, rounding);
    const exponent = i32x4.sub(rounded, roundingBits);
    const whole = f32x4.sub(rounded, rounding);
    const r = multiplyAdd(whole, ln2Low, multiplyAdd(whole, ln2High, t));
    let p = multiplyAdd(c7, r, c6);
    p = multiplyAdd(p, r, c5);
    p = multiplyAdd(p, r, c4);
    p = multiplyAdd(p, r, c3);
    p = multiplyAdd(p, r, c2);
    p = f32x4.add(multiplyAdd(p, f32x4.mul(r, r), r), one);
    let power: v128;
    if (form == Form.Shifted) {
      // t is at most 0, and subnormal results, which are slow, are left out.
      power = f32x4.mul(p, i32x4.shl(i32x4.add(exponent, bias), 23));
      power = v128.andnot(power, f32x4.lt(shifted, lowest));
    } else {
      const half = i32x4.shr_s(exponent, 1);
      const otherHalf = i32x4.sub(exponent, half);
      power = f32x4.mul(p, i32x4.shl(i32x4.add(half, bias), 23));
      power = f32x4.mul(power, i32x4.shl(i32x4.add(otherHalf, bias), 23));
    }

    let result = power;
    if (form == Form.Silu) result = f32x4.div(value, f32x4.add(one, power));
    if (rest >= 4) v128.store(out, result);
    else storeLanes(out, result, rest, 4);
    if (form == Form.Shifted) sum = f32x4.add(sum, result);
    x += 16;
    out += 16;
  }
  return sumLanes(sum);
}

/** out[i] = x[i] / (1 + e^-x[i]), relative error at most 3e-7 for x > -88. `out` may be `x`. */
export function silu(x: usize, out: usize, n: i32): void {
  applyForm(Form.Silu, x, 0, out, n);
}
