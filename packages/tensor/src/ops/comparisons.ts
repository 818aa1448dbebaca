import { commonDevice } from "../device/device";
import type { Tensor } from "../tensor";
import { binaryFunction, type Operand } from "./binary-operation";

function comparison(name: string, condition: string): (left: Operand, right: Operand) => Tensor {
  return binaryFunction({
    name,
    value: `let r = 0; if (${condition}) { r = 1; } return r;`,
    result: "bool",
    gradient: "none",
  });
}

/** Whether `left = right`, elementwise with broadcasting, as `bool`. NaN equals nothing. */
export const equal: (left: Operand, right: Operand) => Tensor = /* @__PURE__ */ comparison(
  "equal",
  "x === y",
);

/** Whether `left ≠ right`, as `bool`. */
export const notEqual: (left: Operand, right: Operand) => Tensor = /* @__PURE__ */ comparison(
  "notEqual",
  "x !== y",
);

/** Whether `left < right`, as `bool`. */
export const less: (left: Operand, right: Operand) => Tensor = /* @__PURE__ */ comparison(
  "less",
  "x < y",
);

/** Whether `left ≤ right`, as `bool`. */
export const lessEqual: (left: Operand, right: Operand) => Tensor = /* @__PURE__ */ comparison(
  "lessEqual",
  "x <= y",
);

/** Whether `left > right`, as `bool`. */
export const greater: (left: Operand, right: Operand) => Tensor = /* @__PURE__ */ comparison(
  "greater",
  "x > y",
);

/** Whether `left ≥ right`, as `bool`. */
export const greaterEqual: (left: Operand, right: Operand) => Tensor = /* @__PURE__ */ comparison(
  "greaterEqual",
  "x >= y",
);

/** Whether both are other than 0, as `bool`. */
export const logicalAnd: (left: Operand, right: Operand) => Tensor = /* @__PURE__ */ comparison(
  "logicalAnd",
  "x !== 0 && y !== 0",
);

/** Whether either is other than 0, as `bool`. */
export const logicalOr: (left: Operand, right: Operand) => Tensor = /* @__PURE__ */ comparison(
  "logicalOr",
  "x !== 0 || y !== 0",
);

/** Whether exactly one is other than 0, as `bool`. */
export const logicalXor: (left: Operand, right: Operand) => Tensor = /* @__PURE__ */ comparison(
  "logicalXor",
  "(x !== 0 && y === 0) || (x === 0 && y !== 0)",
);

/** Whether the element is 0, as `bool`. */
export function logicalNot(input: Tensor): Tensor {
  commonDevice("logicalNot", [input]);
  return equal(input, 0);
}
