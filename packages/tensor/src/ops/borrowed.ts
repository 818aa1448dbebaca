import type { DType } from "../dtype";
import { type Shape, sameShape } from "../shape";
import type { Tensor } from "../tensor";
import { cast } from "./cast";

/**
 * An operand as an operation needs it: the caller's tensor where that fits, else one made for the
 * occasion, which disposing frees. Handles of tensors are not free: registering and disposing seven
 * of them was most of the time of adding two small tensors.
 */
export class Borrowed implements Disposable {
  readonly tensor: Tensor;
  readonly #isOwned: boolean;

  constructor(tensor: Tensor, isOwned: boolean) {
    this.tensor = tensor;
    this.#isOwned = isOwned;
  }

  [Symbol.dispose](): void {
    if (this.#isOwned) this.tensor.dispose();
  }
}

/** The caller's tensor, which stays. @throws {DisposedError} when it was disposed. */
export function borrow(tensor: Tensor): Borrowed {
  // Reading the storage is what tells that the tensor still lives.
  void tensor.storage;
  return new Borrowed(tensor, false);
}

/** A tensor that goes when the operand is disposed. */
export function own(tensor: Tensor): Borrowed {
  return new Borrowed(tensor, true);
}

/** `tensor` as `dtype`. */
export function borrowAs(tensor: Tensor, dtype: DType): Borrowed {
  return tensor.dtype === dtype ? borrow(tensor) : own(cast(tensor, dtype));
}

/** `tensor` repeated to `shape`. */
export function borrowBroadcast(tensor: Tensor, shape: Shape): Borrowed {
  return sameShape(tensor.shape, shape) ? borrow(tensor) : own(tensor.broadcastTo(shape));
}

/** `tensor` with its dimensions in the order `axes`. */
export function borrowPermuted(tensor: Tensor, axes: readonly number[]): Borrowed {
  const isSame = axes.every((axis, index) => axis === index);
  return isSame ? borrow(tensor) : own(tensor.permute(axes));
}
