import { opaque } from "./opaque";
import { loadPart, multiplyAdd, roundingShift, storeLanes } from "./simd";

/**
 * Functions of one operand that are made of e^t, and their gradients.
 *
 * e^t = 2^n e^r with n = round(t / ln 2) and |r| <= ln 2 / 2; ln 2 is split in two parts so that r
 * is nearly exact, and e^r is a polynomial (coefficients of Cephes, S. Moshier, `expf`). 2^n is
 * applied in two halves, which makes overflow, subnormal results, infinity and NaN come out right
 * without a branch. Relative error at most 1.2e-7 (1.4e-45 absolute where the result is subnormal).
 * The error function's complement is e^(-t²) u P(u) with
 * u = 1 / (1 + t / 2), which for t >= 0 is smooth and bounded; P is a Chebyshev fit over the whole
 * half line, relative error 1.5e-7. `out` may be an operand everywhere.
 */
namespace Form {
  export const NegatedSize: i32 = 0;
  export const Exp: i32 = 1;
  export const Expm1: i32 = 2;
  export const Tanh: i32 = 3;
  export const Sigmoid: i32 = 4;
  export const Erf: i32 = 5;
  export const Gelu: i32 = 6;
  export const GeluTanh: i32 = 7;
  export const Elu: i32 = 8;
  export const Silu: i32 = 9;
  export const ErfGradient: i32 = 10;
  export const GeluGradient: i32 = 11;
  export const GeluTanhGradient: i32 = 12;
  export const SiluGradient: i32 = 13;
  export const EluGradient: i32 = 14;
  export const SoftplusGradient: i32 = 15;
}

const rootHalf: f32 = 0.70710678118654752;
const rootTwoOverPi: f32 = 0.79788456080286536;
const twoOverRootPi: f32 = 1.1283791670955126;

@inline
function isTanh(form: i32): bool {
  return form == Form.Tanh || form == Form.GeluTanh || form == Form.GeluTanhGradient;
}

@inline
function isErf(form: i32): bool {
  return form == Form.Erf || form == Form.Gelu || form == Form.GeluGradient;
}

/** A vector constant that stays in a register, see `opaque`. */
@inline
export function constant(value: f32, n: i32): v128 {
  return i32x4.splat(opaque(reinterpret<i32>(value), n));
}

/** `value` with the sign of `sign`. */
@inline
function withSign(value: v128, sign: v128, signBit: v128): v128 {
  return v128.bitselect(sign, value, signBit);
}

