import { commonDevice } from "../device/device";
import type { KernelSource } from "../gpujs/kernel-source";
import { resolveAxis } from "../shape";
import type { Tensor } from "../tensor";
import { assertDType, assertShapes } from "./checks";
import { forEachRowBlock } from "./launch-flat";
import { type Operation, partOf, rowsOf, runOperation } from "./operation";
import { moveFromLast, moveToLast } from "./reshape";
import { scatterInto } from "./scatter";

interface SortAttributes {
  readonly isDescending: boolean;
}

/** How many elements come before this one: NaN last, equal ones in their order. */
const rankOf: KernelSource = {
  name: "sort-rank",
  source: `function (x, columns, isDescending) {
    const value = x[this.thread.y][this.thread.x];
    let rank = 0;
    for (let column = 0; column < columns; column++) {
      const other = x[this.thread.y][column];
      let isBefore = 0;
      if (other < value && isDescending === 0) { isBefore = 1; }
      if (other > value && isDescending > 0) { isBefore = 1; }
      if (value !== value && other === other) { isBefore = 1; }
      let isEqual = 0;
      if (other === value) { isEqual = 1; }
      if (value !== value && other !== other) { isEqual = 1; }
      if (isEqual > 0 && column < this.thread.x) { isBefore = 1; }
      rank += isBefore;
    }
    return rank;
  }`,
  parameters: ["array", "integer", "integer"],
};

/** Which column has a rank. */
const columnOfRank: KernelSource = {
  name: "sort-column",
  source: `function (rank, columns) {
    let found = 0;
    for (let column = 0; column < columns; column++) {
      if (rank[this.thread.y][column] === this.thread.x) { found = column; }
    }
    return found;
  }`,
  parameters: ["array", "integer"],
};

const valueOfColumn: KernelSource = {
  name: "sort-value",
  source: `function (x, index) {
    return x[this.thread.y][index[this.thread.y][this.thread.x]];
  }`,
  parameters: ["array", "array"],
};

const sortOperation: Operation<SortAttributes, [Tensor], [Tensor, Tensor]> = {
  name: "sort",
  infer: ([input]) => [
    { dtype: input.dtype, shape: input.shape, bounds: input.storage.bounds },
    {
      dtype: "int32",
      shape: input.shape,
      bounds: { minimum: 0, maximum: Math.max(0, input.dimension(-1) - 1) },
    },
  ],
  gpujs: ({ inputs: [input], outputs: [values, indices], attributes, launch, temporary }) => {
    if (input.size === 0) return;
    const { rows, columns } = rowsOf(input.shape);
    const ranks = temporary(input.shape);
    forEachRowBlock(rows, columns, (start, count) => {
      const part = (tensor: Tensor) => partOf(tensor, start * columns, count * columns);
      const matrix = (tensor: Tensor) => ({ slice: part(tensor), sizes: [columns, count] });
      const cells = [columns, count];
      const direction = attributes.isDescending ? 1 : 0;
      launch(rankOf, [matrix(input), columns, direction], cells, part(ranks));
      launch(columnOfRank, [matrix(ranks), columns], cells, part(indices));
      launch(valueOfColumn, [matrix(input), matrix(indices)], cells, part(values));
    });
  },
  gradient: {
    saves: "outputs",
    compute: ({ outputs: [, indices], outputGradient, inputShapes: [shape = []] }) => [
      scatterInto(shape, indices, outputGradient),
    ],
  },
};

/** Settings of {@link sort} and {@link argsort}. */
export interface SortOptions {
  /** The dimension that is sorted. Default -1. */
  readonly axis?: number;
  /** Largest first. Default false. */
  readonly descending?: boolean;
}

/** What {@link sort} gives. Dispose both. */
export interface SortResult {
  /** The elements in order. */
  readonly values: Tensor;
  /** int32: where each came from. */
  readonly indices: Tensor;
}

/**
 * Sorts along one dimension. Equal elements keep their order; NaN comes last.
 *
 * @param input - float32 or int32, at least one dimension.
 * @returns Values and indices, both of the shape of `input`.
 */
export function sort(
  input: Tensor,
  { axis = -1, descending = false }: SortOptions = {},
): SortResult {
  commonDevice("sort", [input]);
  assertShapes("sort", input.rank > 0, "use at least one dimension", input);
  assertDType("sort", "the operand", input, "float32", "int32");
  const resolved = resolveAxis("sort", axis, input.rank);
  using arranged = moveToLast(input, resolved);
  const [sorted, order] = runOperation(sortOperation, [arranged], { isDescending: descending });
  using values = sorted;
  using indices = order;
  return { values: moveFromLast(values, resolved), indices: moveFromLast(indices, resolved) };
}

/** The indices that would sort a dimension; see {@link sort}. */
export function argsort(input: Tensor, options: SortOptions = {}): Tensor {
  commonDevice("argsort", [input]);
  const { values, indices } = sort(input, options);
  values.dispose();
  return indices;
}
