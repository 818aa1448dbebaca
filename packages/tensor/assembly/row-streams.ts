import { BlockFormat, blockBytes } from "./block-format";
import { blockSums } from "./block-rows";
import { blockSumsByPlanes, byteMask } from "./byte-planes";
import { decodeFiniteHighHalves, decodeFiniteLowHalves, rebiasBits, shiftedHalfMask } from "./half";
import { opaque } from "./opaque";
import { quantizedBlockBytes } from "./quantized-activations";
import { multiplyAdd } from "./simd";

/**
 * Products of packed weight rows with one row of activations.
 *
 * Many weight rows, far apart, are read side by side: so many streams that the processor fetches
 * ahead. One core of a Xeon (Sapphire Rapids, virtual) read 8 GB/s in one stream, 15.6 in 4, 17.6 in
 * 16, and multiplied 80 MB of Q8_0 weights 1.3 to 1.5 times as fast in 16 as in 4.
 */

/** Weight rows that are read side by side. */
export const streamCount: i32 = 16;

/**
 * Whether a product waits for memory more than for its operations. Nibbles against 16 bits do not:
 * keeping the sums of so many rows in memory makes them slower, 9.3 instead of 12.4 · 10⁹ products a
 * second by words.
 */
@inline
export function streamsPay(format: i32, planes: i32): bool {
  return format == BlockFormat.Q8_0 || planes == 1;
}

/** The constant that unpacks weights: see `blockSums` and `byteMask`. */
@inline
function unpackingBits(blocks: i32, format: i32, planes: i32): v128 {
  return planes > 0 ? byteMask(blocks, format) : i16x8.splat(opaque(15, blocks) as i16);
}

/**
 * Adds a block's products of four weight rows with the activations.
 *
 * @param result lane i belongs to row i.
 * @param integers, scale, offset the block of the activations as `quantizeRow` left it.
 * @param row0, row1, row2, row3 the block of packed weight rows; they may be the same.
 * @param mask, rebias see `half.ts`.
 */
@inline
function addBlock(
  result: v128,
  integers: usize,
  scale: usize,
  offset: usize,
  row0: usize,
  row1: usize,
  row2: usize,
  row3: usize,
  bits: v128,
  mask: v128,
  rebias: v128,
  format: i32,
  planes: i32,
): v128 {
  let sums =
    planes > 0
      ? blockSumsByPlanes(integers, row0, row1, row2, row3, bits, format, planes)
      : blockSums(integers, row0, row1, row2, row3, bits, format);
  if (format == BlockFormat.Q4_0 || (format == BlockFormat.Q8_0 && planes > 0)) {
    sums = i32x4.add(sums, v128.load32_splat(offset));
  }
  let headers = v128.load32_zero(row0);
  headers = v128.load32_lane(row1, headers, 1);
  headers = v128.load32_lane(row2, headers, 2);
  headers = v128.load32_lane(row3, headers, 3);
  const weightScales = decodeFiniteLowHalves(headers, mask, rebias);
  const productScales = f32x4.mul(weightScales, v128.load32_splat(scale));
  result = multiplyAdd(f32x4.convert_i32x4_s(sums), productScales, result);
  if (format != BlockFormat.Q4_1) return result;
  const minimums = decodeFiniteHighHalves(headers, mask, rebias);
  return multiplyAdd(minimums, v128.load32_splat(offset), result);
}

/**
 * Products of `quads * 4` weight rows, block by block of all of them.
 *
 * @param integers, scales, offsets the activations as `quantizeRow` left them, with a stride of 4.
 * @param row the first packed weight row.
 * @param distance bytes from one weight row to the next.
 * @param products gets `quads * 4` float32.
 */
@inline
export function multiplyStreams(
  integers: usize,
  scales: usize,
  offsets: usize,
  row: usize,
  distance: usize,
  quads: i32,
  blocks: i32,
  products: usize,
  format: i32,
  planes: i32,
): void {
  const bits = unpackingBits(blocks, format, planes);
  const mask = i32x4.splat(opaque(shiftedHalfMask, blocks));
  const rebias = i32x4.splat(opaque(rebiasBits, blocks));
  const end = products + quads * 16;
  for (let at = products; at < end; at += 16) v128.store(at, f32x4.splat(0));
  for (let block = 0; block < blocks; block++) {
    let row0 = row;
    for (let at = products; at < end; at += 16) {
      const row1 = row0 + distance;
      const row2 = row1 + distance;
      const row3 = row2 + distance;
      v128.store(
        at,
        addBlock(
          v128.load(at),
          integers,
          scales,
          offsets,
          row0,
          row1,
          row2,
          row3,
          bits,
          mask,
          rebias,
          format,
          planes,
        ),
      );
      row0 = row3 + distance;
    }
    row += blockBytes(format);
    integers += quantizedBlockBytes(planes);
    scales += 4;
    offsets += 4;
  }
}

/** Products of four weight rows, which may be the same. */
@inline
export function multiplyRows(
  integers: usize,
  scales: usize,
  offsets: usize,
  row0: usize,
  row1: usize,
  row2: usize,
  row3: usize,
  blocks: i32,
  format: i32,
  planes: i32,
): v128 {
  const bits = unpackingBits(blocks, format, planes);
  const mask = i32x4.splat(opaque(shiftedHalfMask, blocks));
  const rebias = i32x4.splat(opaque(rebiasBits, blocks));
  let result = f32x4.splat(0);
  for (let block = 0; block < blocks; block++) {
    result = addBlock(
      result,
      integers,
      scales,
      offsets,
      row0,
      row1,
      row2,
      row3,
      bits,
      mask,
      rebias,
      format,
      planes,
    );
    row0 += blockBytes(format);
    row1 += blockBytes(format);
    row2 += blockBytes(format);
    row3 += blockBytes(format);
    integers += quantizedBlockBytes(planes);
    scales += 4;
    offsets += 4;
  }
  return result;
}
