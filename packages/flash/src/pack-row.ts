import { type DType, DTypeError } from "@x/tensor";

const blockSize = 32;

/**
 * Float32 elements in a storage format of the cache. The block formats are GGUF's, rounded as ggml's
 * reference does it.
 */
export function packRow(dtype: DType, values: Float32Array): Uint8Array {
  switch (dtype) {
    case "float16":
      return new Uint8Array(Uint16Array.from(values, toHalf).buffer);
    case "q8_0":
      return packBlocks(values, 34, (block, view) => {
        const largest = block.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        const scale = largest / 127;
        view.setUint16(0, toHalf(scale), true);
        block.forEach((value, index) => {
          view.setInt8(2 + index, scale === 0 ? 0 : roundAway(value / scale));
        });
      });
    case "q4_0":
      return packBlocks(values, 18, (block, view) => {
        const extreme = block.reduce((most, value) =>
          Math.abs(value) > Math.abs(most) ? value : most,
        );
        const scale = extreme / -8;
        view.setUint16(0, toHalf(scale), true);
        setNibbles(view, 2, block, (value) => (scale === 0 ? 8 : value / scale + 8.5));
      });
    case "q4_1":
      return packBlocks(values, 20, (block, view) => {
        const minimum = Math.min(...block);
        const scale = (Math.max(...block) - minimum) / 15;
        view.setUint16(0, toHalf(scale), true);
        view.setUint16(2, toHalf(minimum), true);
        setNibbles(view, 4, block, (value) => (scale === 0 ? 0 : (value - minimum) / scale + 0.5));
      });
    default:
      throw new DTypeError(`flashDecode: a ${dtype} cache cannot be appended to; use float32`, {
        dtype,
      });
  }
}

function packBlocks(
  values: Float32Array,
  blockBytes: number,
  pack: (block: Float32Array, view: DataView) => void,
): Uint8Array {
  const bytes = new Uint8Array((values.length / blockSize) * blockBytes);
  for (let block = 0; block * blockSize < values.length; block++) {
    const view = new DataView(bytes.buffer, block * blockBytes, blockBytes);
    pack(values.subarray(block * blockSize, (block + 1) * blockSize), view);
  }
  return bytes;
}

/** Element `i` below 16 is the low nibble of byte `i`, element `16 + i` the high one. */
function setNibbles(
  view: DataView,
  offset: number,
  block: Float32Array,
  levelOf: (value: number) => number,
): void {
  const level = (value = 0) => Math.min(15, Math.floor(levelOf(value)));
  for (let index = 0; index < blockSize / 2; index++) {
    const high = level(block[index + blockSize / 2]);
    view.setUint8(offset + index, level(block[index]) | (high << 4));
  }
}

/** Halves away from zero, as C's `roundf`. */
function roundAway(value: number): number {
  return Math.sign(value) * Math.round(Math.abs(value));
}

const single = new Float32Array(1);
const bits = new Uint32Array(single.buffer);

/** The nearest float16, ties to even, as its bits. */
function toHalf(value: number): number {
  single[0] = value;
  const word = bits[0] ?? 0;
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Subnormal: in units of 2^-24, where float64 rounds exactly.
    return sign | roundToEven(Math.abs(value) * 2 ** 24);
  }
  const rebiased = magnitude - 0x38000000;
  return sign | ((rebiased + 0xfff + ((rebiased >>> 13) & 1)) >>> 13);
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor + (floor % 2);
}
