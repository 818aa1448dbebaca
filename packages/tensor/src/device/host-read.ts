import { isBlockDType } from "../dtype";
import { contiguous } from "../ops/contiguous";
import { sliceOf } from "../ops/operation";
import type { Tensor, TensorData } from "../tensor";
import type { Device } from "./device";

/** Copies a tensor's elements out of memory that the host can see. */
export function readFromHost(device: Device, tensor: Tensor): TensorData {
  device.assertUsable();
  using dense = contiguous(tensor);
  const copy = device.bytes(sliceOf(dense)).slice();
  if (isBlockDType(tensor.dtype) || tensor.dtype === "bool") return copy;
  if (tensor.dtype === "float32") return new Float32Array(copy.buffer);
  if (tensor.dtype === "int32") return new Int32Array(copy.buffer);
  return new Uint16Array(copy.buffer);
}
