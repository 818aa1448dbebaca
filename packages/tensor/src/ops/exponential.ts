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

/** Statements that set `result` to ln(1 + x), exact to float32 also near 0: 2 artanh(x / (2 + x)). */
export function log1pSource(result: string, x: string): string {
  return `
    let ${result} = Math.log(1 + ${x});
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
  value: "return Math.log(x);",
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
  value: "return Math.sin(x);",
  derivative: { reads: "x", value: "return Math.cos(x) * g;" },
});

/** Cosine; `x` in radians. */
export const cos: (input: Tensor) => Tensor = /* @__PURE__ */ unaryFunction({
  name: "cos",
  value: "return Math.cos(x);",
  derivative: { reads: "x", value: "return -Math.sin(x) * g;" },
});
