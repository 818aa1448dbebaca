import { needsRecord, record } from "../autograd/record";
import { commonDevice } from "../device/device";
import { isBlockDType } from "../dtype";
import type { Tensor } from "../tensor";
import { copyContiguous } from "./copy-contiguous";

/**
 * The tensor in row-major order: a copy when it is a view with gaps, else another view of it.
 * Dispose the result on its own.
 *
 * @param tensor - Any shape and dtype.
 * @returns Same shape and dtype.
 */
export function contiguous(tensor: Tensor): Tensor {
  commonDevice("contiguous", [tensor]);
  if (tensor.isContiguous || isBlockDType(tensor.dtype)) return tensor.alias();
  return recordedCopy(tensor);
}

/** A copy of the elements in memory of its own, in row-major order. */
export function clone(tensor: Tensor): Tensor {
  commonDevice("clone", [tensor]);
  return recordedCopy(tensor);
}

function recordedCopy(tensor: Tensor): Tensor {
  const copy = copyContiguous(tensor);
  if (needsRecord([tensor])) {
    record({
      operation: "contiguous",
      inputs: [tensor],
      outputs: [copy],
      saved: [],
      compute: ([gradient]) => [gradient?.alias()],
    });
  }
  return copy;
}
