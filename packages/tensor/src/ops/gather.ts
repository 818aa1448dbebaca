import { commonDevice } from "../device/device";
import { ShapeError } from "../errors";
import type { KernelSource } from "../gpujs/kernel-source";
import { formatShape, resolveAxis, sizeOf } from "../shape";
import type { Tensor } from "../tensor";
import type { AxisOptions } from "./axis-options";
import { assertIndexes, assertShapes } from "./checks";
import { forEachRowBlock } from "./launch-flat";
import { type Operation, partOf, rowsOf, runSingle } from "./operation";
import { moveFromLast, moveToLast, reshape } from "./reshape";
import { scatterAddRows, scatterInto } from "./scatter";

const pickColumns: KernelSource = {
  name: "gather",
  source: `function (x, index) {
    return x[this.thread.y][index[this.thread.y][this.thread.x]];
  }`,
  parameters: ["array", "array"],
};

/** Rows of operands: `x [rows, N]`, `index [rows, K]`, result `[rows, K]`. */
const gatherOperation: Operation<undefined, [Tensor, Tensor], [Tensor]> = {
  name: "gather",
  infer: ([x, index]) => [{ dtype: x.dtype, shape: index.shape, bounds: x.storage.bounds }],
  gpujs: ({ inputs: [x, index], outputs: [output], launch }) => {
    if (output.size === 0) return;
    const { rows, columns } = rowsOf(x.shape);
    const width = index.dimension(-1);
    forEachRowBlock(rows, Math.max(columns, width), (start, count) => {
      launch(
        pickColumns,
        [
          { slice: partOf(x, start * columns, count * columns), sizes: [columns, count] },
          { slice: partOf(index, start * width, count * width), sizes: [width, count] },
        ],
        [width, count],
        partOf(output, start * width, count * width),
      );
    });
  },
  gradient: {
    saves: "inputs",
    compute: ({ inputs: [x, index], outputGradient }) => [
      scatterInto(x.shape, index, outputGradient),
    ],
  },
};

/**
 * Picks along one dimension, one index for each element of the result:
 * `result[i][j] = input[i][index[i][j]]` for the last dimension.
 *
 * @param input - A plain dtype, rank R.
 * @param index - int32, rank R; its size may be smaller than the input's in every dimension but
 * `axis`, where it is free.
 * @param axis - The dimension that is indexed, negative from the end.
 * @returns The shape of `index`, the dtype of `input`.
 * @throws {OutOfRangeError} when an index is outside the dimension.
 */
export function gather(input: Tensor, axis: number, index: Tensor): Tensor {
  commonDevice("gather", [input, index]);
  const resolved = resolveAxis("gather", axis, input.rank);
  assertIndexShape("gather", input, index, resolved);
  assertIndexes("gather", "index", index, input.shape[resolved] ?? 0);
  using cut = cutToIndex(input, index, resolved);
  using rows = moveToLast(cut, resolved);
  using indexRows = moveToLast(index, resolved);
  using picked = runSingle(gatherOperation, [rows, indexRows], undefined);
  return moveFromLast(picked, resolved);
}

/** @throws {ShapeError} unless `index` lies within `input` in every dimension but `axis`. */
export function assertIndexShape(
  operation: string,
  input: Tensor,
  index: Tensor,
  axis: number,
): void {
  const fits =
    index.rank === input.rank &&
    index.shape.every((size, one) => one === axis || size <= (input.shape[one] ?? 0));
  if (fits) return;
  throw new ShapeError(
    `${operation}: index ${formatShape(index.shape)} must have the rank of ${formatShape(input.shape)} and lie within it, dimension ${axis} aside`,
    { operation, input: input.shape, index: index.shape, axis },
  );
}

/** The part of `input` that `index` covers, dimension `axis` whole. */
function cutToIndex(input: Tensor, index: Tensor, axis: number): Tensor {
  let result = input.alias();
  index.shape.forEach((size, one) => {
    if (one === axis || size === input.shape[one]) return;
    using before = result;
    result = before.slice(one, 0, size);
  });
  return result;
}

const pickRows: KernelSource = {
  name: "take",
  source: `function (table, ids) {
    return table[ids[this.thread.y]][this.thread.x];
  }`,
  parameters: ["array", "array"],
};

/** Rows of a table: `table [V, D]`, `ids [N]`, result `[N, D]`. */
const takeOperation: Operation<undefined, [Tensor, Tensor], [Tensor]> = {
  name: "take",
  infer: ([table, ids]) => [
    { dtype: table.dtype, shape: [ids.size, table.dimension(1)], bounds: table.storage.bounds },
  ],
  gpujs: ({ inputs: [table, ids], outputs: [output], launch }) => {
    if (output.size === 0) return;
    const [rows = 0, width = 0] = table.shape;
    const whole = { slice: partOf(table, 0, table.size), sizes: [width, rows] };
    forEachRowBlock(ids.size, width, (start, count) => {
      const slice = partOf(ids, start, count);
      const target = partOf(output, start * width, count * width);
      launch(pickRows, [whole, { slice, sizes: [count] }], [width, count], target);
    });
  },
  gradient: {
    saves: "inputs",
    compute: ({ inputs: [table, ids], outputGradient }) => [
      scatterAddRows(table.dimension(0), ids, outputGradient),
    ],
  },
};

/**
 * Picks whole slices along one dimension, as NumPy's `take`:
 * `result[i..., :] = input[indices[i...], :]` for axis 0.
 *
 * @param input - A plain dtype.
 * @param indices - int32, any shape.
 * @param options - `axis`: default 0.
 * @returns The shape of `input` with dimension `axis` replaced by the shape of `indices`.
 * @throws {OutOfRangeError} when an index is outside the dimension.
 */
export function take(input: Tensor, indices: Tensor, { axis = 0 }: AxisOptions = {}): Tensor {
  commonDevice("take", [input, indices]);
  assertShapes("take", input.rank > 0, "use at least one dimension", input);
  const resolved = resolveAxis("take", axis, input.rank);
  assertIndexes("take", "index", indices, input.shape[resolved] ?? 0);
  const before = input.shape.slice(0, resolved);
  const after = input.shape.slice(resolved + 1);
  const rest = input.shape.map((_, one) => one).filter((one) => one !== resolved);
  using arranged = input.permute([resolved, ...rest]);
  using table = reshape(arranged, [input.shape[resolved] ?? 0, sizeOf(before) * sizeOf(after)]);
  using ids = reshape(indices, [indices.size]);
  using picked = runSingle(takeOperation, [table, ids], undefined);
  using shaped = picked.reshape([...indices.shape, ...before, ...after]);
  const from = indices.rank;
  const order = [
    ...before.map((_, one) => from + one),
    ...indices.shape.map((_, one) => one),
    ...after.map((_, one) => from + before.length + one),
  ];
  return shaped.permute(order);
}
