import type { DType } from "../../dtype";
import { DTypeError, OutOfRangeError } from "../../errors";
import type { TensorData } from "../../tensor";
import { quote, type SafetensorsEntry } from "./header";

/** Elements as a tensor takes them. */
interface Decoded {
  readonly dtype: DType;
  readonly values: TensorData;
}

/**
 * The elements of `entry` in a dtype that tensors have, exactly: narrower numbers are widened, wider
 * ones taken when each fits.
 *
 * @param bytes - The entry's bytes, little-endian. The result may view them.
 * @param allowRounding - Rounds F64 to the nearest float32 instead of refusing what is not exact.
 * @throws {DTypeError} when no dtype of a tensor holds the elements.
 * @throws {OutOfRangeError} when an element does not fit.
 */
export function decodeEntry(
  entry: SafetensorsEntry,
  { buffer }: Uint8Array<ArrayBuffer>,
  allowRounding: boolean,
): Decoded {
  switch (entry.dtype) {
    case "F32":
      return { dtype: "float32", values: new Float32Array(buffer) };
    case "F64":
      return { dtype: "float32", values: narrowed(entry, new Float64Array(buffer), allowRounding) };
    case "F16":
      return { dtype: "float16", values: new Uint16Array(buffer) };
    case "BF16":
      return { dtype: "bfloat16", values: new Uint16Array(buffer) };
    case "I32":
      return { dtype: "int32", values: new Int32Array(buffer) };
    case "BOOL":
      return { dtype: "bool", values: truths(entry, new Uint8Array(buffer)) };
    case "I8":
      return { dtype: "int32", values: Int32Array.from(new Int8Array(buffer)) };
    case "U8":
      return { dtype: "int32", values: Int32Array.from(new Uint8Array(buffer)) };
    case "I16":
      return { dtype: "int32", values: Int32Array.from(new Int16Array(buffer)) };
    case "U16":
      return { dtype: "int32", values: Int32Array.from(new Uint16Array(buffer)) };
    case "U32":
      return { dtype: "int32", values: nonNegative(entry, new Int32Array(buffer)) };
    case "I64":
    case "U64":
      return { dtype: "int32", values: lowHalves(entry, new Int32Array(buffer)) };
    default:
      throw new DTypeError(
        `tensor ${quote(entry.name)} is ${entry.dtype}, which no tensor holds; take its bytes with readBytes`,
        { tensor: entry.name, dtype: entry.dtype },
      );
  }
}

function narrowed(
  entry: SafetensorsEntry,
  wide: Float64Array,
  allowRounding: boolean,
): Float32Array {
  const narrow = Float32Array.from(wide);
  if (allowRounding) return narrow;
  const index = wide.findIndex((value, at) => !Object.is(value, narrow[at]));
  if (index === -1) return narrow;
  throw new OutOfRangeError(
    `tensor ${quote(entry.name)} is F64 and element ${index}, ${wide[index]}, is not exact in float32; pass allowRounding: true to round`,
    { tensor: entry.name, index, value: wide[index] },
  );
}

function truths(entry: SafetensorsEntry, bytes: Uint8Array): Uint8Array {
  const index = bytes.findIndex((byte) => byte > 1);
  if (index !== -1) throw notFitting(entry, index, bytes[index], "0 or 1");
  return bytes;
}

/** @param bits - Unsigned numbers, seen as signed ones. */
function nonNegative(entry: SafetensorsEntry, bits: Int32Array): Int32Array {
  const index = bits.findIndex((value) => value < 0);
  if (index !== -1) throw notFitting(entry, index, (bits[index] ?? 0) >>> 0, "below 2^31");
  return bits;
}

/** @param halves - 64-bit numbers as pairs, the low half first. */
function lowHalves(entry: SafetensorsEntry, halves: Int32Array<ArrayBuffer>): Int32Array {
  const low = new Int32Array(halves.length / 2);
  for (let index = 0; index < low.length; index++) {
    const value = halves[2 * index] ?? 0;
    const extension = entry.dtype === "I64" ? value >> 31 : 0;
    if (halves[2 * index + 1] !== extension || (entry.dtype === "U64" && value < 0)) {
      const View = entry.dtype === "I64" ? BigInt64Array : BigUint64Array;
      throw notFitting(entry, index, new View(halves.buffer)[index], "an int32");
    }
    low[index] = value;
  }
  return low;
}

function notFitting(
  { name, dtype }: SafetensorsEntry,
  index: number,
  value: number | bigint | undefined,
  expected: string,
): OutOfRangeError {
  return new OutOfRangeError(
    `tensor ${quote(name)} is ${dtype} and element ${index}, ${value}, is not ${expected}; take its bytes with readBytes`,
    { tensor: name, dtype, index, value: `${value}` },
  );
}
