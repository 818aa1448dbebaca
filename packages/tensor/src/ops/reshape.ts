import { commonDevice } from "../device/device";
import { inferShape, type Shape, viewStrides } from "../shape";
import type { Tensor } from "../tensor";
import { contiguous } from "./contiguous";

/**
 * The same elements under another shape: a view where the memory allows it, else a copy.
 *
 * @param tensor - Any shape.
 * @param shape - Sizes with the same product; one may be -1 and is inferred.
 * @throws {ShapeError} when the sizes differ.
 */
export function reshape(tensor: Tensor, shape: Shape): Tensor {
  commonDevice("reshape", [tensor]);
  const resolved = inferShape(tensor.shape, shape);
  if (viewStrides(tensor.shape, tensor.strides, resolved) !== undefined) {
    return tensor.reshape(resolved);
  }
  using dense = contiguous(tensor);
  return dense.reshape(resolved);
}

/** Dimension `axis` moved to the end, without a copy. The inverse is {@link moveFromLast}. */
export function moveToLast(tensor: Tensor, axis: number): Tensor {
  const axes = tensor.shape.map((_, index) => index).filter((index) => index !== axis);
  return tensor.permute([...axes, axis]);
}

/** The last dimension moved to position `axis`, without a copy. */
export function moveFromLast(tensor: Tensor, axis: number): Tensor {
  const axes = tensor.shape.slice(0, -1).map((_, index) => index);
  return tensor.permute([...axes.slice(0, axis), tensor.rank - 1, ...axes.slice(axis)]);
}
