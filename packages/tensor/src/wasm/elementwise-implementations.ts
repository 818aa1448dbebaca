import { type DType, dtypeLayout } from "../dtype";
import type { Implementation } from "../ops/operation";
import type { Tensor } from "../tensor";
import { addressOf } from "./address";
import { type CommonDimension, commonDimensions, forEachOffset } from "./broadcast-layout";
import {
  type BinaryKernel,
  type ComparisonKernel,
  comparisonNames,
  type ElementwiseKernels,
  type GradientKernel,
  gradientNames,
  type UnaryKernel,
  unaryNames,
} from "./elementwise-kernels";
import { areContiguous, areFloat, operand } from "./operands";

type Entry = readonly [name: string, implementation: Implementation];

/** The kernels of one, two and three operands, element by element. */
export function elementwiseImplementations(kernels: ElementwiseKernels): readonly Entry[] {
  return [
    ...unaryNames.map((name): Entry => [name, unary(kernels[name])]),
    ...gradientNames.map((name): Entry => [name, gradient(kernels[name])]),
    ...comparisonNames.map((name): Entry => [name, comparison(kernels[name])]),
    ["less", comparison(exchanged(kernels.greater))],
    ["lessEqual", comparison(exchanged(kernels.greaterEqual))],
    ["add", binary(kernels.add, kernels.addIntegers)],
    ["sub", binary(kernels.subtract, kernels.subtractIntegers)],
    ["mul", binary(kernels.multiply, kernels.multiplyIntegers)],
    ["div", binary(kernels.divide)],
    ["mod", binary(kernels.modulo)],
    ["minimum", binary(kernels.minimum, kernels.minimumOfIntegers)],
    ["maximum", binary(kernels.maximum, kernels.maximumOfIntegers)],
    ["where", choice(kernels)],
  ];
}

function unary(kernel: UnaryKernel): Implementation {
  return {
    accepts: (inputs) => areFloat(inputs) && areContiguous(inputs),
    run: (inputs, outputs, attributes) => {
      const input = operand(inputs, 0);
      const parameters = attributes as readonly number[];
      kernel(addressOf(input), addressOf(operand(outputs, 0)), input.size, ...parameters);
    },
  };
}

function gradient(kernel: GradientKernel): Implementation {
  return {
    accepts: (inputs) => areFloat(inputs) && areContiguous(inputs),
    run: (inputs, outputs, attributes) => {
      const saved = operand(inputs, 0);
      const parameters = attributes as readonly number[];
      const result = addressOf(operand(outputs, 0));
      kernel(addressOf(saved), addressOf(operand(inputs, 1)), result, saved.size, ...parameters);
    },
  };
}

/** Runs a kernel over rows: pointers of the operands, pointer of the result, rows, columns. */
type RowsKernel = (
  pointers: readonly number[],
  output: number,
  rows: number,
  columns: number,
  rowBytes: readonly number[],
  steps: readonly number[],
) => void;

/** Along rows, an operand walks or repeats; all of them repeating is no case of the kernels. */
function areWalkable(views: readonly Tensor[]): boolean {
  const inner = commonDimensions(views).at(-1);
  if (inner === undefined) return true;
  const areSteps = inner.strides.every((stride) => stride === 0 || stride === 1);
  return areSteps && inner.strides.includes(1);
}

const oneElement: CommonDimension = { size: 1, strides: [1, 1, 1] };

/** Walks views of one shape, the last two dimensions in the kernel, those before them here. */
function forEachRows(views: readonly Tensor[], output: Tensor, run: RowsKernel): void {
  if (output.size === 0) return;
  const dimensions = commonDimensions(views);
  const inner = dimensions.pop() ?? oneElement;
  const outer = dimensions.pop();
  const bytes = views.map(({ dtype }) => dtypeLayout(dtype).blockBytes);
  const rows = outer?.size ?? 1;
  const rowBytes = bytes.map((size, view) => size * (outer?.strides[view] ?? 0));
  const starts = views.map(addressOf);
  const target = addressOf(output);
  if (dimensions.length === 0) {
    run(starts, target, rows, inner.size, rowBytes, inner.strides);
    return;
  }
  const blockBytes = rows * inner.size * dtypeLayout(output.dtype).blockBytes;
  forEachOffset(dimensions, views.length, (offsets, index) => {
    const pointers = starts.map((start, view) => start + (offsets[view] ?? 0) * (bytes[view] ?? 0));
    run(pointers, target + index * blockBytes, rows, inner.size, rowBytes, inner.strides);
  });
}

function runBinary(kernel: BinaryKernel, inputs: readonly Tensor[], output: Tensor): void {
  const left = operand(inputs, 0);
  const right = operand(inputs, 1);
  if (left.isContiguous && right.isContiguous) {
    kernel(addressOf(left), addressOf(right), addressOf(output), 1, output.size, 0, 0, 1, 1);
    return;
  }
  forEachRows(inputs, output, (pointers, target, rows, columns, rowBytes, steps) => {
    const [a = 0, b = 0] = pointers;
    const [aRow = 0, bRow = 0] = rowBytes;
    const [aStep = 0, bStep = 0] = steps;
    kernel(a, b, target, rows, columns, aRow, bRow, aStep, bStep);
  });
}

function binary(float: BinaryKernel, integer?: BinaryKernel): Implementation {
  const byDType: Partial<Record<DType, BinaryKernel>> =
    integer === undefined ? { float32: float } : { float32: float, int32: integer };
  return {
    accepts: (inputs) => byDType[operand(inputs, 0).dtype] !== undefined && areWalkable(inputs),
    run: (inputs, outputs) => {
      const kernel = byDType[operand(inputs, 0).dtype];
      if (kernel !== undefined) runBinary(kernel, inputs, operand(outputs, 0));
    },
  };
}

const elementKinds: Partial<Record<DType, number>> = { float32: 0, int32: 1, bool: 2 };

function comparison(kernel: ComparisonKernel): Implementation {
  return {
    accepts: (inputs) =>
      elementKinds[operand(inputs, 0).dtype] !== undefined && areWalkable(inputs),
    run: (inputs, outputs) => {
      const element = elementKinds[operand(inputs, 0).dtype];
      if (element === undefined) return;
      runBinary((...operands) => kernel(element, ...operands), inputs, operand(outputs, 0));
    },
  };
}

/** The comparison of right with left. */
function exchanged(kernel: ComparisonKernel): ComparisonKernel {
  return (element, a, b, output, rows, n, aRow, bRow, aStep, bStep) =>
    kernel(element, b, a, output, rows, n, bRow, aRow, bStep, aStep);
}

function choice(kernels: ElementwiseKernels): Implementation {
  return {
    accepts: (inputs) =>
      dtypeLayout(operand(inputs, 1).dtype).blockBytes === 4 && areWalkable(inputs),
    run: (inputs, outputs) =>
      forEachRows(
        inputs,
        operand(outputs, 0),
        (pointers, target, rows, columns, rowBytes, steps) => {
          const [condition = 0, a = 0, b = 0] = pointers;
          const [conditionRow = 0, aRow = 0, bRow = 0] = rowBytes;
          const [conditionStep = 0, aStep = 0, bStep = 0] = steps;
          kernels.choose(
            condition,
            a,
            b,
            target,
            rows,
            columns,
            conditionRow,
            aRow,
            bRow,
            conditionStep,
            aStep,
            bStep,
          );
        },
      ),
  };
}
