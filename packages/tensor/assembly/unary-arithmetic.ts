import { loadPart, storeLanes } from "./simd";

/**
 * Functions of one operand that are arithmetic alone, correctly rounded step by step, and the
 * gradients that are: from the saved element, x or the result y, and the gradient g of the result.
 * `out` may be an operand.
 */
namespace Form {
  export const Neg: i32 = 0;
  export const Abs: i32 = 1;
  export const Sign: i32 = 2;
  export const Square: i32 = 3;
  export const Reciprocal: i32 = 4;
  export const Sqrt: i32 = 5;
  export const Rsqrt: i32 = 6;
  export const Floor: i32 = 7;
  export const Ceil: i32 = 8;
  export const Round: i32 = 9;
  export const Clip: i32 = 10;
  export const Relu: i32 = 11;
  export const NegGradient: i32 = 12;
  export const AbsGradient: i32 = 13;
  export const SquareGradient: i32 = 14;
  export const ReciprocalGradient: i32 = 15;
  export const SqrtGradient: i32 = 16;
  export const RsqrtGradient: i32 = 17;
  export const ClipGradient: i32 = 18;
  export const ReluGradient: i32 = 19;
  export const ExpGradient: i32 = 20;
  export const Expm1Gradient: i32 = 21;
  export const LogGradient: i32 = 22;
  export const Log1pGradient: i32 = 23;
  export const TanhGradient: i32 = 24;
  export const SigmoidGradient: i32 = 25;
}

@inline
function valueOf(form: i32, x: v128, low: v128, high: v128): v128 {
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  if (form == Form.Neg) return f32x4.neg(x);
  if (form == Form.Abs) return f32x4.abs(x);
  if (form == Form.Sign) {
    // ±0 and NaN stay as they are.
    const signed = v128.or(v128.and(x, f32x4.splat(-0.0)), one);
    const isSigned = v128.or(f32x4.lt(x, zero), f32x4.gt(x, zero));
    return v128.bitselect(signed, x, isSigned);
  }
  if (form == Form.Square) return f32x4.mul(x, x);
  if (form == Form.Reciprocal) return f32x4.div(one, x);
  if (form == Form.Sqrt) return f32x4.sqrt(x);
  if (form == Form.Rsqrt) return f32x4.div(one, f32x4.sqrt(x));
  if (form == Form.Floor) return f32x4.floor(x);
  if (form == Form.Ceil) return f32x4.ceil(x);
  if (form == Form.Round) return f32x4.nearest(x);
  // The argument order lets NaN pass.
  if (form == Form.Clip) return f32x4.pmin(f32x4.pmax(x, low), high);
  return f32x4.pmax(x, zero);
}

@inline
function gradientOf(form: i32, s: v128, g: v128, low: v128, high: v128): v128 {
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  if (form == Form.NegGradient) return f32x4.neg(g);
  if (form == Form.AbsGradient) {
    const signed = v128.xor(g, v128.and(s, f32x4.splat(-0.0)));
    return v128.and(signed, v128.or(f32x4.lt(s, zero), f32x4.gt(s, zero)));
  }
  if (form == Form.SquareGradient) return f32x4.mul(f32x4.add(s, s), g);
  if (form == Form.ReciprocalGradient) return f32x4.mul(f32x4.neg(f32x4.mul(s, s)), g);
  if (form == Form.SqrtGradient) return f32x4.div(f32x4.mul(f32x4.splat(0.5), g), s);
  if (form == Form.RsqrtGradient) {
    return f32x4.mul(f32x4.mul(f32x4.mul(f32x4.mul(f32x4.splat(-0.5), g), s), s), s);
  }
  if (form == Form.ClipGradient) {
    return v128.andnot(g, v128.or(f32x4.lt(s, low), f32x4.gt(s, high)));
  }
  if (form == Form.ReluGradient) return v128.and(g, f32x4.gt(s, zero));
  if (form == Form.ExpGradient) return f32x4.mul(s, g);
  if (form == Form.Expm1Gradient) return f32x4.mul(f32x4.add(s, one), g);
  if (form == Form.LogGradient) return f32x4.div(g, s);
  if (form == Form.Log1pGradient) return f32x4.div(g, f32x4.add(one, s));
  if (form == Form.TanhGradient) return f32x4.mul(f32x4.sub(one, f32x4.mul(s, s)), g);
  return f32x4.mul(f32x4.mul(s, f32x4.sub(one, s)), g);
}

@inline
function apply(form: i32, x: usize, out: usize, n: i32, low: f32, high: f32): void {
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  const rest = n & 3;
  const end = x + (n - rest) * 4;
  while (x < end) {
    v128.store(out, valueOf(form, v128.load(x), lows, highs));
    x += 16;
    out += 16;
  }
  if (rest == 0) return;
  storeLanes(out, valueOf(form, loadPart(x, rest, f32x4.splat(1)), lows, highs), rest, 4);
}

