import type { Tensor } from "../tensor";
import { unaryFunction } from "./unary-operation";

/** Statements that set `result` to eˣ - 1, exact to float32 also near 0 (Taylor series there). */
export function expm1Source(result: string, x: string): string {
  return `
    let ${result} = Math.exp(${x}) - 1;
    if (Math.abs(${x}) < 0.5) {
      ${result} = ${x} * (1 + ${x} / 2 * (1 + ${x} / 3 * (1 + ${x} / 4 * (1 + ${x} / 5
        * (1 + ${x} / 6 * (1 + ${x} / 7 * (1 + ${x} / 8)))))));
    }`;
}

/**
 * Statements that set `result` to ln x. GPUs leave open what 0, negative numbers and NaN give, so
 * these are said here; -Infinity is computed, as gpu.js has no literal for it on every device.
 */
export function logSource(result: string, x: string): string {
  return `
    let ${result} = Math.log(${x});
    if (${x} === 0) { ${result} = -1 / Math.abs(${x}); }
    if (${x} < 0) { ${result} = Math.sqrt(${x}); }
    if (${x} !== ${x}) { ${result} = ${x}; }`;
}

/**
 * Statements that set `result` to the sine of x, turned by `quarter` quarters of a circle, by the
 * polynomials of Cephes (Moshier 1992, sinf.c) after taking whole quarters out in three steps. GPUs
 * promise no more than 2^-11 for their own sine. From 8192 on, the reduction would lose digits.
 */
function sineSource(result: string, x: string, quarter: 0 | 1): string {
  const builtIn = quarter === 0 ? "Math.sin" : "Math.cos";
  return `
    let ${result} = 0;
    if (Math.abs(${x}) < 8192) {
      const whole = Math.floor(${x} * ${2 / Math.PI} + 0.5);
      let angle = ${x} - whole * 1.5703125;
      angle = angle - whole * 0.0004837512969970703;
      angle = angle - whole * 7.549789954891882e-8;
      const turned = whole + ${quarter};
      const side = turned - 4 * Math.floor(turned / 4);
      const s = angle * angle;
      if (side === 0 || side === 2) {
        ${result} = angle + angle * s * (-0.16666654611 + s * (0.0083321608736 - s * 0.00019515295891));
      } else {
        ${result} = 1 - 0.5 * s + s * s * (0.04166664568298827
          + s * (-0.001388731625493765 + s * 0.00002443315711809948));
      }
      if (side > 1) { ${result} = -${result}; }
    } else {
      ${result} = ${builtIn}(${x});
    }`;
}

/** Statements that set `result` to ln(1 + x), exact to float32 also near 0: 2 artanh(x / (2 + x)). */
export function log1pSource(result: string, x: string): string {
  return `
    const ${result}Sum = 1 + ${x};
    ${logSource(result, `${result}Sum`)}
    if (Math.abs(${x}) < 0.3) {
      const ratio = ${x} / (2 + ${x});
      const squared = ratio * ratio;
      ${result} = 2 * ratio * (1 + squared * (1 / 3 + squared * (1 / 5 + squared * (1 / 7
        + squared * (1 / 9 + squared / 11)))));
    }`;
}

/** `eˣ`. */
export const exp: (input: Tensor) => Tensor = /* @__PURE__ */ unaryFunction({
  name: "exp",
  value: "return Math.exp(x);",
  derivative: { reads: "y", value: "return y * g;" },
});

/** `eˣ - 1`, without cancellation near 0. */
export const expm1: (input: Tensor) => Tensor = /* @__PURE__ */ unaryFunction({
  name: "expm1",
  value: `${expm1Source("r", "x")} return r;`,
  derivative: { reads: "y", value: "return (y + 1) * g;" },
});

/** Natural logarithm; NaN below 0, -Infinity at 0. */
export const log: (input: Tensor) => Tensor = /* @__PURE__ */ unaryFunction({
  name: "log",
  value: `${logSource("r", "x")} return r;`,
  derivative: { reads: "x", value: "return g / x;" },
});

/** `ln(1 + x)`, without cancellation near 0. */
export const log1p: (input: Tensor) => Tensor = /* @__PURE__ */ unaryFunction({
  name: "log1p",
  value: `${log1pSource("r", "x")} return r;`,
  derivative: { reads: "x", value: "return g / (1 + x);" },
});

/** Sine; `x` in radians. */
export const sin: (input: Tensor) => Tensor = /* @__PURE__ */ unaryFunction({
  name: "sin",
  value: `${sineSource("r", "x", 0)} return r;`,
  derivative: { reads: "x", value: `${sineSource("d", "x", 1)} return d * g;` },
});

/** Cosine; `x` in radians. */
export const cos: (input: Tensor) => Tensor = /* @__PURE__ */ unaryFunction({
  name: "cos",
  value: `${sineSource("r", "x", 1)} return r;`,
  derivative: { reads: "x", value: `${sineSource("d", "x", 0)} return -d * g;` },
});
