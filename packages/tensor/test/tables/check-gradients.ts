import { add, type Device, grad, mul, sum, type Tensor, tensor, tidy } from "../../src/index";
import { expectAllClose } from "../support/all-close";
import type { NdArray } from "../support/ndarray";
import { randomGenerator } from "../support/random";
import { asList } from "./check-case";
import { type Layout, type OperationCase, store } from "./operation-case";

const step = 1e-5;

/** Weights by which the elements of all results are summed to one loss, so that each one counts. */
function lossWeights(results: readonly NdArray[]): Float64Array[] {
  const random = randomGenerator(99);
  return results.map(({ values }) => values.map(() => Math.fround(2 * random() - 1)));
}

/** Which operands have a gradient. */
function trackedOperands({ operands, tracked }: OperationCase): readonly number[] {
  if (tracked !== undefined) return tracked;
  return operands.flatMap(({ dtype }, index) => (dtype === "float32" ? [index] : []));
}

/** The results that have a gradient: indexes have none. */
function floatResults<One>({ dtypes }: OperationCase, results: readonly One[]): One[] {
  return results.filter((_, index) => (dtypes?.[index] ?? "float32") === "float32");
}

interface ExpectedGradients {
  readonly weights: readonly Float64Array[];
  readonly gradients: ReadonlyMap<number, Float64Array>;
}

const expectedGradients = new WeakMap<OperationCase, ExpectedGradients>();

/** Central differences of the float64 oracle, computed once for all devices and layouts. */
function differencesOf(operationCase: OperationCase): ExpectedGradients {
  const known = expectedGradients.get(operationCase);
  if (known !== undefined) return known;
  const { operands, oracle } = operationCase;
  const resultsOf = (arrays: readonly NdArray[]) =>
    floatResults(operationCase, asList<NdArray>(oracle(arrays)));
  const weights = lossWeights(resultsOf(operands));
  const lossOf = (arrays: readonly NdArray[]) =>
    resultsOf(arrays).reduce(
      (total, { values }, which) =>
        values.reduce((sum, value, index) => sum + value * weights[which]![index]!, total),
      0,
    );
  const gradients = new Map<number, Float64Array>();
  for (const which of trackedOperands(operationCase)) {
    const { shape, values } = operands[which]!;
    const moved = (index: number, by: number) => {
      const changed = Float64Array.from(values);
      changed[index]! += by;
      return lossOf(
        operands.map((one, other) => (other === which ? { shape, values: changed } : one)),
      );
    };
    gradients.set(
      which,
      values.map((_, index) => (moved(index, step) - moved(index, -step)) / (2 * step)),
    );
  }
  const expected = { weights, gradients };
  expectedGradients.set(operationCase, expected);
  return expected;
}

/**
 * Compares the gradient of each float32 operand with central differences of the oracle: within
 * 1e-4 of the element, or of the largest one where it nearly cancels out. The gradient is taken with
 * respect to what is stored, through the view; what the view leaves out must get none.
 */
export async function checkGradients(
  operationCase: OperationCase,
  layout: Layout,
  device: Device,
): Promise<void> {
  const { operands, run } = operationCase;
  const { weights, gradients } = differencesOf(operationCase);
  const tracked = trackedOperands(operationCase);
  const stored = operands.map((operand) => store(operand, layout, device));
  const found = grad((leaves: readonly Tensor[]) => {
    const inputs = stored.map(({ stored: own, view }, index) => {
      const leaf = leaves[tracked.indexOf(index)];
      return view(leaf ?? own);
    });
    const results = floatResults(operationCase, asList<Tensor>(run(inputs, device)));
    return results
      .map((result, which) => sum(mul(result, tensor(weights[which]!, result.shape, { device }))))
      .reduce((total, one) => add(total, one));
  })(tracked.map((index) => stored[index]!.stored));
  try {
    for (const [position, index] of tracked.entries()) {
      const gradient = found[position]!;
      const seen = tidy(() => stored[index]!.view(gradient));
      const actual = await seen.data();
      if (seen !== gradient) seen.dispose();
      const expected = gradients.get(index)!;
      const largest = expected.reduce((most, one) => Math.max(most, Math.abs(one)), 1e-2);
      expectAllClose(actual, expected, { relative: 1e-4, absolute: 1e-5 * largest });
      const magnitude = (values: ArrayLike<number>) =>
        Array.from(values).reduce((sum, value) => sum + Math.abs(value), 0);
      const whole = magnitude(await gradient.data());
      expectAllClose([whole], [magnitude(actual)], { relative: 1e-6 });
    }
  } finally {
    for (const one of [...found, ...stored.map((entry) => entry.stored)]) one.dispose();
  }
}
