import { commonDevice } from "../device/device";
import type { KernelSource } from "../gpujs/kernel-source";
import { broadcastShapes, sameShape, sizeOf } from "../shape";
import type { Tensor } from "../tensor";
import { cast } from "./cast";
import { assertDType, assertShapes } from "./checks";
import { type Operation, partOf, runSingle } from "./operation";
import { promotedDType } from "./promotion";
import { reshape } from "./reshape";

const product: KernelSource = {
  name: "matmul",
  source: `function (a, b, inner) {
    let sum = 0;
    for (let k = 0; k < inner; k++) {
      sum += a[this.thread.z][this.thread.y][k] * b[this.thread.z][k][this.thread.x];
    }
    return sum;
  }`,
  parameters: ["array", "array", "integer"],
};

/** Elements of one operand per launch; more batches go into further launches. */
const elementsPerLaunch = 2 ** 23;

const matmulOperation: Operation<undefined, [Tensor, Tensor], [Tensor]> = {
  name: "matmul",
  infer: ([left, right]) => {
    assertDType("matmul", "the left operand", left, "float32");
    assertDType("matmul", "the right operand", right, "float32");
    const fits =
      left.rank >= 2 &&
      left.rank === right.rank &&
      sameShape(left.shape.slice(0, -2), right.shape.slice(0, -2)) &&
      left.shape.at(-1) === right.shape.at(-2);
    const expectation = "use [..., M, K] and [..., K, N] with equal leading dimensions";
    assertShapes("matmul", fits, expectation, left, right);
    return [{ dtype: "float32", shape: [...left.shape.slice(0, -1), right.dimension(-1)] }];
  },
  gpujs: ({ inputs: [left, right], outputs: [output], launch }) => {
    if (output.size === 0) return;
    const [rows, inner, columns] = [left.dimension(-2), left.dimension(-1), right.dimension(-1)];
    const batches = sizeOf(output.shape.slice(0, -2));
    if (inner === 0) {
      output.device.fill(partOf(output, 0, output.size), 0);
      return;
    }
    const largest = Math.max(rows * inner, inner * columns, rows * columns);
    const perLaunch = Math.max(1, Math.floor(elementsPerLaunch / largest));
    for (let batch = 0; batch < batches; batch += perLaunch) {
      const count = Math.min(perLaunch, batches - batch);
      const part = (tensor: Tensor, size: number) => partOf(tensor, batch * size, count * size);
      launch(
        product,
        [
          { slice: part(left, rows * inner), sizes: [inner, rows, count] },
          { slice: part(right, inner * columns), sizes: [columns, inner, count] },
          inner,
        ],
        [columns, rows, count],
        part(output, rows * columns),
      );
    }
  },
  gradient: {
    saves: "inputs",
    compute: ({ inputs: [left, right], outputGradient, needs }) => [
      needs[0] ? batchedProduct(outputGradient, right.transpose()) : undefined,
      needs[1] ? batchedProduct(left.transpose(), outputGradient) : undefined,
    ],
  },
};

function batchedProduct(left: Tensor, right: Tensor): Tensor {
  return runSingle(matmulOperation, [left, right], undefined);
}

/**
 * Matrix product over the last two dimensions; the dimensions before them broadcast by NumPy's
 * rules. A vector on the left is a row, on the right a column, and its dimension is dropped from
 * the result.
 *
 * @param left - `[..., M, K]` or `[K]`; other plain dtypes are converted to float32.
 * @param right - `[..., K, N]` or `[K]`. Views, such as a transposed tensor or a slice of a cache,
 * are read in place where the device's kernel can.
 * @returns float32 `[..., M, N]`.
 * @throws {ShapeError} when the inner dimensions differ or the leading ones do not broadcast.
 *
 * @example
 * ```ts
 * const attention = matmul(queries, keys.transpose()); // [H, N, D] x [H, D, M] = [H, N, M]
 * ```
 */
export function matmul(left: Tensor, right: Tensor): Tensor {
  commonDevice("matmul", [left, right]);
  const fits =
    left.rank > 0 &&
    right.rank > 0 &&
    left.shape.at(-1) === right.shape.at(right.rank > 1 ? -2 : 0);
  assertShapes("matmul", fits, "use [..., M, K] and [..., K, N]", left, right);
  promotedDType("matmul", left.dtype, right.dtype);
  using leftFloat = cast(left, "float32");
  using rightFloat = cast(right, "float32");
  using rows = left.rank === 1 ? leftFloat.expandDims(0) : leftFloat.alias();
  using columns = right.rank === 1 ? rightFloat.expandDims(1) : rightFloat.alias();
  using product = columns.rank === 2 ? flatProduct(rows, columns) : broadcastProduct(rows, columns);
  const shape = [...product.shape];
  if (right.rank === 1) shape.splice(-1, 1);
  if (left.rank === 1) shape.splice(right.rank === 1 ? -1 : -2, 1);
  return product.reshape(shape);
}

/** One matrix on the right: all rows on the left are one matrix too, if they lie in order. */
function flatProduct(left: Tensor, right: Tensor): Tensor {
  if (left.rank === 2) return batchedProduct(left, right);
  using rows = reshape(left, [sizeOf(left.shape.slice(0, -1)), left.dimension(-1)]);
  using product = batchedProduct(rows, right);
  return product.reshape([...left.shape.slice(0, -1), right.dimension(-1)]);
}

function broadcastProduct(left: Tensor, right: Tensor): Tensor {
  const batch = broadcastShapes("matmul", left.shape.slice(0, -2), right.shape.slice(0, -2));
  using leftView = left.broadcastTo([...batch, ...left.shape.slice(-2)]);
  using rightView = right.broadcastTo([...batch, ...right.shape.slice(-2)]);
  return batchedProduct(leftView, rightView);
}
