import { KernelError } from "../errors";
import type { Tensor } from "../tensor";

/** Operand `index`; its presence was checked when the operation's result was inferred. */
export function operand(tensors: readonly Tensor[], index: number): Tensor {
  const tensor = tensors[index];
  if (tensor === undefined) {
    throw new KernelError(`operand ${index} is missing; pass as many as the operation takes`);
  }
  return tensor;
}

/** Whether all are contiguous. */
export function areContiguous(inputs: readonly Tensor[]): boolean {
  return inputs.every((input) => input.isContiguous);
}

/** Whether all are float32. */
export function areFloat(inputs: readonly Tensor[]): boolean {
  return inputs.every((input) => input.dtype === "float32");
}
