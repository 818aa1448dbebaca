import { BlockFormat, headerBytes } from "./block-format";
import { foldIntegerLanes, joinIntegerFolds } from "./simd";

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
 * Sums of a block's products of four weight rows with one quantized row, the weights unpacked on the
 * way.
 *
 * Rows go two by two through a loop because V8 sorts the instructions of a block breadth first
 * (Node 20): with four rows at once it ran out of registers, 25.9 GOP/s instead of 28.8 (Zen 3).
 *
 * @param integers the block of the row as `quantizeRow` left it.
 * @param row0, row1, row2, row3 the block of packed weight rows; they may be the same.
 * @param nibble 15 in each 16-bit lane.
 * @returns int32, lane i for row i.
 */
@inline
export function blockSums(
  integers: usize,
  row0: usize,
  row1: usize,
  row2: usize,
  row3: usize,
  nibble: v128,
  format: i32,
): v128 {
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
  return joinIntegerFolds(firstFold, secondFold);
}
