import type { DType } from "../../src/dtype";
import { byteLengthOf } from "../../src/dtype";
import { randomGenerator } from "./random";

/** Bits of a half that are finite, of either sign or positive, from tiny to about 2. */
function randomHalf(random: () => number): number {
  const exponent = Math.floor(random() * 16);
  return (Math.floor(random() * 2) << 15) | (exponent << 10) | Math.floor(random() * 1024);
}

/** The value of a half-precision pattern, by the definition of IEEE 754. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  if (exponent === 31) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  return sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

/** Random packed weights of `[rows, columns]`: any byte is a legal nibble pair; scales are finite. */
export function randomPacked(dtype: DType, shape: readonly number[], seed: number): Uint8Array {
  const random = randomGenerator(seed);
  const bytes = Uint8Array.from({ length: byteLengthOf(dtype, shape) }, () => random() * 256);
  const view = new DataView(bytes.buffer);
  const layout = { q4_0: [18, 1], q4_1: [20, 2], q8_0: [34, 1], float16: [2, 1] } as const;
  const [blockBytes, halves] = layout[dtype as keyof typeof layout];
  for (let block = 0; block < bytes.length; block += blockBytes) {
    for (let half = 0; half < halves; half++) {
      view.setUint16(block + half * 2, randomHalf(random), true);
    }
  }
  return bytes;
}

/** What packed weights stand for, in float64, by the definition of the GGUF block formats. */
export function unpack(dtype: DType, bytes: Uint8Array): Float64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const half = (at: number) => halfToNumber(view.getUint16(at, true));
  const values: number[] = [];
  if (dtype === "float16") {
    for (let at = 0; at < bytes.length; at += 2) values.push(half(at));
  }
  if (dtype === "q8_0") {
    for (let at = 0; at < bytes.length; at += 34) {
      for (let i = 0; i < 32; i++) values.push(half(at) * view.getInt8(at + 2 + i));
    }
  }
  if (dtype === "q4_0" || dtype === "q4_1") {
    const header = dtype === "q4_0" ? 2 : 4;
    for (let at = 0; at < bytes.length; at += header + 16) {
      const scale = half(at);
      const offset = dtype === "q4_0" ? -8 * scale : half(at + 2);
      const nibble = (i: number, shift: number) => (bytes[at + header + i]! >> shift) & 15;
      for (let i = 0; i < 16; i++) values.push(scale * nibble(i, 0) + offset);
      for (let i = 0; i < 16; i++) values.push(scale * nibble(i, 4) + offset);
    }
  }
  return Float64Array.from(values);
}
