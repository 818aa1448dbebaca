import { BlockFormat, blockBytes, blockSize, headerBytes } from "./block-format";
import { decodeFiniteHighHalves, decodeFiniteLowHalves, rebiasBits, shiftedHalfMask } from "./half";
import { opaque } from "./opaque";
import { panelBlockBytes, panelScaleBytes } from "./quantized-rows";
import { foldIntegerLanes, joinIntegerFolds, multiplyAdd, storeTransposed } from "./simd";

/**
 * Products of packed weights with activations that are signed bytes, by relaxed SIMD's dot product of
 * bytes: in two planes, where 16-bit integers are cut into a high and a low byte, q = 256 h + l, or in
 * one, where 8 bits do.
 *
 * Where the dot product is one machine instruction it does 16 products, so two of them do what four of
 * `i32x4.dot_i16x8_s` and four additions do. Nibbles are less than 2^7, where all implementations of
 * the dot product agree. Weights of Q8_0 are signed, and become unsigned bytes by adding 128, which an
 * offset undoes; that is for processors that take all unsigned bytes. Every sum is exact:
 * 32639 * 255 * 32 < 2^31. So results with two planes are those of `block-rows.ts` and
 * `block-panels.ts`, bit by bit.
 *
 * A block of a row of activations has the plane h of elements 0 to 15, h of 16 to 31, then l
 * likewise if there are two planes, 16 bytes each: the order in which a mask and a shift pull nibbles
 * out.
 */

/** Bytes of a block of one row of unpacked weights. */
const weightBlockBytes: usize = blockSize;

/** Bytes of a plane of a panel's block, and from its h to its l. */
const panelPlaneBytes: usize = panelBlockBytes / 2;

/** Sixteen products of bytes, of which those of `weights` are unsigned, added in fours. */
@inline
function dotBytes(activations: v128, weights: v128, sum: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) {
    return i32x4.relaxed_dot_i8x16_i7x16_add_s(activations, weights, sum);
  }
  return unreachable();
}

/** What the dot product of bytes is good for. */
export namespace ByteProducts {
  /** Nothing: it is made of several instructions, and words are faster. */
  export const None: i32 = 0;
  /** One instruction that takes weights as signed. */
  export const Nibbles: i32 = 1;
  /** One instruction that takes weights as unsigned. */
  export const Bytes: i32 = 2;
}

/**
 * The processor's {@link ByteProducts}, told by a result outside the range in which implementations
 * must agree: made of several instructions on x86, it saturates at 2^15 - 1 on the way.
 *
 * @param left 127. @param right 255: arguments, so that no compiler computes the result.
 */
export function byteProducts(left: i32, right: i32): i32 {
  if (!ASC_FEATURE_RELAXED_SIMD) return ByteProducts.None;
  const sums = dotBytes(i8x16.splat(left as i8), i8x16.splat(right as i8), i32x4.splat(0));
  const sum = i32x4.extract_lane(sums, 0);
  if (sum == 2 * 32767) return ByteProducts.None;
  return sum == 4 * left * right ? ByteProducts.Bytes : ByteProducts.Nibbles;
}

/** What the weights of `format` are masked with: nibbles kept, or signed bytes made unsigned. */
@inline
export function byteMask(blocks: i32, format: i32): v128 {
  return i8x16.splat(opaque(format == BlockFormat.Q8_0 ? 128 : 15, blocks) as i8);
}

/** Weights 0 to 15 of a block as unsigned bytes. */
@inline
function firstWeights(weights: usize, mask: v128, format: i32): v128 {
  const bytes = v128.load(weights + headerBytes(format));
  return format == BlockFormat.Q8_0 ? v128.xor(bytes, mask) : v128.and(bytes, mask);
}

/** Weights 16 to 31 of a block as unsigned bytes. */
@inline
function secondWeights(weights: usize, mask: v128, format: i32): v128 {
  if (format == BlockFormat.Q8_0) {
    return v128.xor(v128.load(weights + headerBytes(format), 16), mask);
  }
  return v128.and(i16x8.shr_u(v128.load(weights + headerBytes(format)), 4), mask);
}

