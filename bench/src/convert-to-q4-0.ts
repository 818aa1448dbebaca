import { readFileSync, writeFileSync } from "node:fs";
import { byteSourceFromBuffer, type GgufTensorInfo, readGguf } from "@x/models";

const typeQ4_0 = 2;
const alignment = 32;
const blockSize = 32;
const q4_1Bytes = 20;
const q4_0Bytes = 18;

/**
 * Writes a GGUF file whose Q4_1 tensors are rounded to Q4_0, which is symmetric about 0 and the
 * fastest format of llama.cpp. The header keeps its size, so its fields are changed in place.
 */
export async function convertToQ4_0(sourcePath: string, targetPath: string): Promise<void> {
  const source = readFileSync(sourcePath);
  const { tensors } = await readGguf(byteSourceFromBuffer(source));
  const infos = [...tensors.values()].sort((left, right) => left.offset - right.offset);
  const dataStart = infos[0]?.offset ?? source.byteLength;
  const header = Buffer.from(source.subarray(0, dataStart));
  const parts: Uint8Array[] = [header];
  let offset = 0;
  for (const info of infos) {
    const data = source.subarray(info.offset, info.offset + info.byteLength);
    const isNibbles = info.type === "Q4_1";
    const converted = isNibbles ? roundBlocks(data) : data;
    const padding = (alignment - (converted.byteLength % alignment)) % alignment;
    patchInfo(header, info, offset, isNibbles);
    parts.push(converted, new Uint8Array(padding));
    offset += converted.byteLength + padding;
  }
  writeFileSync(targetPath, Buffer.concat(parts));
}

/** Changes offset and type of a tensor: after its name come the sizes, the type and the offset. */
function patchInfo(
  header: Buffer,
  { name, shape }: GgufTensorInfo,
  offset: number,
  isNibbles: boolean,
): void {
  const named = Buffer.alloc(8 + name.length);
  named.writeBigUInt64LE(BigInt(name.length));
  named.write(name, 8);
  const type = header.indexOf(named) + named.length + 4 + 8 * shape.length;
  if (isNibbles) header.writeUInt32LE(typeQ4_0, type);
  header.writeBigUInt64LE(BigInt(offset), type + 4);
}

/** Blocks of Q4_1 (d q + m) as blocks of Q4_0 (d (q - 8)). */
function roundBlocks(source: Uint8Array): Uint8Array {
  const blocks = source.byteLength / q4_1Bytes;
  const target = new Uint8Array(blocks * q4_0Bytes);
  const from = new DataView(source.buffer, source.byteOffset, source.byteLength);
  const to = new DataView(target.buffer);
  const weights = new Float32Array(blockSize);
  for (let block = 0; block < blocks; block++) {
    const at = block * q4_1Bytes;
    const scale = halfToNumber(from.getUint16(at, true));
    const minimum = halfToNumber(from.getUint16(at + 2, true));
    let largest = 0;
    for (let index = 0; index < blockSize; index++) {
      const pair = source[at + 4 + (index % 16)] ?? 0;
      const weight = scale * (index < 16 ? pair & 15 : pair >> 4) + minimum;
      weights[index] = weight;
      if (Math.abs(weight) > Math.abs(largest)) largest = weight;
    }
    const half = numberToHalf(largest / -8);
    const step = halfToNumber(half);
    const nibble = (weight: number) =>
      step === 0 ? 8 : Math.max(0, Math.min(15, Math.floor(weight / step + 8.5)));
    to.setUint16(block * q4_0Bytes, half, true);
    for (let index = 0; index < 16; index++) {
      const low = nibble(weights[index] ?? 0);
      const high = nibble(weights[index + 16] ?? 0);
      target[block * q4_0Bytes + 2 + index] = low | (high << 4);
    }
  }
  return target;
}

function halfToNumber(half: number): number {
  const exponent = (half >> 10) & 31;
  const mantissa = half & 1023;
  const size = exponent === 0 ? mantissa * 2 ** -24 : (1024 + mantissa) * 2 ** (exponent - 25);
  return half & 0x8000 ? -size : size;
}

/** The nearest half, of numbers that are neither too large for one nor special. */
function numberToHalf(value: number): number {
  const size = Math.abs(value);
  const exponent = Math.max(-14, Math.floor(Math.log2(size || 2 ** -24)));
  // A mantissa that rounds up to 2048 carries into the exponent, as it should.
  const mantissa = Math.round(size * 2 ** (10 - exponent));
  const bits = mantissa < 1024 ? mantissa : ((exponent + 15) << 10) + (mantissa - 1024);
  return value < 0 ? bits | 0x8000 : bits;
}
