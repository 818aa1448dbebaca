import { type DType, isBlockDType } from "../dtype";
import type { TensorData } from "../tensor";

/**
 * Bytes as the array type that holds elements of `dtype`: one number per element, or the raw bytes
 * of a block format.
 */
export function elementsIn(bytes: Uint8Array, dtype: DType): TensorData {
  const { buffer, byteOffset, byteLength } = bytes;
  if (isBlockDType(dtype) || dtype === "bool") return bytes;
  if (dtype === "float32") return new Float32Array(buffer, byteOffset, byteLength / 4);
  if (dtype === "int32") return new Int32Array(buffer, byteOffset, byteLength / 4);
  return new Uint16Array(buffer, byteOffset, byteLength / 2);
}
