import type { KernelSource } from "../gpujs/kernel-source";
import type { Tensor } from "../tensor";
import { assertDType, assertShapes } from "./checks";
import { asArgument, type Operation, rowsOf, runSingle, sliceOf } from "./operation";

const rowMaximum: KernelSource = {
  name: "softmax-row-maximum",
  source: `function (x, columns) {
    let maximum = x[this.thread.x][0];
    for (let column = 1; column < columns; column++) {
      const value = x[this.thread.x][column];
      if (value > maximum || value !== value) { maximum = value; }
    }
    return maximum;
  }`,
  parameters: ["array", "integer"],
};

const rowSum: KernelSource = {
  name: "softmax-row-sum",
  source: `function (x, maximum, columns) {
    let sum = 0;
    for (let column = 0; column < columns; column++) {
      sum += Math.exp(x[this.thread.x][column] - maximum[this.thread.x]);
    }
    return sum;
  }`,
  parameters: ["array", "array", "integer"],
};

const normalize: KernelSource = {
  name: "softmax-normalize",
  source: `function (x, maximum, sum) {
    const row = this.thread.y;
    return Math.exp(x[row][this.thread.x] - maximum[row]) / sum[row];
  }`,
  parameters: ["array", "array", "array"],
};

const softmaxOperation: Operation<undefined> = {
  name: "softmax",
  infer: ([input]) => {
    if (input === undefined) return [];
    assertDType("softmax", "the operand", input, "float32");
    assertShapes("softmax", input.rank > 0, "use at least one dimension", input);
    return [{ dtype: "float32", shape: input.shape }];
  },
  gpujs: ({ inputs, outputs, launch, temporary }) => {
    const [input] = inputs;
    const [output] = outputs;
    if (input === undefined || output === undefined || input.size === 0) return;
    const { rows, columns } = rowsOf(input.shape);
    const matrix = asArgument(input, [columns, rows]);
    const maximum = temporary([rows]);
    const sum = temporary([rows]);
    launch(rowMaximum, [matrix, columns], [rows], sliceOf(maximum));
    launch(rowSum, [matrix, asArgument(maximum), columns], [rows], sliceOf(sum));
    launch(
      normalize,
      [matrix, asArgument(maximum), asArgument(sum)],
      [columns, rows],
      sliceOf(output),
    );
  },
};

/**
 * `exp(x) / Σ exp(x)` over the last dimension, with the row's maximum subtracted first so that
 * large values do not overflow. A row of `-Infinity` alone gives NaN, as in PyTorch.
 *
 * @param input - float32 `[..., N]`.
 * @returns float32 `[..., N]`; each row sums to 1.
 */
export function softmax(input: Tensor): Tensor {
  return runSingle(softmaxOperation, [input], undefined);
}
