import type { KernelSource } from "../gpujs/kernel-source";
import type { Tensor } from "../tensor";
import { assertDType, assertShapes } from "./checks";
import { asArgument, type Operation, rowsOf, runSingle, sliceOf } from "./operation";

const firstMaximum: KernelSource = {
  name: "argmax",
  source: `function (x, columns) {
    let best = 0;
    let maximum = x[this.thread.x][0];
    for (let column = 1; column < columns; column++) {
      const value = x[this.thread.x][column];
      if (maximum === maximum && (value > maximum || value !== value)) {
        maximum = value;
        best = column;
      }
    }
    return best;
  }`,
  parameters: ["array", "integer"],
};

const argmaxOperation: Operation<undefined> = {
  name: "argmax",
  infer: ([input]) => {
    if (!input) return [];
    assertDType("argmax", "the operand", input, "float32");
    const fits = input.rank > 0 && input.dimension(-1) > 0;
    assertShapes("argmax", fits, "the last dimension must not be empty", input);
    const bounds = { minimum: 0, maximum: input.dimension(-1) - 1 };
    return [{ dtype: "int32", shape: input.shape.slice(0, -1), bounds }];
  },
  gpujs: ({ inputs, outputs, launch }) => {
    const [input] = inputs;
    const [output] = outputs;
    if (!input || !output || output.size === 0) return;
    const { rows, columns } = rowsOf(input.shape);
    launch(firstMaximum, [asArgument(input, [columns, rows]), columns], [rows], sliceOf(output));
  },
};

/**
 * Index of the largest element of the last dimension. Of equal elements the first wins; NaN counts
 * as the largest, as in PyTorch.
 *
 * @param input - float32 `[..., N]`, N ≥ 1.
 * @returns int32 `[...]`.
 */
export function argmax(input: Tensor): Tensor {
  return runSingle(argmaxOperation, [input], undefined);
}