@inline
function applyForm(form: i32, x: usize, gradient: usize, out: usize, n: i32, alpha: f32): void {
  const hasGradient = form >= Form.ErfGradient;
  const lowest = constant(-104, n);
  const highest = constant(89, n);
  const log2e = constant(1.44269504088896341, n);
  const rounding = constant(roundingShift, n);
  const ln2High = constant(-0.693359375, n);
  const ln2Low = constant(2.1219444e-4, n);
  const c7 = constant(1.9875691500e-4, n);
  const c6 = constant(1.3981999507e-3, n);
  const c5 = constant(8.3334519073e-3, n);
  const c4 = constant(4.1665795894e-2, n);
  const c3 = constant(1.6666665459e-1, n);
  const half = constant(0.5, n);
  const one = constant(1, n);
  const bias = i32x4.splat(opaque(127, n));
  const signBit = i32x4.splat(opaque(i32.MIN_VALUE, n));
  const alphas = f32x4.splat(alpha);
  for (let i = 0; i < n; i += 4) {
    const rest = n - i;
    const value = rest >= 4 ? v128.load(x) : loadPart(x, rest, one);
    const size = v128.andnot(value, signBit);

    // The exponent t of each form; `argument` is what tanh or erf is taken of.
    let t = value;
    let argument = size;
    if (form == Form.NegatedSize) t = f32x4.neg(size);
    if (form == Form.Tanh) t = f32x4.add(size, size);
    if (form == Form.GeluTanh || form == Form.GeluTanhGradient) {
      const square = f32x4.mul(value, value);
      const factor = multiplyAdd(square, f32x4.splat(0.044715 * rootTwoOverPi), f32x4.splat(rootTwoOverPi));
      argument = f32x4.mul(size, factor);
      t = f32x4.add(argument, argument);
    }
    if (form == Form.Gelu || form == Form.GeluGradient) {
      argument = f32x4.mul(size, f32x4.splat(rootHalf));
    }
    if (isErf(form)) t = f32x4.neg(f32x4.mul(argument, argument));
    if (form == Form.ErfGradient) t = f32x4.neg(f32x4.mul(value, value));
    if (
      form == Form.Silu ||
      form == Form.Sigmoid ||
      form == Form.SiluGradient ||
      form == Form.SoftplusGradient
    ) {
      t = f32x4.neg(value);
    }

    // The argument order lets NaN pass.
    t = f32x4.pmax(f32x4.pmin(t, highest), lowest);
    const rounded = multiplyAdd(t, log2e, rounding);
    const exponent = i32x4.sub(rounded, rounding);
    const whole = f32x4.sub(rounded, rounding);
    const r = multiplyAdd(whole, ln2Low, multiplyAdd(whole, ln2High, t));
    let p = multiplyAdd(c7, r, c6);
    p = multiplyAdd(p, r, c5);
    p = multiplyAdd(p, r, c4);
    p = multiplyAdd(p, r, c3);
    p = multiplyAdd(p, r, half);
    p = f32x4.add(multiplyAdd(p, f32x4.mul(r, r), r), one);
    const lower = i32x4.shr_s(exponent, 1);
    const upper = i32x4.sub(exponent, lower);
    let power = f32x4.mul(p, i32x4.shl(i32x4.add(lower, bias), 23));
    power = f32x4.mul(power, i32x4.shl(i32x4.add(upper, bias), 23));

    let result = power;
    if (form == Form.Expm1 || form == Form.Elu) {
      // Near 0, where e^x - 1 cancels, its series.
      let s = multiplyAdd(value, f32x4.splat(1.0 / 40320), f32x4.splat(1.0 / 5040));
      s = multiplyAdd(s, value, f32x4.splat(1.0 / 720));
      s = multiplyAdd(s, value, f32x4.splat(1.0 / 120));
      s = multiplyAdd(s, value, f32x4.splat(1.0 / 24));
      s = multiplyAdd(s, value, f32x4.splat(1.0 / 6));
      s = multiplyAdd(s, value, half);
      s = multiplyAdd(f32x4.mul(s, value), value, value);
      const isNear = f32x4.lt(size, half);
      result = v128.bitselect(s, f32x4.sub(power, one), isNear);
      if (form == Form.Elu) {
        const isNegative = f32x4.lt(value, f32x4.splat(0));
        result = v128.bitselect(f32x4.mul(alphas, result), value, isNegative);
      }
    }
    if (isTanh(form)) {
      // 1 - 2 / (e^2|x| + 1), and below 1 the Padé approximant [7/6].
      const tail = f32x4.sub(one, f32x4.div(f32x4.splat(2), f32x4.add(power, one)));
      const s = f32x4.mul(argument, argument);
      let above = f32x4.add(s, f32x4.splat(378));
      above = multiplyAdd(above, s, f32x4.splat(17325));
      above = multiplyAdd(above, s, f32x4.splat(135135));
      let below = multiplyAdd(s, f32x4.splat(28), f32x4.splat(3150));
      below = multiplyAdd(below, s, f32x4.splat(62370));
      below = multiplyAdd(below, s, f32x4.splat(135135));
      const near = f32x4.div(f32x4.mul(argument, above), below);
      const magnitude = v128.bitselect(near, tail, f32x4.lt(argument, one));
      const h = withSign(magnitude, value, signBit);
      result = h;
      if (form == Form.GeluTanh) {
        // For x < 0 1 + tanh = 2 / (e^2|x| + 1), which does not cancel.
        const rise = f32x4.div(f32x4.splat(2), f32x4.add(power, one));
        const sum = v128.bitselect(rise, f32x4.add(one, h), f32x4.lt(value, f32x4.splat(-1)));
        result = f32x4.mul(f32x4.mul(half, value), sum);
      }
      if (form == Form.GeluTanhGradient) {
        const square = f32x4.mul(value, value);
        const slope = multiplyAdd(
          square,
          f32x4.splat(0.134145 * rootTwoOverPi),
          f32x4.splat(rootTwoOverPi),
        );
        const rest = f32x4.mul(f32x4.sub(one, f32x4.mul(h, h)), slope);
        const sum = multiplyAdd(value, rest, f32x4.add(one, h));
        result = f32x4.mul(half, sum);
      }
    }
    if (isErf(form)) {
      const u = f32x4.div(one, multiplyAdd(half, argument, one));
      let q = multiplyAdd(u, f32x4.splat(-5.871906136e-2), f32x4.splat(2.831369896e-1));
      q = multiplyAdd(q, u, f32x4.splat(-4.848009677e-1));
      q = multiplyAdd(q, u, f32x4.splat(2.760011831e-1));
      q = multiplyAdd(q, u, f32x4.splat(-2.567319969e-2));
      q = multiplyAdd(q, u, f32x4.splat(2.024795774e-1));
      q = multiplyAdd(q, u, f32x4.splat(2.431091845e-1));
      q = multiplyAdd(q, u, f32x4.splat(2.823804177e-1));
      q = multiplyAdd(q, u, f32x4.splat(2.820858414e-1));
      const complement = f32x4.mul(f32x4.mul(q, u), power);
      if (form == Form.Erf) {
        const s = f32x4.mul(value, value);
        let near = multiplyAdd(s, f32x4.splat(7.882497098e-5), f32x4.splat(-8.018854988e-4));
        near = multiplyAdd(near, s, f32x4.splat(5.189311942e-3));
        near = multiplyAdd(near, s, f32x4.splat(-2.685432880e-2));
        near = multiplyAdd(near, s, f32x4.splat(1.128359746e-1));
        near = multiplyAdd(near, s, f32x4.splat(-3.761262690e-1));
        near = f32x4.mul(multiplyAdd(near, s, f32x4.splat(twoOverRootPi)), value);
        const far = withSign(f32x4.sub(one, complement), value, signBit);
        result = v128.bitselect(near, far, f32x4.lt(size, one));
      } else {
        // 1 + erf is the complement on the negative side, so that it does not cancel there.
        const isNegative = f32x4.lt(value, f32x4.splat(0));
        const sum = v128.bitselect(complement, f32x4.sub(f32x4.splat(2), complement), isNegative);
        const distribution = f32x4.mul(half, sum);
        if (form == Form.Gelu) result = f32x4.mul(value, distribution);
        if (form == Form.GeluGradient) {
          const density = f32x4.mul(power, f32x4.splat(0.5 * rootTwoOverPi));
          result = multiplyAdd(value, density, distribution);
        }
      }
    }
    if (form == Form.ErfGradient) result = f32x4.mul(power, f32x4.splat(twoOverRootPi));
    if (form == Form.Sigmoid || form == Form.SoftplusGradient) {
      result = f32x4.div(one, f32x4.add(one, power));
    }
    if (form == Form.Silu) result = f32x4.div(value, f32x4.add(one, power));
    if (form == Form.SiluGradient) {
      const s = f32x4.div(one, f32x4.add(one, power));
      result = f32x4.mul(s, multiplyAdd(value, f32x4.sub(one, s), one));
    }
    if (form == Form.EluGradient) {
      const isNegative = f32x4.lt(value, f32x4.splat(0));
      result = v128.bitselect(f32x4.mul(alphas, power), one, isNegative);
    }
    if (hasGradient) {
      const g = rest >= 4 ? v128.load(gradient) : loadPart(gradient, rest, one);
      result = f32x4.mul(result, g);
      gradient += 16;
    }
    if (rest >= 4) v128.store(out, result);
    else storeLanes(out, result, rest, 4);
    x += 16;
    out += 16;
  }
}

