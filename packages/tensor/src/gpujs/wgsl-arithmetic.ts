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
fn js_tanh(x : f32) -> f32 {
  if (is_nan(x)) { return x; }
  // Beyond 10 it is 1 in float32; built from exponentials it would overflow.
  return tanh(clamp(x, -10.0, 10.0));
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
  if (x >= 0.0) { return pow(x, y); }
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
  let sum = 1.0 + x;
  if (sum == 1.0) { return x; }
  if (abs(x) > 0.5 || is_nan(x)) { return log(sum); }
  // Kahan: the error of the rounded sum is divided out.
  return log(sum) * (x / (sum - 1.0));
}
var<private> infinity_bits : u32 = 0x7f800000u;
var<private> nan_bits : u32 = 0x7fc00000u;
`;

/** What gpu.js writes for Infinity, as WGSL has no such constant. */
const finiteInfinity = /0x1\.fffffep\+127/g;

/** gpu.js's functions and WGSL's, by what stands for them here. */
const replaced: Readonly<Record<string, string>> = {
  exp: "js_exp",
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