/** Products of a block's 32 weights with an activation row's planes, in four partial sums. */
@inline
function multiplyBlock(
  weights: usize,
  h0: v128,
  h1: v128,
  l0: v128,
  l1: v128,
  mask: v128,
  format: i32,
  planes: i32,
): v128 {
  const first = firstWeights(weights, mask, format);
  const second = secondWeights(weights, mask, format);
  const sum = dotBytes(h1, second, dotBytes(h0, first, i32x4.splat(0)));
  if (planes == 1) return sum;
  return dotBytes(l1, second, dotBytes(l0, first, i32x4.shl(sum, 8)));
}

/** As `blockSums` of `block-rows.ts`, for Q4_0, Q4_1 and Q8_0; the constant of a weight is not in it. */
@inline
export function blockSumsByPlanes(
  integers: usize,
  row0: usize,
  row1: usize,
  row2: usize,
  row3: usize,
  weightBits: v128,
  format: i32,
  planes: i32,
): v128 {
  const h0 = v128.load(integers);
  const h1 = v128.load(integers, 16);
  const l0 = planes == 1 ? h0 : v128.load(integers, 32);
  const l1 = planes == 1 ? h1 : v128.load(integers, 48);
  return joinIntegerFolds(
    foldIntegerLanes(
      multiplyBlock(row0, h0, h1, l0, l1, weightBits, format, planes),
      multiplyBlock(row1, h0, h1, l0, l1, weightBits, format, planes),
    ),
    foldIntegerLanes(
      multiplyBlock(row2, h0, h1, l0, l1, weightBits, format, planes),
      multiplyBlock(row3, h0, h1, l0, l1, weightBits, format, planes),
    ),
  );
}

/** The weights of a block of one row as 32 unsigned bytes, in the order of the elements. */
@inline
function unpackBlock(weights: usize, panel: usize, mask: v128, format: i32): void {
  v128.store(panel, firstWeights(weights, mask, format));
  v128.store(panel, secondWeights(weights, mask, format), 16);
}

/**
 * Unpacks four weight rows to a panel of bytes that many activations then share.
 *
 * @param panel gets bytes[block][row][32].
 * @param scales gets scales[block][row].
 * @param minimums gets minimums[block][row], for Q4_1 alone.
 */
@inline
export function unpackBytePanel(
  row0: usize,
  row1: usize,
  row2: usize,
  row3: usize,
  blocks: i32,
  panel: usize,
  scales: usize,
  minimums: usize,
  format: i32,
): void {
  const weightBits = byteMask(blocks, format);
  const mask = i32x4.splat(opaque(shiftedHalfMask, blocks));
  const rebias = i32x4.splat(opaque(rebiasBits, blocks));
  for (let block = 0; block < blocks; block++) {
    unpackBlock(row0, panel, weightBits, format);
    unpackBlock(row1, panel + weightBlockBytes, weightBits, format);
    unpackBlock(row2, panel + 2 * weightBlockBytes, weightBits, format);
    unpackBlock(row3, panel + 3 * weightBlockBytes, weightBits, format);
    let headers = v128.load32_zero(row0);
    headers = v128.load32_lane(row1, headers, 1);
    headers = v128.load32_lane(row2, headers, 2);
    headers = v128.load32_lane(row3, headers, 3);
    v128.store(scales, decodeFiniteLowHalves(headers, mask, rebias));
    if (format == BlockFormat.Q4_1) {
      v128.store(minimums, decodeFiniteHighHalves(headers, mask, rebias));
    }
    row0 += blockBytes(format);
    row1 += blockBytes(format);
    row2 += blockBytes(format);
    row3 += blockBytes(format);
    panel += 4 * weightBlockBytes;
    scales += panelScaleBytes;
    minimums += panelScaleBytes;
  }
}

/** Adds the scaled integer sums of a block, for one weight row and four activation rows. */
@inline
function addBlock(
  result: v128,
  sums: v128,
  weightScale: usize,
  weightMinimum: usize,
  scales: v128,
  offsets: v128,
  format: i32,
): v128 {
  if (format != BlockFormat.Q4_1) sums = i32x4.add(sums, offsets);
  const productScales = f32x4.mul(v128.load32_splat(weightScale), scales);
  result = multiplyAdd(f32x4.convert_i32x4_s(sums), productScales, result);
  if (format == BlockFormat.Q4_1) {
    result = multiplyAdd(v128.load32_splat(weightMinimum), offsets, result);
  }
  return result;
}

