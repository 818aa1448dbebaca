import { commonDevice } from "../device/device";
import { OutOfRangeError } from "../errors";
import type { Tensor } from "../tensor";
import { add, div, mul, sub } from "./binary";
import { borrowAs } from "./borrowed";
import { cast } from "./cast";
import { equal, notEqual } from "./comparisons";
import { exp, log } from "./exponential";
import { promotedDType } from "./promotion";
import {
  type ReduceAttributes,
  type ReductionOptions,
  reducedAxes,
  reducedDType,
  reduceOperation,
  runReduction,
  spreadReduced,
} from "./reduce-operation";
import { reshape } from "./reshape";
import { abs, sqrt, square } from "./unary";
import { where } from "./where";

const sumOperation = /* @__PURE__ */ reduceOperation({
  name: "sum",
  combine: "r = r + x;",
  empty: 0,
  gradient: {
    saves: "neither",
    compute: ({ inputShapes: [shape = []], outputGradient, attributes }) => [
      spreadReduced(outputGradient, shape, attributes),
    ],
  },
});

const productOperation = /* @__PURE__ */ reduceOperation({
  name: "prod",
  combine: "r = r * x;",
  empty: 1,
  gradient: {
    saves: "inputs",
    compute: ({ inputs: [x], outputGradient, attributes }) => [
      mul(spreadReduced(outputGradient, x.shape, attributes), productOfOthers(x, attributes)),
    ],
  },
});

/** For each element the product of the other ones of its row, exact also where elements are 0. */
function productOfOthers(x: Tensor, attributes: ReduceAttributes): Tensor {
  const axis = Array.from({ length: attributes.reducedRank }, (_, index) => -1 - index);
  const isZero = equal(x, 0);
  const withoutZeros = where(isZero, 1, x);
  const product = prod(withoutZeros, { axis, keepDims: true });
  const zeros = sum(isZero, { axis, keepDims: true });
  const others = where(equal(zeros, 0), div(product, withoutZeros), 0);
  return where(isZero, where(equal(zeros, 1), product, 0), others);
}

/** The gradient goes to the chosen element; equal ones share it. */
const chosenGradient = {
  saves: "both",
  compute: ({
    inputs: [x],
    outputs: [chosen],
    outputGradient,
    attributes,
  }: {
    inputs: [Tensor];
    outputs: [Tensor];
    outputGradient: Tensor;
    attributes: ReduceAttributes;
  }): Tensor[] => {
    const isChosen = equal(x, spreadReduced(chosen, x.shape, attributes));
    const axis = Array.from({ length: attributes.reducedRank }, (_, index) => -1 - index);
    const share = div(outputGradient, sum(isChosen, { axis }));
    return [mul(isChosen, spreadReduced(share, x.shape, attributes))];
  },
} as const;

const maxOperation = /* @__PURE__ */ reduceOperation({
  name: "max",
  combine: "if (x > r || x !== x) { r = x; }",
  empty: undefined,
  gradient: chosenGradient,
});

const minOperation = /* @__PURE__ */ reduceOperation({
  name: "min",
  combine: "if (x < r || x !== x) { r = x; }",
  empty: undefined,
  gradient: chosenGradient,
});

const anyOperation = /* @__PURE__ */ reduceOperation({
  name: "any",
  combine: "if (x > 0) { r = 1; }",
  empty: 0,
  gradient: "none",
});

const allOperation = /* @__PURE__ */ reduceOperation({
  name: "all",
  combine: "if (x === 0) { r = 0; }",
  empty: 1,
  gradient: "none",
});

/**
 * Sum over `axis`. Integers and `bool` give int32; an empty sum is 0.
 *
 * @param input - Any plain dtype, any shape.
 * @returns The shape without the reduced dimensions, or with size 1 for them (`keepDims`).
 * @throws {OutOfRangeError} for an axis that the tensor does not have.
 */
export function sum(input: Tensor, options: ReductionOptions = {}): Tensor {
  commonDevice("sum", [input]);
  using operand = borrowAs(input, reducedDType(promotedDType("sum", input.dtype)));
  return runReduction(sumOperation, operand.tensor, options);
}

/** Product over `axis`; an empty product is 1. See {@link sum}. */
export function prod(input: Tensor, options: ReductionOptions = {}): Tensor {
  commonDevice("prod", [input]);
  using operand = borrowAs(input, reducedDType(promotedDType("prod", input.dtype)));
  return runReduction(productOperation, operand.tensor, options);
}

