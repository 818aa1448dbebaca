import { commonDevice } from "../device/device";
import type { KernelSource } from "../gpujs/kernel-source";
import { resolveAxis } from "../shape";
import type { Tensor } from "../tensor";
import type { AxisOptions } from "./axis-options";
import { cast } from "./cast";
import { assertShapes } from "./checks";
import { forEachRowBlock } from "./launch-flat";
import { type Operation, partOf, rowsOf, runSingle } from "./operation";
import { promotedDType } from "./promotion";
import { reducedDType } from "./reduce-operation";
import { moveFromLast, moveToLast } from "./reshape";

/** One step of the scan of Hillis and Steele (1986): each cell adds the one `distance` before it. */
const scanStep: KernelSource = {
  name: "cumsum-step",
  source: `function (x, distance) {
    let r = x[this.thread.y][this.thread.x];
    if (this.thread.x >= distance) { r = r + x[this.thread.y][this.thread.x - distance]; }
    return r;
  }`,
  parameters: ["array", "integer"],
};

const cumsumOperation: Operation<undefined, [Tensor], [Tensor]> = {
  name: "cumsum",
  infer: ([input]) => [{ dtype: input.dtype, shape: input.shape }],
  gpujs: ({ inputs: [input], outputs: [output], launch, temporary }) => {
    if (input.size === 0) return;
    const { rows, columns } = rowsOf(input.shape);
    let source = input;
    // At least one step, at distance 1, so that a single column is copied too.
    for (let distance = 1; distance === 1 || distance < columns; distance *= 2) {
      const target = distance * 2 >= columns ? output : temporary(input.shape);
      forEachRowBlock(rows, columns, (start, count) => {
        const slice = partOf(source, start * columns, count * columns);
        const part = partOf(target, start * columns, count * columns);
        launch(scanStep, [{ slice, sizes: [columns, count] }, distance], [columns, count], part);
      });
      source = target;
    }
  },
  gradient: {
    saves: "neither",
    // The sum from each place to the end.
    compute: ({ outputGradient }) => {
      const reversed = outputGradient.slice(-1, undefined, undefined, -1);
      const summed = runSingle(cumsumOperation, [reversed], undefined);
      return [summed.slice(-1, undefined, undefined, -1)];
    },
  },
};

/**
 * Sum of the elements up to each one along a dimension.
 *
 * @param input - A plain dtype, at least one dimension; integers and `bool` give int32.
 * @param options - `axis`: default -1.
 * @returns Same shape.
 */
export function cumsum(input: Tensor, { axis = -1 }: AxisOptions = {}): Tensor {
  commonDevice("cumsum", [input]);
  assertShapes("cumsum", input.rank > 0, "use at least one dimension", input);
  const resolved = resolveAxis("cumsum", axis, input.rank);
  using operand = cast(input, reducedDType(promotedDType("cumsum", input.dtype)));
  using arranged = moveToLast(operand, resolved);
  using summed = runSingle(cumsumOperation, [arranged], undefined);
  return moveFromLast(summed, resolved);
}
