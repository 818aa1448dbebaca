import { constant, multiplyAdd } from "./simd";

/** Where tanh rounds to 1. */
const saturation: f32 = 9;

/** `x` between `-bound` and `bound`; NaN stays NaN. */
@inline
function within(bound: f32, x: v128, n: i32): v128 {
  return f32x4.pmax(f32x4.pmin(x, constant(bound, n)), constant(-bound, n));
}

/**
 * tanh x on four lanes: x P(x²) / Q(x²) for |x| to 9, and its value there beyond. P and Q of degree 4
 * are the best for the relative error, 2.1e-8 before rounding (Lawson's iteration in 50 digits, from
 * 0 to 9). All coefficients are positive, so nothing cancels: relative error at most 4e-7.
 */
@inline
export function hyperbolicTangent(x: v128, n: i32): v128 {
  const t = within(saturation, x, n);
  const u = f32x4.mul(t, t);
  let p = multiplyAdd(constant(1.33550788598e-8, n), u, constant(2.06094176309e-5, n));
  p = multiplyAdd(p, u, constant(3.49561006994e-3, n));
  p = multiplyAdd(p, u, constant(1.33810446755e-1, n));
  p = multiplyAdd(p, u, constant(1, n));
  let q = multiplyAdd(constant(7.77673906104e-7, n), u, constant(3.28566958236e-4, n));
  q = multiplyAdd(q, u, constant(2.5877067383e-2, n));
  q = multiplyAdd(q, u, constant(4.67143603078e-1, n));
  q = multiplyAdd(q, u, constant(1, n));
  return within(1, f32x4.div(f32x4.mul(t, p), q), n);
}

/** 1 / (1 + e^-x) = 1/2 + 1/2 tanh(x / 2); error at most 2e-7. NaN stays NaN. */
@inline
export function sigmoid(x: v128, n: i32): v128 {
  const half = constant(0.5, n);
  return multiplyAdd(hyperbolicTangent(f32x4.mul(x, half), n), half, half);
}