/** The largest element over `axis`; NaN where there is one. See {@link sum}. */
export function max(input: Tensor, options: ReductionOptions = {}): Tensor {
  commonDevice("max", [input]);
  using operand = borrowAs(input, promotedDType("max", input.dtype));
  return runReduction(maxOperation, operand.tensor, options);
}

/** The smallest element over `axis`; NaN where there is one. See {@link sum}. */
export function min(input: Tensor, options: ReductionOptions = {}): Tensor {
  commonDevice("min", [input]);
  using operand = borrowAs(input, promotedDType("min", input.dtype));
  return runReduction(minOperation, operand.tensor, options);
}

/** Whether any element over `axis` is not 0, as `bool`. */
export function any(input: Tensor, options: ReductionOptions = {}): Tensor {
  commonDevice("any", [input]);
  using operand = notEqual(input, 0);
  return runReduction(anyOperation, operand, options);
}

/** Whether all elements over `axis` are other than 0, as `bool`. */
export function all(input: Tensor, options: ReductionOptions = {}): Tensor {
  commonDevice("all", [input]);
  using operand = notEqual(input, 0);
  return runReduction(allOperation, operand, options);
}

/** How many elements fold into one. */
function foldedCount(operation: string, input: Tensor, { axis }: ReductionOptions): number {
  return reducedAxes(operation, input.rank, axis).reduce(
    (count, one) => count * (input.shape[one] ?? 1),
    1,
  );
}

/** Arithmetic mean over `axis`, float32; NaN for no elements. See {@link sum}. */
export function mean(input: Tensor, options: ReductionOptions = {}): Tensor {
  commonDevice("mean", [input]);
  const count = foldedCount("mean", input, options);
  using operand = borrowAs(input, "float32");
  using total = sum(operand.tensor, options);
  return count === 0 ? div(total, 0) : mul(total, 1 / count);
}

/** Settings of {@link variance}. */
export interface VarianceOptions extends ReductionOptions {
  /** Subtracted from the number of elements: 1 for a sample, 0 for a population. Default 1. */
  readonly correction?: number;
}

/** Variance over `axis`, in two passes, float32; NaN where no element is left to divide by. */
export function variance(input: Tensor, options: VarianceOptions = {}): Tensor {
  commonDevice("variance", [input]);
  const { correction = 1, ...reduction } = options;
  const count = foldedCount("variance", input, reduction);
  using operand = cast(input, "float32");
  using center = mean(operand, { ...reduction, keepDims: true });
  using deviation = sub(operand, center);
  using squares = square(deviation);
  using total = sum(squares, reduction);
  return div(total, Math.max(0, count - correction));
}

/** `ln Σ eˣ` over `axis`, without overflow; -Infinity where all elements are. */
export function logsumexp(input: Tensor, options: ReductionOptions = {}): Tensor {
  commonDevice("logsumexp", [input]);
  using operand = cast(input, "float32");
  using detached = operand.detach();
  using largest = max(detached, { ...options, keepDims: true });
  using magnitude = abs(largest);
  using isInfinite = equal(magnitude, Number.POSITIVE_INFINITY);
  using shift = where(isInfinite, 0, largest);
  using shifted = sub(operand, shift);
  using exponentials = exp(shifted);
  using total = sum(exponentials, options);
  using logarithm = log(total);
  using shiftBack = reshape(shift, logarithm.shape);
  return add(logarithm, shiftBack);
}

/** Settings of {@link norm}. */
export interface NormOptions extends ReductionOptions {
  /** 1 sums magnitudes, 2 is Euclidean, Infinity takes the largest. Default 2. */
  readonly order?: number;
}

/** Vector norm over `axis` (default: of all elements), float32. */
export function norm(input: Tensor, options: NormOptions = {}): Tensor {
  commonDevice("norm", [input]);
  const { order = 2, ...reduction } = options;
  using operand = cast(input, "float32");
  if (order === 2) {
    using squares = square(operand);
    using total = sum(squares, reduction);
    // At 0 the root has no slope; its gradient there is 0, as in PyTorch.
    using isZero = equal(total, 0);
    using positive = where(isZero, 1, total);
    using root = sqrt(positive);
    return where(isZero, 0, root);
  }
  using magnitudes = abs(operand);
  if (order === Number.POSITIVE_INFINITY) return max(magnitudes, reduction);
  if (order === 1) return sum(magnitudes, reduction);
  throw new OutOfRangeError(`norm: order ${order} is not 1, 2 or Infinity`, { order });
}
