import type { KernelSource } from "../gpujs/kernel-source";
import { sameShape, sizeOf } from "../shape";
import type { Tensor } from "../tensor";
import { assertDType, assertShapes } from "./checks";
import { type Operation, partOf, runSingle } from "./operation";

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

const matmulOperation: Operation<undefined> = {
  name: "matmul",
  infer: ([left, right]) => {
    if (!left || !right) return [];
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
  gpujs: ({ inputs, outputs, launch }) => {
    const [left, right] = inputs;
    const [output] = outputs;
    if (!left || !right || !output || output.size === 0) return;
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
};

/**
 * Matrix product over the last two dimensions, batch by batch.
 *
 * @param left - float32 `[..., M, K]`.
 * @param right - float32 `[..., K, N]`, the same leading dimensions. Views, such as a transposed
 * tensor or a slice of a cache, are read in place where the device's kernel can.
 * @returns float32 `[..., M, N]`.
 */
export function matmul(left: Tensor, right: Tensor): Tensor {
  return runSingle(matmulOperation, [left, right], undefined);
}