@inline
function applyGradient(
  form: i32,
  saved: usize,
  gradient: usize,
  out: usize,
  n: i32,
  low: f32,
  high: f32,
): void {
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  const one = f32x4.splat(1);
  const rest = n & 3;
  const end = saved + (n - rest) * 4;
  while (saved < end) {
    v128.store(out, gradientOf(form, v128.load(saved), v128.load(gradient), lows, highs));
    saved += 16;
    gradient += 16;
    out += 16;
  }
  if (rest == 0) return;
  const part = gradientOf(form, loadPart(saved, rest, one), loadPart(gradient, rest, one), lows, highs);
  storeLanes(out, part, rest, 4);
}

/** -x. */
export function neg(x: usize, out: usize, n: i32): void {
  apply(Form.Neg, x, out, n, 0, 0);
}

/** |x|. */
export function abs(x: usize, out: usize, n: i32): void {
  apply(Form.Abs, x, out, n, 0, 0);
}

/** -1, 0 or 1. */
export function sign(x: usize, out: usize, n: i32): void {
  apply(Form.Sign, x, out, n, 0, 0);
}

/** x². */
export function square(x: usize, out: usize, n: i32): void {
  apply(Form.Square, x, out, n, 0, 0);
}

/** 1 / x. */
export function reciprocal(x: usize, out: usize, n: i32): void {
  apply(Form.Reciprocal, x, out, n, 0, 0);
}

/** √x. */
export function sqrt(x: usize, out: usize, n: i32): void {
  apply(Form.Sqrt, x, out, n, 0, 0);
}

/** 1 / √x. */
export function rsqrt(x: usize, out: usize, n: i32): void {
  apply(Form.Rsqrt, x, out, n, 0, 0);
}

/** ⌊x⌋. */
export function floor(x: usize, out: usize, n: i32): void {
  apply(Form.Floor, x, out, n, 0, 0);
}

/** ⌈x⌉. */
export function ceil(x: usize, out: usize, n: i32): void {
  apply(Form.Ceil, x, out, n, 0, 0);
}

/** The nearest integer, halves to even. */
export function round(x: usize, out: usize, n: i32): void {
  apply(Form.Round, x, out, n, 0, 0);
}

/** max(x, 0). */
export function relu(x: usize, out: usize, n: i32): void {
  apply(Form.Relu, x, out, n, 0, 0);
}

/** x limited to low … high. */
export function clip(x: usize, out: usize, n: i32, low: f32, high: f32): void {
  apply(Form.Clip, x, out, n, low, high);
}

/** -g. */
export function negGradient(x: usize, gradient: usize, out: usize, n: i32): void {
  applyGradient(Form.NegGradient, x, gradient, out, n, 0, 0);
}

/** g with the sign of x; 0 where x is 0. */
export function absGradient(x: usize, gradient: usize, out: usize, n: i32): void {
  applyGradient(Form.AbsGradient, x, gradient, out, n, 0, 0);
}

/** 2 x g. */
export function squareGradient(x: usize, gradient: usize, out: usize, n: i32): void {
  applyGradient(Form.SquareGradient, x, gradient, out, n, 0, 0);
}

/** -y² g. */
export function reciprocalGradient(y: usize, gradient: usize, out: usize, n: i32): void {
  applyGradient(Form.ReciprocalGradient, y, gradient, out, n, 0, 0);
}

/** g / (2 y). */
export function sqrtGradient(y: usize, gradient: usize, out: usize, n: i32): void {
  applyGradient(Form.SqrtGradient, y, gradient, out, n, 0, 0);
}

/** -g y³ / 2. */
export function rsqrtGradient(y: usize, gradient: usize, out: usize, n: i32): void {
  applyGradient(Form.RsqrtGradient, y, gradient, out, n, 0, 0);
}

/** g where y > 0, else 0. */
export function reluGradient(y: usize, gradient: usize, out: usize, n: i32): void {
  applyGradient(Form.ReluGradient, y, gradient, out, n, 0, 0);
}

/** y g. */
export function expGradient(y: usize, gradient: usize, out: usize, n: i32): void {
  applyGradient(Form.ExpGradient, y, gradient, out, n, 0, 0);
}

/** (y + 1) g. */
export function expm1Gradient(y: usize, gradient: usize, out: usize, n: i32): void {
  applyGradient(Form.Expm1Gradient, y, gradient, out, n, 0, 0);
}

/** g / x. */
export function logGradient(x: usize, gradient: usize, out: usize, n: i32): void {
  applyGradient(Form.LogGradient, x, gradient, out, n, 0, 0);
}

/** g / (1 + x). */
export function log1pGradient(x: usize, gradient: usize, out: usize, n: i32): void {
  applyGradient(Form.Log1pGradient, x, gradient, out, n, 0, 0);
}

/** (1 - y²) g. */
export function tanhGradient(y: usize, gradient: usize, out: usize, n: i32): void {
  applyGradient(Form.TanhGradient, y, gradient, out, n, 0, 0);
}

/** y (1 - y) g. */
export function sigmoidGradient(y: usize, gradient: usize, out: usize, n: i32): void {
  applyGradient(Form.SigmoidGradient, y, gradient, out, n, 0, 0);
}

/** g where low <= x <= high, else 0. */
export function clipGradient(
  x: usize,
  gradient: usize,
  out: usize,
  n: i32,
  low: f32,
  high: f32,
): void {
  applyGradient(Form.ClipGradient, x, gradient, out, n, low, high);
}
