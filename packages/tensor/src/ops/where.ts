import { commonDevice } from "../device/device";
import type { KernelSource } from "../gpujs/kernel-source";
import { unionOfBounds } from "../integer-bounds";
import { broadcastShapes } from "../shape";
import type { Tensor } from "../tensor";
import type { Operand } from "./binary-operation";
import { cast } from "./cast";
import { notEqual } from "./comparisons";
import { tensor, zeros } from "./creation";
import { launchFlat } from "./launch-flat";
import { type Operation, runSingle } from "./operation";
import { numberDType, promotedDType } from "./promotion";

const choose: KernelSource = {
  name: "where",
  source: `function (condition, left, right) {
    let r = right[this.thread.x];
    if (condition[this.thread.x] > 0) { r = left[this.thread.x]; }
    return r;
  }`,
  parameters: ["array", "array", "array"],
};

const whereOperation: Operation<undefined, [Tensor, Tensor, Tensor], [Tensor]> = {
  name: "where",
  infer: ([, left, right]) => {
    const bounds = unionOfBounds(left.storage.bounds, right.storage.bounds);
    return [{ dtype: left.dtype, shape: left.shape, bounds }];
  },
  gpujs: (context) => launchFlat(context, choose),
  gradient: {
    saves: "inputs",
    compute: ({ inputs: [condition], outputGradient: g, needs }) => {
      const nothing = zeros([], { device: g.device });
      return [
        undefined,
        needs[1] ? where(condition, g, nothing) : undefined,
        needs[2] ? where(condition, nothing, g) : undefined,
      ];
    },
  },
};

/**
 * `left` where `condition` holds, else `right`, elementwise with broadcasting. The one not taken
 * does not touch the result, nor its gradient: NaN and infinities there are masked.
 *
 * @param condition - `bool`; other dtypes hold where they are not 0.
 * @returns The broadcast shape, in the promoted dtype of `left` and `right`.
 */
export function where(condition: Tensor, left: Operand, right: Operand): Tensor {
  const tensors = [condition, left, right].filter((operand) => typeof operand !== "number");
  const device = commonDevice("where", tensors);
  const other = typeof left === "number" ? right : left;
  const beside = typeof other === "number" ? condition : other;
  const asOperand = (operand: Operand): Tensor =>
    typeof operand === "number"
      ? tensor([operand], [], {
          device,
          dtype: beside === condition ? "float32" : numberDType(operand, beside),
        })
      : operand.alias();
  using first = asOperand(left);
  using second = asOperand(right);
  using truth = condition.dtype === "bool" ? condition.alias() : notEqual(condition, 0);
  const dtype = promotedDType("where", first.dtype, second.dtype);
  using leftCast = cast(first, dtype);
  using rightCast = cast(second, dtype);
  const values = broadcastShapes("where", first.shape, second.shape);
  const shape = broadcastShapes("where", truth.shape, values);
  using conditionView = truth.broadcastTo(shape);
  using leftView = leftCast.broadcastTo(shape);
  using rightView = rightCast.broadcastTo(shape);
  return runSingle(whereOperation, [conditionView, leftView, rightView], undefined);
}
