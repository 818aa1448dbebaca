import { constant, multiplyAdd } from "./simd";

/**
 * e^x on four lanes for x from -87 to 88; beyond, the value at the limit. 2^n e^r with
 * n = round(x / ln 2); ln 2 is split in two parts so that r is nearly exact, and e^r is a polynomial
 * (coefficients of Cephes, S. Moshier, `expf`). Relative error at most 1.2e-7.
 */
@inline
function exponential(x: v128, n: i32): v128 {
  const t = f32x4.pmax(f32x4.pmin(x, constant(88, n)), constant(-87, n));
  const rounding = constant(12582912, n); // 1.5 * 2^23 leaves the integer in the low bits
  const rounded = multiplyAdd(t, constant(1.44269504088896341, n), rounding);
  const whole = f32x4.sub(rounded, rounding);
  const r = multiplyAdd(
    whole,
    constant(2.1219444e-4, n),
    multiplyAdd(whole, constant(-0.693359375, n), t),
  );
  let p = multiplyAdd(constant(1.987569150e-4, n), r, constant(1.3981999507e-3, n));
  p = multiplyAdd(p, r, constant(8.3334519073e-3, n));
  p = multiplyAdd(p, r, constant(4.1665795894e-2, n));
  p = multiplyAdd(p, r, constant(1.6666665459e-1, n));
  p = multiplyAdd(p, r, constant(5.0000001201e-1, n));
  p = f32x4.add(multiplyAdd(p, f32x4.mul(r, r), r), constant(1, n));
  return f32x4.mul(p, i32x4.shl(i32x4.add(i32x4.sub(rounded, rounding), i32x4.splat(127)), 23));
}

/** 1 / (1 + e^-x); NaN stays NaN. */
@inline
export function sigmoid(x: v128, n: i32): v128 {
  const one = constant(1, n);
  return f32x4.div(one, f32x4.add(one, exponential(f32x4.neg(x), n)));
}

/**
 * tanh x: an odd polynomial (Cephes, `tanhf`) below 0.625, where the quotient would cancel, else
 * (1 - e^-2|x|) / (1 + e^-2|x|) with the sign of x.
 */
@inline
export function hyperbolicTangent(x: v128, n: i32): v128 {
  const one = constant(1, n);
  const magnitude = f32x4.abs(x);
  const e = exponential(f32x4.mul(magnitude, constant(-2, n)), n);
  const large = f32x4.div(f32x4.sub(one, e), f32x4.add(one, e));
  const z = f32x4.mul(x, x);
  let p = multiplyAdd(constant(-5.70498872745e-3, n), z, constant(2.06390887954e-2, n));
  p = multiplyAdd(p, z, constant(-5.37397155531e-2, n));
  p = multiplyAdd(p, z, constant(1.33314422036e-1, n));
  p = multiplyAdd(p, z, constant(-3.33332819422e-1, n));
  const small = multiplyAdd(f32x4.mul(p, z), x, x);
  const signed = v128.or(large, v128.and(x, i32x4.splat(0x80000000)));
  return v128.bitselect(small, signed, f32x4.lt(magnitude, constant(0.625, n)));
}
