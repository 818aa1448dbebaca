/** JavaScript's arithmetic in GLSL; see the WGSL one for the reasons. */
const helpers = `
bool is_nan(float x) {
  return (floatBitsToUint(x) & 0x7fffffffu) > 0x7f800000u;
}
float js_exp(float x) {
  return is_nan(x) ? x : exp(x);
}
float log1p_series(float x) {
  float s = x / (2.0 + x);
  float square = s * s;
  return 2.0 * s * (1.0 + square * (1.0 / 3.0 + square * (1.0 / 5.0 + square * (1.0 / 7.0 + square * (1.0 / 9.0 + square * (1.0 / 11.0 + square * (1.0 / 13.0 + square / 15.0)))))));
}
float js_log(float x) {
  if (is_nan(x)) { return x; }
  if (x < 0.0) { return uintBitsToFloat(0x7fc00000u); }
  if (x == 0.0) { return -uintBitsToFloat(0x7f800000u); }
  if (x > 0.6 && x < 1.6) { return log1p_series(x - 1.0); }
  return log(x);
}
float js_log1p(float x) {
  if (is_nan(x) || x <= -0.6 || x >= 1.0) { return js_log(1.0 + x); }
  return log1p_series(x);
}
float js_expm1(float x) {
  if (abs(x) > 0.5 || is_nan(x)) { return js_exp(x) - 1.0; }
  return x * (1.0 + x * (1.0 / 2.0 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0 + x * (1.0 / 720.0 + x * (1.0 / 5040.0 + x / 40320.0)))))));
}
float sine_of_quarter(float x, float shift) {
  if (!(abs(x) < 3.0e38)) { return uintBitsToFloat(0x7fc00000u); }
  float quarters = floor(x * 0.6366197723675814 + 0.5);
  float r = ((x - quarters * 1.5703125) - quarters * 4.837512969970703e-4) - quarters * 7.549789948768648e-8;
  float square = r * r;
  float quarter = (quarters + shift) - 4.0 * floor((quarters + shift) * 0.25);
  float sine = r + r * square * (-1.0 / 6.0 + square * (1.0 / 120.0 + square * (-1.0 / 5040.0 + square / 362880.0)));
  float cosine = 1.0 + square * (-0.5 + square * (1.0 / 24.0 + square * (-1.0 / 720.0 + square / 40320.0)));
  float magnitude = quarter == 1.0 || quarter == 3.0 ? cosine : sine;
  return quarter >= 2.0 ? -magnitude : magnitude;
}
float js_sin(float x) { return sine_of_quarter(x, 0.0); }
float js_cos(float x) { return sine_of_quarter(x, 1.0); }
float js_tanh(float x) {
  float power = js_expm1(2.0 * clamp(x, -10.0, 10.0));
  return is_nan(x) ? x : power / (power + 2.0);
}
float js_sign(float x) {
  return is_nan(x) ? x : sign(x);
}
float js_max(float x, float y) {
  return is_nan(x) ? x : is_nan(y) ? y : max(x, y);
}
float js_min(float x, float y) {
  return is_nan(x) ? x : is_nan(y) ? y : min(x, y);
}
float js_pow(float x, float y) {
  if (y == 0.0) { return 1.0; }
  if (is_nan(x)) { return x; }
  if (is_nan(y)) { return y; }
  if (x == 0.0) { return y < 0.0 ? uintBitsToFloat(0x7f800000u) : 0.0; }
  if (x > 0.0) { return pow(x, y); }
  if (floor(y) != y) { return uintBitsToFloat(0x7fc00000u); }
  float magnitude = pow(-x, y);
  return mod(abs(y), 2.0) == 1.0 ? -magnitude : magnitude;
}
// gpu.js takes the remainder by a division that rounds; JavaScript's is exact in its sign and range.
float js_remainder(float x, float y) {
  if (isinf(y) && !isinf(x) && !is_nan(x)) { return x; }
  float rest = x - y * trunc(x / y);
  return is_nan(rest) || abs(rest) < abs(y) ? rest : 0.0;
}
`;

/** What gpu.js writes for Infinity: the largest finite number. */
const finiteInfinity = /intBitsToFloat\(2139095039\)/g;

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
  integerCorrectionModulo: "js_remainder",
  modulo: "js_remainder",
};

/** A value that is written in one word: a variable, a parameter or a number. */
const word = String.raw`([\w.]+)`;

/** A kernel's GLSL, as gpu.js made it, with JavaScript's arithmetic. */
export function withJavaScriptArithmetic(code: string): string {
  const calls = new RegExp(String.raw`(?<!\w)(${Object.keys(replaced).join("|")})\(`, "g");
  return (
    helpers +
    code
      .replace(calls, (_, name: string) => `${replaced[name] ?? name}(`)
      .replace(new RegExp(String.raw`\(${word}!=\1\)`, "g"), "is_nan($1)")
      .replace(new RegExp(String.raw`\(${word}==\1\)`, "g"), "(!is_nan($1))")
      .replace(finiteInfinity, "uintBitsToFloat(0x7f800000u)")
  );
}
