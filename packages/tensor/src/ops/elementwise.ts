import type { KernelSource } from "../gpujs/kernel-source";
import { broadcastShapes, sizeOf } from "../shape";
import type { Tensor } from "../tensor";
import { assertDType } from "./checks";
import { tensor } from "./creation";
import { type GpujsContext, type Operation, partOf, runSingle } from "./operation";

/** Cells per launch: flat indexes stay exact, and a large tensor is split. */
const cellsPerLaunch = 2 ** 22;

/** An elementwise operation of one operand; `expression` is gpu.js source in `x`. */
function unaryOperation(name: string, expression: string): Operation<undefined> {
  const source: KernelSource = {
    name,
    source: `function (a) { const x = a[this.thread.x]; return ${expression}; }`,
    parameters: ["array"],
  };
  return {
    name,
    infer: ([input]) => {
      if (input === undefined) return [];
      assertDType(name, "the operand", input, "float32");
      return [{ dtype: "float32", shape: input.shape }];
    },
    gpujs: (context) => launchFlat(context, source),
  };
}

/** An elementwise operation of two operands of one shape; `expression` is gpu.js source in `x`, `y`. */
function binaryOperation(name: string, expression: string): Operation<undefined> {
  const source: KernelSource = {
    name,
    source: `function (a, b) {
      const x = a[this.thread.x];
      const y = b[this.thread.x];
      return ${expression};
    }`,
    parameters: ["array", "array"],
  };
  return {
    name,
    infer: ([left, right]) => {
      if (left === undefined || right === undefined) return [];
      assertDType(name, "the left operand", left, "float32");
      assertDType(name, "the right operand", right, "float32");
      return [{ dtype: "float32", shape: left.shape }];
    },
    gpujs: (context) => launchFlat(context, source),
  };
}

function launchFlat(context: GpujsContext<undefined>, source: KernelSource): void {
  const [output] = context.outputs;
  if (output === undefined) return;
  const size = sizeOf(output.shape);
  for (let start = 0; start < size; start += cellsPerLaunch) {
    const count = Math.min(cellsPerLaunch, size - start);
    const operands = context.inputs.map((input) => ({
      slice: partOf(input, start, count),
      sizes: [count],
    }));
    context.launch(source, operands, [count], partOf(output, start, count));
  }
}

function runBinary(operation: Operation<undefined>, left: Tensor, right: Tensor | number): Tensor {
  using scalar =
    typeof right === "number" ? tensor([right], [], { device: left.device }) : undefined;
  const second = scalar ?? (right as Tensor);
  const shape = broadcastShapes(operation.name, left.shape, second.shape);
  using leftView = left.broadcastTo(shape);
  using rightView = second.broadcastTo(shape);
  return runSingle(operation, [leftView, rightView], undefined);
}

const addition = binaryOperation("add", "x + y");
const subtraction = binaryOperation("sub", "x - y");
const multiplication = binaryOperation("mul", "x * y");
const division = binaryOperation("div", "x / y");
const sigmoidLinearUnit = unaryOperation("silu", "x / (1 + Math.exp(-x))");

/**
 * `left + right`, elementwise.
 *
 * @param left - float32, any shape.
 * @param right - float32, a shape that broadcasts with `left`'s by NumPy's rules, or a number.
 * @returns float32 of the broadcast shape.
 * @throws {ShapeError} when the shapes do not broadcast.
 */
export function add(left: Tensor, right: Tensor | number): Tensor {
  return runBinary(addition, left, right);
}

/** `left - right`, elementwise, with broadcasting; see {@link add}. */
export function sub(left: Tensor, right: Tensor | number): Tensor {
  return runBinary(subtraction, left, right);
}

/** `left * right`, elementwise, with broadcasting; see {@link add}. */
export function mul(left: Tensor, right: Tensor | number): Tensor {
  return runBinary(multiplication, left, right);
}

/** `left / right`, elementwise, with broadcasting; see {@link add}. */
export function div(left: Tensor, right: Tensor | number): Tensor {
  return runBinary(division, left, right);
}

/**
 * Sigmoid linear unit, `x · σ(x)` (Elfwing et al. 2017, arXiv 1702.03118; also called swish).
 *
 * @param input - float32, any shape.
 * @returns float32, same shape.
 */
export function silu(input: Tensor): Tensor {
  return runSingle(sigmoidLinearUnit, [input], undefined);
}
