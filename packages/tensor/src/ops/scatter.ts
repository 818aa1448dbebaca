import type { KernelSource } from "../gpujs/kernel-source";
import { resolveAxis, type Shape, sameShape } from "../shape";
import type { Tensor } from "../tensor";
import { add } from "./binary";
import { assertDType, assertIndexes, assertShapes } from "./checks";
import { assertIndexShape, gather, take } from "./gather";
import { forEachRowBlock } from "./launch-flat";
import { asArgument, type Operation, partOf, rowsOf, runSingle } from "./operation";
import { pad } from "./pad";
import { moveFromLast, moveToLast, reshape } from "./reshape";

/** Each cell adds the sources that point to it, in order, so that the sum does not depend on chance. */
const addColumns: KernelSource = {
  name: "scatter-add",
  source: `function (index, source, width) {
    let sum = 0;
    for (let k = 0; k < width; k++) {
      if (index[this.thread.y][k] === this.thread.x) { sum += source[this.thread.y][k]; }
    }
    return sum;
  }`,
  parameters: ["array", "array", "integer"],
};

interface ScatterAttributes {
  readonly columns: number;
}

/** Rows: `index [rows, K]`, `source [rows, K]`, result `[rows, columns]`. */
const scatterAddOperation: Operation<ScatterAttributes, [Tensor, Tensor], [Tensor]> = {
  name: "scatterAdd",
  infer: ([index, source], { columns }) => [
    { dtype: source.dtype, shape: [...index.shape.slice(0, -1), columns] },
  ],
  gpujs: ({ inputs: [index, source], outputs: [output], attributes: { columns }, launch }) => {
    if (output.size === 0) return;
    if (index.size === 0) {
      launch(nothing, [0], [output.size], partOf(output, 0, output.size));
      return;
    }
    const { rows, columns: width } = rowsOf(index.shape);
    forEachRowBlock(rows, Math.max(columns, width), (start, count) => {
      const part = (tensor: Tensor) => ({
        slice: partOf(tensor, start * width, count * width),
        sizes: [width, count],
      });
      const target = partOf(output, start * columns, count * columns);
      launch(addColumns, [part(index), part(source), width], [columns, count], target);
    });
  },
  gradient: {
    saves: "inputs",
    compute: ({ inputs: [index], outputGradient }) => [
      undefined,
      gather(outputGradient, -1, index),
    ],
  },
};

const nothing: KernelSource = {
  name: "scatter-add-nothing",
  source: "function (value) { return value; }",
  parameters: ["float"],
};

/** Zeros of `shape` with `source` added at the places of `index` in the last dimension. @internal */
export function scatterInto(shape: Shape, index: Tensor, source: Tensor): Tensor {
  return runSingle(scatterAddOperation, [index, source], { columns: shape.at(-1) ?? 1 });
}

/**
 * `input` with the elements of `source` added where `index` points along one dimension:
 * `result[i][index[i][j]] += source[i][j]` for the last dimension. Equal indexes add up.
 *
 * @param input - float32 or int32, rank R.
 * @param axis - The dimension that is indexed, negative from the end.
 * @param index - int32, rank R, at most the size of `input` in the other dimensions.
 * @param source - The shape of `index`, the dtype of `input`.
 * @returns A tensor of the shape of `input`, which is not changed.
 * @throws {OutOfRangeError} when an index is outside the dimension.
 */
export function scatterAdd(input: Tensor, axis: number, index: Tensor, source: Tensor): Tensor {
  const resolved = resolveAxis("scatterAdd", axis, input.rank);
  assertDType("scatterAdd", "the input", input, "float32", "int32");
  assertDType("scatterAdd", "the source", source, input.dtype);
  assertIndexShape("scatterAdd", input, index, resolved);
  const fits = sameShape(index.shape, source.shape);
  assertShapes("scatterAdd", fits, "index and source must have one shape", index, source);
  assertIndexes("scatterAdd", "index", index, input.shape[resolved] ?? 0);
  using indexRows = moveToLast(index, resolved);
  using sourceRows = moveToLast(source, resolved);
  using added = runSingle(scatterAddOperation, [indexRows, sourceRows], {
    columns: input.shape[resolved] ?? 0,
  });
  using arranged = moveFromLast(added, resolved);
  using padded = padTo(arranged, input.shape);
  return add(input, padded);
}

/** `tensor` with zeros behind it in every dimension, up to `shape`. */
function padTo(tensor: Tensor, shape: Shape): Tensor {
  if (sameShape(tensor.shape, shape)) return tensor.alias();
  const before = shape.map(() => 0);
  const after = shape.map((size, axis) => size - (tensor.shape[axis] ?? 0));
  return pad(
    tensor,
    before.map((count, axis) => [count, after[axis] ?? 0]),
  );
}

const addRows: KernelSource = {
  name: "scatter-add-rows",
  source: `function (ids, source, count) {
    let sum = 0;
    for (let k = 0; k < count; k++) {
      if (ids[k] === this.thread.y) { sum += source[k][this.thread.x]; }
    }
    return sum;
  }`,
  parameters: ["array", "array", "integer"],
};

/** Rows of a table: `ids [N]`, `source [N, D]`, result `[V, D]`. */
const scatterAddRowsOperation: Operation<{ readonly rows: number }, [Tensor, Tensor], [Tensor]> = {
  name: "scatterAddRows",
  infer: ([, source], { rows }) => [{ dtype: "float32", shape: [rows, source.dimension(1)] }],
  gpujs: ({ inputs: [ids, source], outputs: [output], launch }) => {
    if (output.size === 0) return;
    const width = source.dimension(1);
    if (ids.size === 0) {
      launch(nothing, [0], [output.size], partOf(output, 0, output.size));
      return;
    }
    const rows = asArgument(source, [width, ids.size]);
    launch(
      addRows,
      [asArgument(ids), rows, ids.size],
      [width, output.dimension(0)],
      partOf(output, 0, output.size),
    );
  },
  gradient: {
    saves: "inputs",
    compute: ({ inputs: [ids], outputGradient }) => [undefined, take(outputGradient, ids)],
  },
};

/** A table of `rows` rows of 0, with `source [...ids, D]` added to the rows that `ids` name. @internal */
export function scatterAddRows(rows: number, ids: Tensor, source: Tensor): Tensor {
  using flatIds = reshape(ids, [ids.size]);
  using flatSource = reshape(source, [ids.size, source.dimension(-1)]);
  return runSingle(scatterAddRowsOperation, [flatIds, flatSource], { rows });
}
