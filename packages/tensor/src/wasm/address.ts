import { dtypeLayout } from "../dtype";
import type { Tensor } from "../tensor";

/** Byte address of a tensor's first element in the memory of the `wasm` device. */
export function addressOf(tensor: Tensor): number {
  const { blockSize, blockBytes } = dtypeLayout(tensor.dtype);
  return tensor.storage.buffer.byteOffset + (tensor.offset / blockSize) * blockBytes;
}
