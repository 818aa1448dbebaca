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
  const layout = {
    q4_0: [18, 0, 1],
    q4_1: [20, 0, 2],
    q8_0: [34, 0, 1],
    float16: [2, 0, 1],
    bfloat16: [2, 0, 1],
    q4_k: [144, 0, 2],
    q5_k: [176, 0, 2],
    q6_k: [210, 208, 1],
  } as const;
  const [blockBytes, start, halves] = layout[dtype as keyof typeof layout];
  for (let block = 0; block < bytes.length; block += blockBytes) {
    for (let half = 0; half < halves; half++) {
      view.setUint16(block + start + half * 2, randomHalf(random), true);
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
  if (dtype === "bfloat16") {
    for (let at = 0; at < bytes.length; at += 2) {
      const bits = new Uint32Array([view.getUint16(at, true) << 16]);
      values.push(new Float32Array(bits.buffer)[0]!);
    }
  }
  if (dtype === "q4_k" || dtype === "q5_k") unpackFiveBits(dtype, bytes, half, values);
  if (dtype === "q6_k") unpackSixBits(bytes, half, values);
  return Float64Array.from(values);
}

/** Q4_K and Q5_K; see `block_q4_K` and `block_q5_K` of ggml. */
function unpackFiveBits(
  dtype: "q4_k" | "q5_k",
  bytes: Uint8Array,
  half: (at: number) => number,
  values: number[],
): void {
  const [blockBytes, nibbles] = dtype === "q4_k" ? [144, 16] : [176, 48];
  for (let at = 0; at < bytes.length; at += blockBytes) {
    const packed = (i: number) => bytes[at + 4 + i]!;
    for (let j = 0; j < 8; j++) {
      const scale = j < 4 ? packed(j) & 63 : (packed(j + 4) & 15) | ((packed(j - 4) >> 6) << 4);
      const minimum = j < 4 ? packed(j + 4) & 63 : (packed(j + 4) >> 4) | ((packed(j) >> 6) << 4);
      for (let l = 0; l < 32; l++) {
        const nibble = (bytes[at + nibbles + (j >> 1) * 32 + l]! >> ((j & 1) * 4)) & 15;
        const fifth = dtype === "q4_k" ? 0 : (bytes[at + 16 + l]! >> j) & 1;
        values.push(half(at) * scale * (nibble + 16 * fifth) - half(at + 2) * minimum);
      }
    }
  }
}

/** Q6_K; see `block_q6_K` of ggml. */
function unpackSixBits(bytes: Uint8Array, half: (at: number) => number, values: number[]): void {
  for (let at = 0; at < bytes.length; at += 210) {
    for (let i = 0; i < 256; i++) {
      const [n, quarter, l] = [i >> 7, (i >> 5) & 3, i & 31];
      const low = bytes[at + n * 64 + (quarter & 1) * 32 + l]! >> ((quarter >> 1) * 4);
      const pair = bytes[at + 128 + n * 32 + l]! >> (quarter * 2);
      const scale = (bytes[at + 192 + (i >> 4)]! << 24) >> 24;
      values.push(half(at + 208) * scale * (((low & 15) | ((pair & 3) << 4)) - 32));
    }
  }
}
