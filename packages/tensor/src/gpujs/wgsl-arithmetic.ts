/**
 * WGSL lets an implementation do as it likes with NaN and infinities, and Tint's `!=` is false for
 * NaN. JavaScript is exact about both, and so are the definitions: what gpu.js emits is replaced by
 * functions that keep JavaScript's meaning. NaN is told by its bits, since a compiler may assume that
 * a comparison with itself holds.
 */
const helpers = `
fn is_nan(x : f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
fn js_exp(x : f32) -> f32 {
  if (is_nan(x)) { return x; }
  return exp(x);
}
// 2 artanh(x / (2 + x)), by its series.
fn log1p_series(x : f32) -> f32 {
  let s = x / (2.0 + x);
  let square = s * s;
  return 2.0 * s * (1.0 + square * (1.0 / 3.0 + square * (1.0 / 5.0 + square * (1.0 / 7.0 + square * (1.0 / 9.0 + square * (1.0 / 11.0 + square * (1.0 / 13.0 + square / 15.0)))))));
}
fn js_log(x : f32) -> f32 {
  if (is_nan(x)) { return x; }
  if (x < 0.0) { return bitcast<f32>(nan_bits); }
  if (x == 0.0) { return -bitcast<f32>(infinity_bits); }
  // Near 1 the logarithm is near 0, where an implementation's error is large beside it.
  if (x > 0.6 && x < 1.6) { return log1p_series(x - 1.0); }
  return log(x);
}
// Implementations may be off by 2^-11: the argument is reduced to ±π/4, in three parts (Cody and
// Waite), and Taylor's series are exact to float32 there.
fn sine_of_quarter(x : f32, shift : f32) -> f32 {
  if (!(abs(x) < 3.0e38)) { return bitcast<f32>(nan_bits); }
  let quarters = floor(x * 0.6366197723675814 + 0.5);
  let r = ((x - quarters * 1.5703125) - quarters * 4.837512969970703e-4) - quarters * 7.549789948768648e-8;
  let square = r * r;
  let quarter = (quarters + shift) - 4.0 * floor((quarters + shift) * 0.25);
  let sine = r + r * square * (-1.0 / 6.0 + square * (1.0 / 120.0 + square * (-1.0 / 5040.0 + square / 362880.0)));
  let cosine = 1.0 + square * (-0.5 + square * (1.0 / 24.0 + square * (-1.0 / 720.0 + square / 40320.0)));
  let isOdd = quarter == 1.0 || quarter == 3.0;
  let magnitude = select(sine, cosine, isOdd);
  return select(magnitude, -magnitude, quarter >= 2.0);
}
fn js_sin(x : f32) -> f32 { return sine_of_quarter(x, 0.0); }
fn js_cos(x : f32) -> f32 { return sine_of_quarter(x, 1.0); }
fn js_tanh(x : f32) -> f32 {
  if (is_nan(x)) { return x; }
  // Beyond 10 it is 1 in float32; the exponential would overflow.
  let power = js_expm1(2.0 * clamp(x, -10.0, 10.0));
  return power / (power + 2.0);
}
fn js_sign(x : f32) -> f32 {
  if (is_nan(x)) { return x; }
  return sign(x);
}
fn js_max(x : f32, y : f32) -> f32 {
  if (is_nan(x)) { return x; }
  if (is_nan(y)) { return y; }
  return max(x, y);
}
fn js_min(x : f32, y : f32) -> f32 {
  if (is_nan(x)) { return x; }
  if (is_nan(y)) { return y; }
  return min(x, y);
}
fn js_pow(x : f32, y : f32) -> f32 {
  if (y == 0.0) { return 1.0; }
  if (is_nan(x)) { return x; }
  if (is_nan(y)) { return y; }
  if (x == 0.0) { return select(0.0, bitcast<f32>(infinity_bits), y < 0.0); }
  if (x > 0.0) { return pow(x, y); }
  // WGSL's pow is undefined below 0; JavaScript's is a number there for whole exponents.
  if (floor(y) != y) { return bitcast<f32>(nan_bits); }
  let magnitude = pow(-x, y);
  return select(magnitude, -magnitude, abs(y % 2.0) == 1.0);
}
fn js_expm1(x : f32) -> f32 {
  if (abs(x) > 0.5 || is_nan(x)) { return js_exp(x) - 1.0; }
  // Taylor's series: the difference would cancel.
  return x * (1.0 + x * (1.0 / 2.0 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0 + x * (1.0 / 720.0 + x * (1.0 / 5040.0 + x / 40320.0)))))));
}
fn js_log1p(x : f32) -> f32 {
  if (is_nan(x) || x <= -0.6 || x >= 1.0) { return js_log(1.0 + x); }
  return log1p_series(x);
}
var<private> infinity_bits : u32 = 0x7f800000u;
var<private> nan_bits : u32 = 0x7fc00000u;
`;

/** What gpu.js writes for Infinity, as WGSL has no such constant. */
const finiteInfinity = /0x1\.fffffep\+127/g;

/** gpu.js's functions and WGSL's, by what stands for them here. */
const replaced: Readonly<Record<string, string>> = {
  exp: "js_exp",
  log: "js_log",
  sin: "js_sin",
  cos: "js_cos",
  tanh: "js_tanh",
  sign: "js_sign",
  max: "js_max",
  min: "js_min",
  pow: "js_pow",
  _pow: "js_pow",
  expm1: "js_expm1",
  log1p: "js_log1p",
};

/** A value that is written in one word: a variable, a parameter or a number. */
const word = String.raw`([\w.]+)`;

/** The WGSL that gpu.js made, with JavaScript's arithmetic. */
export function withJavaScriptArithmetic(code: string): string {
  const names = Object.keys(replaced).join("|");
  const calls = new RegExp(String.raw`(?<!fn |\w)(${names})\(`, "g");
  return (
    helpers +
    code
      .replace(calls, (_, name: string) => `${replaced[name] ?? name}(`)
      .replace(new RegExp(String.raw`\(${word}!=\1\)`, "g"), "is_nan($1)")
      .replace(new RegExp(String.raw`\(${word}==\1\)`, "g"), "(!is_nan($1))")
      .replace(new RegExp(String.raw`\(${word}!=${word}\)`, "g"), "(!($1==$2))")
      .replace(finiteInfinity, "bitcast<f32>(infinity_bits)")
  );
}
