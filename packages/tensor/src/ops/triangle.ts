import { commonDevice } from "../device/device";
import { OutOfRangeError } from "../errors";
import type { KernelSource } from "../gpujs/kernel-source";
import type { Tensor } from "../tensor";
import { assertShapes } from "./checks";
import { forEachRowBlock } from "./launch-flat";
import { type Operation, partOf, rowsOf, runSingle } from "./operation";
import { promotedDType } from "./promotion";

interface TriangleAttributes {
  readonly diagonal: number;
  readonly isUpper: boolean;
}

const cutTriangle: KernelSource = {
  name: "triangle",
  source: `function (x, height, firstRow, diagonal, isUpper) {
    const row = (firstRow + this.thread.y) % height;
    const distance = this.thread.x - row - diagonal;
    let r = 0;
    if (isUpper > 0 && distance >= 0) { r = x[this.thread.y][this.thread.x]; }
    if (isUpper === 0 && distance <= 0) { r = x[this.thread.y][this.thread.x]; }
    return r;
  }`,
  parameters: ["array", "integer", "integer", "integer", "integer"],
};

const triangleOperation: Operation<TriangleAttributes, [Tensor], [Tensor]> = {
  name: "triangle",
  infer: ([input]) => [{ dtype: input.dtype, shape: input.shape }],
  gpujs: ({ inputs: [input], outputs: [output], attributes, launch }) => {
    if (input.size === 0) return;
    const { rows, columns } = rowsOf(input.shape);
    const height = input.dimension(-2);
    const { diagonal, isUpper } = attributes;
    forEachRowBlock(rows, columns, (start, count) => {
      const slice = partOf(input, start * columns, count * columns);
      launch(
        cutTriangle,
        [{ slice, sizes: [columns, count] }, height, start % height, diagonal, isUpper ? 1 : 0],
        [columns, count],
        partOf(output, start * columns, count * columns),
      );
    });
  },
  gradient: {
    saves: "neither",
    compute: ({ outputGradient, attributes }) => [
      runSingle(triangleOperation, [outputGradient], attributes),
    ],
  },
};

/** Settings of {@link tril} and {@link triu}. */
export interface TriangleOptions {
  /** Which diagonal bounds the triangle: 0 the main one, positive above it. Default 0. */
  readonly diagonal?: number;
}

function assertTriangle(operation: string, input: Tensor, diagonal: number): void {
  assertShapes(operation, input.rank >= 2, "use at least two dimensions", input);
  promotedDType(operation, input.dtype);
  if (Number.isInteger(diagonal)) return;
  throw new OutOfRangeError(
    `${operation}: diagonal ${diagonal} is not an integer; use 0, 1, -1, …`,
    {
      operation,
      diagonal,
    },
  );
}

/**
 * The lower triangle of the last two dimensions: elements above the diagonal become 0.
 *
 * @throws {OutOfRangeError} when the diagonal is not an integer.
 */
export function tril(input: Tensor, { diagonal = 0 }: TriangleOptions = {}): Tensor {
  commonDevice("tril", [input]);
  assertTriangle("tril", input, diagonal);
  return runSingle(triangleOperation, [input], { diagonal, isUpper: false });
}

/** The upper triangle of the last two dimensions: elements below the diagonal become 0. See {@link tril}. */
export function triu(input: Tensor, { diagonal = 0 }: TriangleOptions = {}): Tensor {
  commonDevice("triu", [input]);
  assertTriangle("triu", input, diagonal);
  return runSingle(triangleOperation, [input], { diagonal, isUpper: true });
}