/**
 * Products of a weight panel with an activation panel of two planes, or with two panels of one.
 *
 * Lanes are activations: four neighbouring weights are broadcast, so no sum across lanes is needed.
 * One step does 128 products with 6 loads.
 *
 * @param integers h[block][four elements][row][4], after each block's h its l.
 * @param nextIntegers with one plane, those of the second panel.
 * @param scales scales[block][row]. @param nextScales those of the second panel.
 * @param offsets offsets[block][row]. @param nextOffsets those of the second panel.
 * @param result gets result[activation][weight row], 4 × 4 float32, or 8 × 4 of two panels.
 */
@inline
export function multiplyPanelByPlanes(
  integers: usize,
  nextIntegers: usize,
  scales: usize,
  nextScales: usize,
  offsets: usize,
  nextOffsets: usize,
  panel: usize,
  weightScales: usize,
  weightMinimums: usize,
  result: usize,
  blocks: i32,
  format: i32,
  planes: i32,
): void {
  const zero = i32x4.splat(0);
  // With one plane l is the h of the second panel.
  const toLow = planes == 1 ? nextIntegers - integers : panelPlaneBytes;
  let a0 = zero, a1 = zero, a2 = zero, a3 = zero;
  let b0 = zero, b1 = zero, b2 = zero, b3 = zero;
  for (let block = 0; block < blocks; block++) {
    let h0 = zero, h1 = zero, h2 = zero, h3 = zero;
    let l0 = zero, l1 = zero, l2 = zero, l3 = zero;
    const end = integers + panelPlaneBytes;
    while (integers < end) {
      const h = v128.load(integers);
      const l = v128.load(integers + toLow);
      let weight = v128.load32_splat(panel);
      h0 = dotBytes(h, weight, h0);
      l0 = dotBytes(l, weight, l0);
      weight = v128.load32_splat(panel + weightBlockBytes);
      h1 = dotBytes(h, weight, h1);
      l1 = dotBytes(l, weight, l1);
      weight = v128.load32_splat(panel + 2 * weightBlockBytes);
      h2 = dotBytes(h, weight, h2);
      l2 = dotBytes(l, weight, l2);
      weight = v128.load32_splat(panel + 3 * weightBlockBytes);
      h3 = dotBytes(h, weight, h3);
      l3 = dotBytes(l, weight, l3);
      integers += 16;
      panel += 4;
    }
    panel += 3 * weightBlockBytes;
    const scale = v128.load(scales);
    const offset = v128.load(offsets);
    if (planes == 2) {
      integers += panelPlaneBytes;
      h0 = i32x4.add(i32x4.shl(h0, 8), l0);
      h1 = i32x4.add(i32x4.shl(h1, 8), l1);
      h2 = i32x4.add(i32x4.shl(h2, 8), l2);
      h3 = i32x4.add(i32x4.shl(h3, 8), l3);
    } else {
      const nextScale = v128.load(nextScales);
      const nextOffset = v128.load(nextOffsets);
      b0 = addBlock(b0, l0, weightScales, weightMinimums, nextScale, nextOffset, format);
      b1 = addBlock(b1, l1, weightScales + 4, weightMinimums + 4, nextScale, nextOffset, format);
      b2 = addBlock(b2, l2, weightScales + 8, weightMinimums + 8, nextScale, nextOffset, format);
      b3 = addBlock(b3, l3, weightScales + 12, weightMinimums + 12, nextScale, nextOffset, format);
      nextScales += panelScaleBytes;
      nextOffsets += panelScaleBytes;
    }
    a0 = addBlock(a0, h0, weightScales, weightMinimums, scale, offset, format);
    a1 = addBlock(a1, h1, weightScales + 4, weightMinimums + 4, scale, offset, format);
    a2 = addBlock(a2, h2, weightScales + 8, weightMinimums + 8, scale, offset, format);
    a3 = addBlock(a3, h3, weightScales + 12, weightMinimums + 12, scale, offset, format);
    scales += panelScaleBytes;
    offsets += panelScaleBytes;
    weightScales += panelScaleBytes;
    weightMinimums += panelScaleBytes;
  }
  storeTransposed(result, a0, a1, a2, a3);
  if (planes == 1) storeTransposed(result + 64, b0, b1, b2, b3);
}
