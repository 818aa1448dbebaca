import { OutOfRangeError } from "../errors";
import type { KernelSource } from "../gpujs/kernel-source";
import type { Tensor } from "../tensor";
import { assertDType, assertShapes } from "./checks";
import { asArgument, type Operation, partOf, rowsOf, runOperation, sliceOf } from "./operation";
import { scatterInto } from "./scatter";

/** The `k` largest elements of each row. */
export interface TopKResult {
  /** float32 `[..., k]`, descending. */
  readonly values: Tensor;
  /** int32 `[..., k]`. */
  readonly indices: Tensor;
}

/** Finds the largest element that comes after the one found before, in order (value, index). */
const nextLargest: KernelSource = {
  name: "top-k-next",
  source: `function (x, previous, columns, first) {
    let best = -1;
    let maximum = 0;
    let last = -1;
    let bound = 0;
    if (first < 1) {
      last = previous[this.thread.x];
      bound = x[this.thread.x][last];
    }
    for (let column = 0; column < columns; column++) {
      const value = x[this.thread.x][column];
      let eligible = 1;
      if (first < 1) {
        if (value > bound || (value === bound && column <= last)) { eligible = 0; }
      }
      if (eligible > 0 && (best < 0 || value > maximum)) {
        maximum = value;
        best = column;
      }
    }
    return best;
  }`,
  parameters: ["array", "array", "integer", "integer"],
};

const pick: KernelSource = {
  name: "top-k-pick",
  source: `function (x, indices) {
    return x[this.thread.y][indices[this.thread.y][this.thread.x]];
  }`,
  parameters: ["array", "array"],
};

const gatherRanks: KernelSource = {
  name: "top-k-transpose",
  source: "function (ranks) { return ranks[this.thread.x][this.thread.y]; }",
  parameters: ["array"],
};

const topKOperation: Operation<{ readonly k: number }, [Tensor], [Tensor, Tensor]> = {
  name: "topK",
  infer: ([input], { k }) => {
    assertDType("topK", "the operand", input, "float32");
    assertShapes("topK", input.rank > 0, "use at least one dimension", input);
    if (!Number.isInteger(k) || k < 1 || k > input.dimension(-1)) {
      const limit = input.dimension(-1);
      throw new OutOfRangeError(`topK: k is ${k}; use 1 to ${limit}`, { k, limit });
    }
    const shape = [...input.shape.slice(0, -1), k];
    return [
      { dtype: "float32", shape },
      { dtype: "int32", shape, bounds: { minimum: 0, maximum: input.dimension(-1) - 1 } },
    ];
  },
  gpujs: ({ inputs: [input], outputs: [values, indices], attributes, launch, temporary }) => {
    if (values.size === 0) return;
    const { rows, columns } = rowsOf(input.shape);
    const { k } = attributes;
    const matrix = asArgument(input, [columns, rows]);
    const ranks = temporary([k, rows]);
    for (let rank = 0; rank < k; rank++) {
      const previous = partOf(ranks, Math.max(0, rank - 1) * rows, rows);
      launch(
        nextLargest,
        [matrix, { slice: previous, sizes: [rows] }, columns, rank === 0 ? 1 : 0],
        [rows],
        partOf(ranks, rank * rows, rows),
      );
    }
    launch(gatherRanks, [asArgument(ranks, [rows, k])], [k, rows], sliceOf(indices));
    launch(pick, [matrix, asArgument(indices, [k, rows])], [k, rows], sliceOf(values));
  },
  gradient: {
    saves: "outputs",
    compute: ({ outputs: [, indices], outputGradients: [gradient], inputShapes: [shape = []] }) => [
      gradient === undefined ? undefined : scatterInto(shape, indices, gradient),
    ],
  },
};

/**
 * The `k` largest elements of the last dimension, in descending order; equal elements by
 * ascending index.
 *
 * @param input - float32 `[..., N]`, without NaN.
 * @param k - 1 to N.
 * @returns Values and int32 indices, both `[..., k]`. Dispose both.
 * @throws {OutOfRangeError} when `k` is not 1 to N.
 */
export function topK(input: Tensor, k: number): TopKResult {
  const [values, indices] = runOperation(topKOperation, [input], { k });
  return { values, indices };
}
