import { needsRecord } from "../autograd/record";
import { commonDevice } from "../device/device";
import { isBlockDType } from "../dtype";
import { AutogradError, DTypeError } from "../errors";
import { unionOfBounds } from "../integer-bounds";
import { contiguousStrides, sizeOf } from "../shape";
import type { Tensor } from "../tensor";
import { assertShapes } from "./checks";
import { contiguous } from "./contiguous";
import { sliceOf } from "./operation";

/**
 * Writes the elements of `source` into `target`, which may be a view: this is how a cache appends
 * in place.
 *
 * @param target - Any shape. Its storage changes; nothing else does.
 * @param source - The same shape and dtype.
 * @throws {ShapeError} when the shapes differ. @throws {DTypeError} when the dtypes do.
 */
export function assign(target: Tensor, source: Tensor): void {
  const device = commonDevice("assign", [target, source]);
  if (target.dtype !== source.dtype || isBlockDType(target.dtype)) {
    throw new DTypeError(
      `assign: target is ${target.dtype}, source is ${source.dtype}; use one plain dtype for both`,
      { target: target.dtype, source: source.dtype },
    );
  }
  if (needsRecord([target, source])) {
    throw new AutogradError(
      "assign: gradients do not flow through a write in place; use noGrad, or detach() both",
      { target: target.shape },
    );
  }
  const fits =
    target.rank === source.rank && target.shape.every((size, axis) => size === source.shape[axis]);
  assertShapes("assign", fits, "use the same shape for both", target, source);
  if (target.size === 0) return;
  target.storage.version++;
  using dense = contiguous(source);
  const { outerShape, runLength } = contiguousRuns(target);
  const outerStrides = contiguousStrides(outerShape);
  const starts = Array.from({ length: sizeOf(outerShape) }, (_, run) => {
    let element = target.offset;
    outerShape.forEach((size, axis) => {
      const index = Math.floor(run / (outerStrides[axis] ?? 1)) % size;
      element += index * (target.strides[axis] ?? 0);
    });
    return element;
  });
  const { buffer } = target.storage;
  const whole = { buffer, dtype: target.dtype, byteOffset: 0, byteLength: buffer.byteLength };
  device.copyRuns(sliceOf(dense), whole, runLength, starts);
  target.storage.setBounds(unionOfBounds(target.storage.bounds, source.storage.bounds));
}

/** Splits a view into its longest gapless runs: the trailing dimensions that lie in order. */
function contiguousRuns(view: Tensor): { outerShape: readonly number[]; runLength: number } {
  let runLength = 1;
  let axis = view.rank;
  while (axis > 0) {
    const size = view.shape[axis - 1] ?? 1;
    if (size !== 1 && view.strides[axis - 1] !== runLength) break;
    runLength *= size;
    axis--;
  }
  return { outerShape: view.shape.slice(0, axis), runLength };
}
