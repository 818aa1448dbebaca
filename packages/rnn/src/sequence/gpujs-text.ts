import type { Tensor } from "@x/tensor";
import { type BufferSlice, partOf } from "@x/tensor/kernels";

/** Expressions of gpu.js kernels. `x` is the name of a variable. */
export function sigmoidText(x: string): string {
  return `1 / (1 + Math.exp(-${x}))`;
}

/** Right to 1e-7 absolutely; e^2x may overflow to infinity. */
export function tanhText(x: string): string {
  return `1 - 2 / (Math.exp(2 * ${x}) + 1)`;
}

/** Step `t` of a tensor whose first dimension is time. */
export function stepPart(tensor: Tensor, t: number): BufferSlice {
  const count = tensor.size / tensor.dimension(0);
  return partOf(tensor, t * count, count);
}
