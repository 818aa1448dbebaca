import { OutOfRangeError } from "../errors";
import type { Tensor } from "../tensor";
import { unaryFunction } from "./unary-operation";

/**
 * `-x`. Integers stay integers.
 *
 * @param input - Any plain dtype, any shape; `bool` counts as 0 and 1. As in every function of one
 * operand here, integers become float32 unless said otherwise.
 * @returns Same shape.
 */
export const neg: (input: Tensor) => Tensor = /* @__PURE__ */ unaryFunction({
  name: "neg",
  value: "return -x;",
  derivative: { reads: "x", value: "return -g;" },
  keepsIntegers: true,
});

/** `|x|`. The derivative at 0 is 0. Integers stay integers. */
export const abs: (input: Tensor) => Tensor = /* @__PURE__ */ unaryFunction({
  name: "abs",
  value: "return Math.abs(x);",
  derivative: {
    reads: "x",
    value: "let d = 0; if (x > 0) { d = g; } if (x < 0) { d = -g; } return d;",
  },
  keepsIntegers: true,
});

/** -1, 0 or 1 by the sign of `x`. Integers stay integers. */
export const sign: (input: Tensor) => Tensor = /* @__PURE__ */ unaryFunction({
  name: "sign",
  value: "let r = x; if (x > 0) { r = 1; } if (x < 0) { r = -1; } return r;",
  derivative: "zero",
  keepsIntegers: true,
});

/** `x²`. Integers stay integers. */
export const square: (input: Tensor) => Tensor = /* @__PURE__ */ unaryFunction({
  name: "square",
  value: "return x * x;",
  derivative: { reads: "x", value: "return 2 * x * g;" },
  keepsIntegers: true,
});

/** `1 / x`. */
export const reciprocal: (input: Tensor) => Tensor = /* @__PURE__ */ unaryFunction({
  name: "reciprocal",
  value: "return 1 / x;",
  derivative: { reads: "y", value: "return -(y * y) * g;" },
});

/** `√x`; NaN below 0. */
export const sqrt: (input: Tensor) => Tensor = /* @__PURE__ */ unaryFunction({
  name: "sqrt",
  value: "return Math.sqrt(x);",
  derivative: { reads: "y", value: "return 0.5 * g / y;" },
});

/** `1 / √x`; NaN below 0. */
export const rsqrt: (input: Tensor) => Tensor = /* @__PURE__ */ unaryFunction({
  name: "rsqrt",
  value: "return 1 / Math.sqrt(x);",
  derivative: { reads: "y", value: "return -0.5 * g * y * y * y;" },
});

/** The largest integer not above `x`. Integers stay integers. */
export const floor: (input: Tensor) => Tensor = /* @__PURE__ */ unaryFunction({
  name: "floor",
  value: "return Math.floor(x);",
  derivative: "zero",
  keepsIntegers: true,
});

/** The smallest integer not below `x`. Integers stay integers. */
export const ceil: (input: Tensor) => Tensor = /* @__PURE__ */ unaryFunction({
  name: "ceil",
  value: "return Math.ceil(x);",
  derivative: "zero",
  keepsIntegers: true,
});

/** The nearest integer; halves go to the even one, as in IEEE 754. Integers stay integers. */
export const round: (input: Tensor) => Tensor = /* @__PURE__ */ unaryFunction({
  name: "round",
  // From 2^23 on every float32 is an integer, and adding a half would round it.
  value: `
    let r = x;
    if (Math.abs(x) < 8388608) {
      r = Math.floor(x + 0.5);
      if (r - x === 0.5 && r - 2 * Math.floor(r / 2) > 0.5) { r = r - 1; }
    }
    return r;`,
  derivative: "zero",
  keepsIntegers: true,
});

const clipTo = /* @__PURE__ */ unaryFunction({
  name: "clip",
  value: "let r = x; if (x < low) { r = low; } if (r > high) { r = high; } return r;",
  derivative: {
    reads: "x",
    value: "let d = g; if (x < low) { d = 0; } if (x > high) { d = 0; } return d;",
  },
  parameters: ["low", "high"],
  keepsIntegers: true,
});

/**
 * `x` limited to `low` … `high`. NaN stays NaN; outside the bounds the gradient is 0.
 *
 * @throws {OutOfRangeError} when a bound is not finite or `low` is above `high`.
 */
export function clip(input: Tensor, low: number, high: number): Tensor {
  if (!Number.isFinite(low) || !Number.isFinite(high) || low > high) {
    throw new OutOfRangeError(
      `clip: ${low} to ${high} is not a range; use finite bounds in ascending order, or minimum and maximum for one side`,
      { low, high },
    );
  }
  const result = clipTo(input, low, high);
  // So that clipped indexes can be used on a device that cannot be read at once.
  if (result.dtype === "int32") result.storage.setBounds({ minimum: low, maximum: high });
  return result;
}
