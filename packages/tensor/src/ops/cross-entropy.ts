import { OutOfRangeError, ShapeError } from "../errors";
import { boundsWithout, unionOfBounds } from "../integer-bounds";
import { tidy } from "../lifetime";
import { sameShape } from "../shape";
import type { Tensor } from "../tensor";
import { add, div, mul } from "./binary";
import { cast } from "./cast";
import { assertDType, assertShapes } from "./checks";
import { notEqual } from "./comparisons";
import { gather } from "./gather";
import { mean, sum } from "./reductions";
import { logSoftmax } from "./softmax";
import { neg } from "./unary";
import { where } from "./where";

/** Settings of {@link crossEntropy}. */
export interface CrossEntropyOptions {
  /** How the losses of all targets become one. Default `mean`. */
  readonly reduction?: "mean" | "sum" | "none";
  /** Targets of this value count as no target: no loss, no gradient, not in the mean. Default -100. */
  readonly ignoreIndex?: number;
  /** Share of the target's probability that is spread over all classes, 0 to 1. Default 0. */
  readonly labelSmoothing?: number;
}

/**
 * Negative log-likelihood of class indices under `softmax(logits)`.
 *
 * @param logits - float32 `[..., C]`.
 * @param targets - int32 `[...]`, each 0 to C - 1 or `ignoreIndex`.
 * @returns A float32 scalar, or `[...]` where `reduction` is `none`. The mean over no target is NaN.
 * @throws {OutOfRangeError} for a target that is not a class.
 */
export function crossEntropy(
  logits: Tensor,
  targets: Tensor,
  { reduction = "mean", ignoreIndex = -100, labelSmoothing = 0 }: CrossEntropyOptions = {},
): Tensor {
  assertDType("crossEntropy", "the logits", logits, "float32");
  assertDType("crossEntropy", "the targets", targets, "int32");
  const fits = logits.rank > 0 && sameShape(logits.shape.slice(0, -1), targets.shape);
  assertShapes("crossEntropy", fits, "use logits [..., C] and targets [...]", logits, targets);
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new OutOfRangeError(`crossEntropy: labelSmoothing ${labelSmoothing} is not 0 to 1`, {
      labelSmoothing,
    });
  }
  return tidy(() => {
    const logProbabilities = logSoftmax(logits);
    const counts = notEqual(targets, ignoreIndex);
    const classes = where(counts, targets, 0);
    // Where the host cannot look, the value that marks no target must not count as a class.
    const bounds = boundsWithout(targets.storage.bounds, ignoreIndex);
    classes.storage.setBounds(unionOfBounds(bounds, { minimum: 0, maximum: 0 }));
    const picked = gather(logProbabilities, -1, classes.expandDims(-1)).squeeze(-1);
    const plain = neg(picked);
    const losses =
      labelSmoothing === 0
        ? plain
        : add(
            mul(plain, 1 - labelSmoothing),
            mul(mean(logProbabilities, { axis: -1 }), -labelSmoothing),
          );
    const counted = where(counts, losses, 0);
    switch (reduction) {
      case "none":
        return counted;
      case "sum":
        return sum(counted);
      case "mean":
        return div(sum(counted), cast(sum(counts), "float32"));
      default:
        throw new ShapeError(`crossEntropy: unknown reduction "${reduction satisfies never}"`);
    }
  });
}
