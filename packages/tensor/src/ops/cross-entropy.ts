import { commonDevice } from "../device/device";
import { DeviceError, OutOfRangeError, ShapeError } from "../errors";
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
import { clip, neg } from "./unary";
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
  commonDevice("crossEntropy", [logits, targets]);
  assertDType("crossEntropy", "the logits", logits, "float32");
  assertDType("crossEntropy", "the targets", targets, "int32");
  const fits = logits.rank > 0 && sameShape(logits.shape.slice(0, -1), targets.shape);
  assertShapes("crossEntropy", fits, "use logits [..., C] and targets [...]", logits, targets);
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new OutOfRangeError(`crossEntropy: labelSmoothing ${labelSmoothing} is not 0 to 1`, {
      labelSmoothing,
    });
  }
  assertTargets(targets, logits.dimension(-1), ignoreIndex);
  return tidy(() => {
    const logProbabilities = logSoftmax(logits);
    const counts = notEqual(targets, ignoreIndex);
    // Nothing is clipped that counts: it lets the device know that the classes are in range.
    const classes = clip(where(counts, targets, 0), 0, Math.max(0, logits.dimension(-1) - 1));
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

/** Every target that the host can see; elsewhere the range that the tensor carries. */
function assertTargets(targets: Tensor, classes: number, ignoreIndex: number): void {
  const { device, storage } = targets;
  if (targets.size === 0) return;
  const { bounds } = storage;
  if (device.access === "asynchronous" && bounds === undefined) {
    throw new DeviceError(
      `crossEntropy: the range of the targets is not known on ${device.name}; read them with data() and make them again with tensor()`,
      { device: device.name, shape: targets.shape },
    );
  }
  const candidates =
    device.access === "asynchronous" && bounds !== undefined
      ? [bounds.minimum, bounds.maximum]
      : targets.dataSync();
  for (const target of candidates) {
    if (target === ignoreIndex || (target >= 0 && target < classes)) continue;
    throw new OutOfRangeError(
      `crossEntropy: target ${target} is out of range; use 0 to ${classes - 1}, or ignoreIndex ${ignoreIndex}`,
      { target, classes, ignoreIndex },
    );
  }
}
