import { type DType, dtypeLayout, isBlockDType } from "../dtype";
import { LimitError } from "../errors";
import type { TensorData } from "../tensor";
import { elementsIn } from "./host-elements";

/**
 * On a GPU every element of a plain dtype is a float32, since that is what gpu.js computes with.
 * Half precision travels as its 16-bit pattern, which float32 holds exactly; block formats as 16-bit
 * words.
 */

/** Integers up to this size are exact in float32; larger ones would silently lose their low bits. */
const maximumExactInteger = 2 ** 24;

/** Bytes of host memory that one float32 carries. */
export function carriedBytes(dtype: DType): number {
  return isBlockDType(dtype) ? 2 : dtypeLayout(dtype).blockBytes;
}

/**
 * Host elements as the floats that carry them.
 *
 * @param values - One number per element; for a block format, its bytes.
 * @throws {LimitError} when an integer is beyond ±2^24.
 */
export function toCarriers(
  values: ArrayLike<number>,
  dtype: DType,
  device: string,
): Float32Array<ArrayBuffer> {
  if (isBlockDType(dtype)) return Float32Array.from(wordsOf(values));
  if (dtype === "float32") return Float32Array.from(values);
  const elements = elementsIn(new Uint8Array(values.length * carriedBytes(dtype)), dtype);
  elements.set(values);
  if (dtype === "int32") assertExact(values, device);
  return Float32Array.from(elements);
}

/** The float that carries `value`. @throws {LimitError} when it is beyond what is exact. */
export function toCarrier(value: number, dtype: DType, device: string): number {
  return toCarriers([value], dtype, device)[0] ?? 0;
}

/** The host elements that `carriers` stand for; for a block format, its bytes. */
export function fromCarriers(carriers: Float32Array<ArrayBuffer>, dtype: DType): TensorData {
  if (isBlockDType(dtype)) return new Uint8Array(Uint16Array.from(carriers).buffer);
  if (dtype === "float32") return carriers;
  const elements = elementsIn(new Uint8Array(carriers.length * carriedBytes(dtype)), dtype);
  elements.set(carriers);
  return elements;
}

function wordsOf(bytes: ArrayLike<number>): Uint16Array {
  return new Uint16Array(Uint8Array.from(bytes).buffer);
}

function assertExact(values: ArrayLike<number>, device: string): void {
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? 0;
    if (Math.abs(value) <= maximumExactInteger) continue;
    throw new LimitError(
      `tensor: the int32 value ${value} is beyond ±2^24, which ${device} holds exactly; keep it on cpu or wasm`,
      { value, limit: maximumExactInteger, device },
    );
  }
}
