import { BlockFormat, blockBytes, headerBytes } from "./block-format";
import {
  decodeFiniteHighHalves,
  decodeFiniteLowHalves,
  rebiasBits,
  shiftedHalfMask,
} from "./half";
import { opaque } from "./opaque";
import { quantizedBlockBytes } from "./quantized-activations";
import { multiplyAdd, sumIntegerLanesOfFour } from "./simd";

/** Products of a block's 32 weights with its quantized activations, in four partial sums. */
// @ts-ignore: decorator
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

// @ts-ignore: decorator
@inline
function half(a: v128, b: v128): v128 {
  return i32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
}

/**
 * Products of four weight rows with one quantized row, the weights unpacked on the way.
 *
 * @param integers, scales, offsets the row as `quantizeRow` left it, with a stride of 4.
 * @param row0, row1, row2, row3 packed weight rows; they may be the same.
 * @returns the four products.
 */
// @ts-ignore: decorator
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
  scratch: usize,
  format: i32,
): v128 {
  store<i32>(scratch, 0x000f000f);
  store<i32>(scratch, shiftedHalfMask, 4);
  store<i32>(scratch, rebiasBits, 8);
  const nibble = v128.load32_splat(scratch);
  const mask = v128.load32_splat(scratch, 4);
  const rebias = v128.load32_splat(scratch, 8);
  let result = f32x4.splat(0);
  for (let block = 0; block < blocks; block++) {
    const x0 = v128.load(integers);
    const x1 = v128.load(integers, 16);
    const x2 = v128.load(integers, 32);
    const x3 = v128.load(integers, 48);
    let first = x0, second = x0;
    let left = row0, right = row1;
    for (let pair = 0; pair < 2; pair++) {
      first = second;
      second = half(
        multiplyBlock(left, x0, x1, x2, x3, nibble, format),
        multiplyBlock(right, x0, x1, x2, x3, nibble, format),
      );
      left = row2;
      right = row3;
    }
    let sums = i32x4.add(
      v128.shuffle<i32>(first, second, 0, 1, 4, 5),
      v128.shuffle<i32>(first, second, 2, 3, 6, 7),
    );
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
