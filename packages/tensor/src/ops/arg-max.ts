import { commonDevice } from "../device/device";
import type { KernelSource } from "../gpujs/kernel-source";
import { resolveAxis } from "../shape";
import type { Tensor } from "../tensor";
import { cast } from "./cast";
import { assertShapes } from "./checks";
import { asArgument, type Operation, rowsOf, runSingle, sliceOf } from "./operation";
import { moveToLast } from "./reshape";

function firstExtreme(name: string, comparison: string): KernelSource {
  return {
    name,
    source: `function (x, columns) {
      let best = 0;
      let extreme = x[this.thread.x][0];
      for (let column = 1; column < columns; column++) {
        const value = x[this.thread.x][column];
        if (extreme === extreme && (value ${comparison} extreme || value !== value)) {
          extreme = value;
          best = column;
        }
      }
      return best;
    }`,
    parameters: ["array", "integer"],
  };
}

function extremeOperation(
  name: string,
  comparison: string,
): Operation<undefined, [Tensor], [Tensor]> {
  const source = firstExtreme(name, comparison);
  return {
    name,
    infer: ([input]) => {
      const fits = input.rank > 0 && input.dimension(-1) > 0;
      assertShapes(name, fits, "the dimension must not be empty", input);
      const bounds = { minimum: 0, maximum: input.dimension(-1) - 1 };
      return [{ dtype: "int32", shape: input.shape.slice(0, -1), bounds }];
    },
    gpujs: ({ inputs: [input], outputs: [output], launch }) => {
      if (output.size === 0) return;
      const { rows, columns } = rowsOf(input.shape);
      launch(source, [asArgument(input, [columns, rows]), columns], [rows], sliceOf(output));
    },
    gradient: "none",
  };
}

const argmaxOperation = /* @__PURE__ */ extremeOperation("argmax", ">");
const argminOperation = /* @__PURE__ */ extremeOperation("argmin", "<");

/** Settings of {@link argmax} and {@link argmin}. */
export interface ArgMaxOptions {
  /** The dimension that is searched. Default -1. */
  readonly axis?: number;
  /** Whether it stays, with size 1. Default false. */
  readonly keepDims?: boolean;
}

function indexAlong(
  operation: Operation<undefined, [Tensor], [Tensor]>,
  input: Tensor,
  { axis = -1, keepDims = false }: ArgMaxOptions,
): Tensor {
  commonDevice(operation.name, [input]);
  const { name } = operation;
  assertShapes(name, input.rank > 0, "use at least one dimension", input);
  const resolved = resolveAxis(name, axis, input.rank);
  using operand = cast(input, "float32");
  using arranged = moveToLast(operand, resolved);
  const indexes = runSingle(operation, [arranged], undefined);
  if (!keepDims) return indexes;
  using result = indexes;
  return result.expandDims(resolved);
}

/**
 * Index of the largest element along one dimension. Of equal elements the first wins; NaN counts
 * as the largest, as in PyTorch.
 *
 * @param input - A plain dtype, at least one dimension, which must not be empty.
 * @returns int32, the shape without that dimension.
 */
export function argmax(input: Tensor, options: ArgMaxOptions = {}): Tensor {
  return indexAlong(argmaxOperation, input, options);
}

/** Index of the smallest element along one dimension; NaN counts as the smallest. See {@link argmax}. */
export function argmin(input: Tensor, options: ArgMaxOptions = {}): Tensor {
  return indexAlong(argminOperation, input, options);
}