/** e^-|x|, the part of softplus that is made here. */
export function powerOfNegatedSize(x: usize, out: usize, n: i32): void {
  applyForm(Form.NegatedSize, x, 0, out, n, 0);
}

/** e^x. */
export function exp(x: usize, out: usize, n: i32): void {
  applyForm(Form.Exp, x, 0, out, n, 0);
}

/** e^x - 1, relative error at most 4e-7. */
export function expm1(x: usize, out: usize, n: i32): void {
  applyForm(Form.Expm1, x, 0, out, n, 0);
}

/** tanh x, relative error at most 4e-7. */
export function tanh(x: usize, out: usize, n: i32): void {
  applyForm(Form.Tanh, x, 0, out, n, 0);
}

/** 1 / (1 + e^-x), relative error at most 3e-7 for x > -88. */
export function sigmoid(x: usize, out: usize, n: i32): void {
  applyForm(Form.Sigmoid, x, 0, out, n, 0);
}

/** The error function, relative error at most 4e-7. */
export function erf(x: usize, out: usize, n: i32): void {
  applyForm(Form.Erf, x, 0, out, n, 0);
}

/** x Φ(x), absolute error at most 4e-7 |x|. */
export function gelu(x: usize, out: usize, n: i32): void {
  applyForm(Form.Gelu, x, 0, out, n, 0);
}

/** GELU by tanh, absolute error at most 4e-7 |x|. */
export function geluTanh(x: usize, out: usize, n: i32): void {
  applyForm(Form.GeluTanh, x, 0, out, n, 0);
}

/** x / (1 + e^-x), relative error at most 3e-7 for x > -88. */
export function silu(x: usize, out: usize, n: i32): void {
  applyForm(Form.Silu, x, 0, out, n, 0);
}

/** x, or alpha (e^x - 1) below 0. */
export function elu(x: usize, out: usize, n: i32, alpha: f32): void {
  applyForm(Form.Elu, x, 0, out, n, alpha);
}

/** g times the derivative of the error function. */
export function erfGradient(x: usize, gradient: usize, out: usize, n: i32): void {
  applyForm(Form.ErfGradient, x, gradient, out, n, 0);
}

/** g (Φ(x) + x φ(x)). */
export function geluGradient(x: usize, gradient: usize, out: usize, n: i32): void {
  applyForm(Form.GeluGradient, x, gradient, out, n, 0);
}

/** g times the derivative of `geluTanh`. */
export function geluTanhGradient(x: usize, gradient: usize, out: usize, n: i32): void {
  applyForm(Form.GeluTanhGradient, x, gradient, out, n, 0);
}

/** g σ(x) (1 + x (1 - σ(x))). */
export function siluGradient(x: usize, gradient: usize, out: usize, n: i32): void {
  applyForm(Form.SiluGradient, x, gradient, out, n, 0);
}

/** g, or g alpha e^x below 0. */
export function eluGradient(x: usize, gradient: usize, out: usize, n: i32, alpha: f32): void {
  applyForm(Form.EluGradient, x, gradient, out, n, alpha);
}

/** g σ(x). */
export function softplusGradient(x: usize, gradient: usize, out: usize, n: i32): void {
  applyForm(Form.SoftplusGradient, x, gradient, out, n, 0);
}
