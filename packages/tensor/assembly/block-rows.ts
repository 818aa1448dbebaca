import { BlockFormat, blockBytes, headerBytes } from "./block-format";
import {
  decodeFiniteHighHalves,
  decodeFiniteLowHalves,
  rebiasBits,
  shiftedHalfMask,
} from "./half";
import { opaque } from "./opaque";
import { quantizedBlockBytes } from "./quantized-activations";
import { foldIntegerLanes, joinIntegerFolds, multiplyAdd } from "./simd";

/** Products of a block's 32 weights with its quantized activations, in four partial sums. */
@inline
function multiplyBlock(
  weights: usize,
  x0: v128,
  x1: v128,
  x2: v128,
  x3: v128,
  nibble: v128,
  format: i32,
): v128 {
  if (format == BlockFormat.Q8_0) {
    let sum = i32x4.dot_i16x8_s(v128.load_ext<i8>(weights, 2), x0);
    sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load_ext<i8>(weights, 10), x1));
    sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load_ext<i8>(weights, 18), x2));
    return i32x4.add(sum, i32x4.dot_i16x8_s(v128.load_ext<i8>(weights, 26), x3));
  }
  // A 16-bit lane holds nibbles 2j, 16 + 2j, 2j + 1, 17 + 2j, from the lowest to the highest.
  const packed = v128.load(weights + headerBytes(format));
  let sum = i32x4.dot_i16x8_s(v128.and(packed, nibble), x0);
  sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.and(i16x8.shr_u(packed, 4), nibble), x1));
  sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.and(i16x8.shr_u(packed, 8), nibble), x2));
  return i32x4.add(sum, i32x4.dot_i16x8_s(i16x8.shr_u(packed, 12), x3));
}

/**
 * Products of four weight rows with one quantized row, the weights unpacked on the way.
 *
 * Rows go two by two through a loop because V8 sorts the instructions of a block breadth first
 * (Node 20): with four rows at once it ran out of registers, 25.9 GOP/s instead of 28.8 (Zen 3).
 *
 * @param integers, scales, offsets the row as `quantizeRow` left it, with a stride of 4.
 * @param row0, row1, row2, row3 packed weight rows; they may be the same.
 * @returns the four products.
 */
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
): v128 {
  const nibble = i16x8.splat(opaque(15, blocks) as i16);
  const mask = i32x4.splat(opaque(shiftedHalfMask, blocks));
  const rebias = i32x4.splat(opaque(rebiasBits, blocks));
  let result = f32x4.splat(0);
  for (let block = 0; block < blocks; block++) {
    const x0 = v128.load(integers);
    const x1 = v128.load(integers, 16);
    const x2 = v128.load(integers, 32);
    const x3 = v128.load(integers, 48);
    let firstFold = x0, secondFold = x0;
    let left = row0, right = row1;
    for (let pair = 0; pair < 2; pair++) {
      firstFold = secondFold;
      secondFold = foldIntegerLanes(
        multiplyBlock(left, x0, x1, x2, x3, nibble, format),
        multiplyBlock(right, x0, x1, x2, x3, nibble, format),
      );
      left = row2;
      right = row3;
    }
    let sums = joinIntegerFolds(firstFold, secondFold);
    if (format == BlockFormat.Q4_0) sums = i32x4.add(sums, v128.load32_splat(offsets));
    let headers = v128.load32_zero(row0);
    headers = v128.load32_lane(row1, headers, 1);
    headers = v128.load32_lane(row2, headers, 2);
    headers = v128.load32_lane(row3, headers, 3);
    const weightScales = decodeFiniteLowHalves(headers, mask, rebias);
    const productScales = f32x4.mul(weightScales, v128.load32_splat(scales));
    result = multiplyAdd(f32x4.convert_i32x4_s(sums), productScales, result);
    if (format == BlockFormat.Q4_1) {
      const minimums = decodeFiniteHighHalves(headers, mask, rebias);
      result = multiplyAdd(minimums, v128.load32_splat(offsets), result);
    }
    row0 += blockBytes(format);
    row1 += blockBytes(format);
    row2 += blockBytes(format);
    row3 += blockBytes(format);
    integers += quantizedBlockBytes;
    scales += 4;
    offsets += 4;
  }
  return result;
}
