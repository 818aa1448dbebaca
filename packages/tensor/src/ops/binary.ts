import type { Tensor } from "../tensor";
import { binaryFunction, type Operand } from "./binary-operation";
import { greater, less } from "./comparisons";
import { log } from "./exponential";
import { floor, neg } from "./unary";
import { where } from "./where";

/**
 * `left + right`, elementwise.
 *
 * @param left - Any plain dtype and shape, or a number.
 * @param right - A shape that broadcasts with `left`'s by NumPy's rules, or a number. The dtypes
 * are promoted: `bool` < `int32` < `float32`; a whole number beside integers is an integer; integer
 * results are exact below 2^24.
 * @returns The broadcast shape.
 * @throws {ShapeError} when the shapes do not broadcast.
 */
export const add: (left: Operand, right: Operand) => Tensor = /* @__PURE__ */ binaryFunction({
  name: "add",
  value: "return x + y;",
  result: "promoted",
  gradient: {
    saves: "neither",
    compute: ({ outputGradient: g }) => [g, g],
  },
});

/** `left - right`, elementwise, with broadcasting; see {@link add}. */
export const sub: (left: Operand, right: Operand) => Tensor = /* @__PURE__ */ binaryFunction({
  name: "sub",
  value: "return x - y;",
  result: "promoted",
  gradient: {
    saves: "neither",
    compute: ({ outputGradient: g, needs }) => [g, needs[1] ? neg(g) : undefined],
  },
});

/** `left * right`, elementwise, with broadcasting; see {@link add}. */
export const mul: (left: Operand, right: Operand) => Tensor = /* @__PURE__ */ binaryFunction({
  name: "mul",
  value: "return x * y;",
  result: "promoted",
  gradient: {
    saves: "inputs",
    compute: ({ inputs: [x, y], outputGradient: g, needs }) => [
      needs[0] ? mul(g, y) : undefined,
      needs[1] ? mul(g, x) : undefined,
    ],
  },
});

/** `left / right`, elementwise, with broadcasting; float32 always. */
export const div: (left: Operand, right: Operand) => Tensor = /* @__PURE__ */ binaryFunction({
  name: "div",
  value: "return x / y;",
  result: "float",
  gradient: {
    saves: "inputs",
    compute: ({ inputs: [x, y], outputGradient: g, needs }) => [
      needs[0] ? div(g, y) : undefined,
      needs[1] ? neg(div(mul(g, div(x, y)), y)) : undefined,
    ],
  },
});

/**
 * `left ** right`, elementwise, with broadcasting, as C has it: 1 for exponent 0 and for base 1, also
 * beside NaN. A negative base takes whole exponents only; else NaN.
 */
export const pow: (left: Operand, right: Operand) => Tensor = /* @__PURE__ */ binaryFunction({
  name: "pow",
  value: `
    const size = Math.abs(x);
    const whole = Math.floor(y);
    const isOdd = whole - 2 * Math.floor(whole / 2);
    let r = Math.pow(size, y);
    if (whole === y && Math.abs(y) < 128) {
      // By squaring: exact for integers, also where a GPU's own power is not.
      let rest = Math.abs(y);
      let factor = size;
      r = 1;
      for (let bit = 0; bit < 7; bit++) {
        const half = Math.floor(rest / 2);
        if (rest - 2 * half > 0.5) { r = r * factor; }
        factor = factor * factor;
        rest = half;
      }
      if (y < 0) { r = 1 / r; }
    } else if (size > 3.4028234e38) {
      r = size;
      if (y < 0) { r = 0; }
    } else if (Math.abs(y) > 3.4028234e38) {
      r = Math.abs(y);
      if (size < 1 && y > 0) { r = 0; }
      if (size > 1 && y < 0) { r = 0; }
      if (size === 1) { r = 1; }
    } else if (x < 0 && whole !== y) {
      r = Math.sqrt(x);
    }
    if (x < 0 && isOdd > 0.5) { r = -r; }
    if (x !== x) { r = x; }
    if (y !== y) { r = y; }
    if (x === 1) { r = 1; }
    if (y === 0) { r = 1; }
    return r;`,
  result: "promoted",
  gradient: {
    saves: "both",
    compute: ({ inputs: [x, y], outputs: [power], outputGradient: g, needs }) => [
      // At y = 0 the derivative is 0, also where x = 0.
      needs[0] ? mul(g, where(y, mul(y, pow(x, sub(y, 1))), 0)) : undefined,
      needs[1] ? mul(g, where(power, mul(power, log(x)), 0)) : undefined,
    ],
  },
});

/** Remainder with the sign of `right`, `left - ⌊left / right⌋ · right`, as in Python. */
export const mod: (left: Operand, right: Operand) => Tensor = /* @__PURE__ */ binaryFunction({
  name: "mod",
  value: "return x - Math.floor(x / y) * y;",
  result: "promoted",
  gradient: {
    saves: "inputs",
    compute: ({ inputs: [x, y], outputGradient: g, needs }) => [
      g,
      needs[1] ? neg(mul(g, floor(div(x, y)))) : undefined,
    ],
  },
});

/** The smaller element; NaN where either is. Equal elements share the gradient. */
export const minimum: (left: Operand, right: Operand) => Tensor = /* @__PURE__ */ binaryFunction({
  name: "minimum",
  value: "let r = x; if (y < x) { r = y; } if (y !== y) { r = y; } return r;",
  result: "promoted",
  gradient: {
    saves: "inputs",
    compute: ({ inputs: [x, y], outputGradient }) =>
      sharedGradient(outputGradient, less(x, y), greater(x, y)),
  },
});

/** The larger element; NaN where either is. Equal elements share the gradient. */
export const maximum: (left: Operand, right: Operand) => Tensor = /* @__PURE__ */ binaryFunction({
  name: "maximum",
  value: "let r = x; if (y > x) { r = y; } if (y !== y) { r = y; } return r;",
  result: "promoted",
  gradient: {
    saves: "inputs",
    compute: ({ inputs: [x, y], outputGradient }) =>
      sharedGradient(outputGradient, greater(x, y), less(x, y)),
  },
});

function sharedGradient(gradient: Tensor, takesLeft: Tensor, takesRight: Tensor): Tensor[] {
  const half = mul(gradient, 0.5);
  const left = where(takesLeft, gradient, where(takesRight, 0, half));
  return [left, sub(gradient, left)];
}
