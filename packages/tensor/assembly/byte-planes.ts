import { BlockFormat, blockBytes, blockSize, headerBytes } from "./block-format";
import { decodeFiniteHighHalves, decodeFiniteLowHalves, rebiasBits, shiftedHalfMask } from "./half";
import { opaque } from "./opaque";
import { panelBlockBytes, panelScaleBytes } from "./quantized-rows";
import { quantizedBlockBytes } from "./quantized-activations";
import { foldIntegerLanes, joinIntegerFolds, multiplyAdd, storeTransposed } from "./simd";

/**
 * Products of nibbles with activations whose 16-bit integers are cut into a high and a low byte,
 * q = 256 h + l with both signed, by relaxed SIMD's dot product of bytes.
 *
 * Where that is one machine instruction it does 16 products, so two of them do what four of
 * `i32x4.dot_i16x8_s` and four additions do. Nibbles are less than 2^7, where all implementations of
 * the dot product agree, and every sum is exact: 32639 * 15 * 32 < 2^31. So results are those of
 * `block-rows.ts` and `block-panels.ts`, bit by bit.
 *
 * A block of a row of activations has the planes h of elements 0 to 15, h of 16 to 31, then l
 * likewise, 16 bytes each: the order in which a mask and a shift pull nibbles out.
 */

/** Bytes of a block of one row of unpacked weights. */
const weightBlockBytes: usize = blockSize;

/** Bytes from the h of a panel's block to its l. */
const panelPlaneBytes: usize = panelBlockBytes / 2;

/** Sixteen products of bytes, of which those of `weights` are less than 2^7, added in fours. */
@inline
function dotBytes(activations: v128, weights: v128, sum: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) {
    return i32x4.relaxed_dot_i8x16_i7x16_add_s(activations, weights, sum);
  }
  return unreachable();
}

/**
 * Whether the dot product of bytes is one machine instruction, told by its result outside the range
 * in which implementations must agree: made of others on x86, it saturates at 2^15 - 1 on the way.
 *
 * @param left 127. @param right 255: arguments, so that no compiler computes the result.
 */
export function hasByteProducts(left: i32, right: i32): bool {
  if (!ASC_FEATURE_RELAXED_SIMD) return false;
  const sum = dotBytes(i8x16.splat(left as i8), i8x16.splat(right as i8), i32x4.splat(0));
  return i32x4.extract_lane(sum, 0) != 2 * 32767;
}

/** Products of a block's 32 nibbles with an activation row's planes, in four partial sums. */
@inline
function multiplyBlock(
  weights: usize,
  h0: v128,
  h1: v128,
  l0: v128,
  l1: v128,
  nibble: v128,
  format: i32,
): v128 {
  const packed = v128.load(weights + headerBytes(format));
  const low = v128.and(packed, nibble);
  const high = v128.and(i16x8.shr_u(packed, 4), nibble);
  const sum = dotBytes(h1, high, dotBytes(h0, low, i32x4.splat(0)));
  return dotBytes(l1, high, dotBytes(l0, low, i32x4.shl(sum, 8)));
}

/** As `multiplyRows` of `block-rows.ts`, for Q4_0 and Q4_1. */
@inline
export function multiplyRowsByPlanes(
  planes: usize,
  scales: usize,
  offsets: usize,
  row0: usize,
  row1: usize,
  row2: usize,
  row3: usize,
  blocks: i32,
  format: i32,
): v128 {
  const nibble = i8x16.splat(opaque(15, blocks) as i8);
  const mask = i32x4.splat(opaque(shiftedHalfMask, blocks));
  const rebias = i32x4.splat(opaque(rebiasBits, blocks));
  let result = f32x4.splat(0);
  for (let block = 0; block < blocks; block++) {
    const h0 = v128.load(planes);
    const h1 = v128.load(planes, 16);
    const l0 = v128.load(planes, 32);
    const l1 = v128.load(planes, 48);
    let sums = joinIntegerFolds(
      foldIntegerLanes(
        multiplyBlock(row0, h0, h1, l0, l1, nibble, format),
        multiplyBlock(row1, h0, h1, l0, l1, nibble, format),
      ),
      foldIntegerLanes(
        multiplyBlock(row2, h0, h1, l0, l1, nibble, format),
        multiplyBlock(row3, h0, h1, l0, l1, nibble, format),
      ),
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
    planes += quantizedBlockBytes;
    scales += 4;
    offsets += 4;
  }
  return result;
}

/** The nibbles of a block of one weight row as 32 bytes, in the order of the elements. */
@inline
function unpackBlock(weights: usize, panel: usize, nibble: v128, format: i32): void {
  const packed = v128.load(weights + headerBytes(format));
  v128.store(panel, v128.and(packed, nibble));
  v128.store(panel, v128.and(i16x8.shr_u(packed, 4), nibble), 16);
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
  const nibble = i8x16.splat(opaque(15, blocks) as i8);
  const mask = i32x4.splat(opaque(shiftedHalfMask, blocks));
  const rebias = i32x4.splat(opaque(rebiasBits, blocks));
  for (let block = 0; block < blocks; block++) {
    unpackBlock(row0, panel, nibble, format);
    unpackBlock(row1, panel + weightBlockBytes, nibble, format);
    unpackBlock(row2, panel + 2 * weightBlockBytes, nibble, format);
    unpackBlock(row3, panel + 3 * weightBlockBytes, nibble, format);
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
  if (format == BlockFormat.Q4_0) sums = i32x4.add(sums, offsets);
  const productScales = f32x4.mul(v128.load32_splat(weightScale), scales);
  result = multiplyAdd(f32x4.convert_i32x4_s(sums), productScales, result);
  if (format == BlockFormat.Q4_1) {
    result = multiplyAdd(v128.load32_splat(weightMinimum), offsets, result);
  }
  return result;
}

/**
 * Products of a weight panel with an activation panel.
 *
 * Lanes are activations: four neighbouring weights are broadcast, so no sum across lanes is needed.
 * One step does 128 products with 6 loads.
 *
 * @param planes h[block][four elements][row][4], after each block's h its l.
 * @param scales scales[block][row].
 * @param offsets offsets[block][row].
 * @param result gets result[activation][weight row], 4 × 4 float32.
 */
@inline
export function multiplyPanelByPlanes(
  planes: usize,
  scales: usize,
  offsets: usize,
  panel: usize,
  weightScales: usize,
  weightMinimums: usize,
  result: usize,
  blocks: i32,
  format: i32,
): void {
  const zero = i32x4.splat(0);
  let a0 = zero, a1 = zero, a2 = zero, a3 = zero;
  for (let block = 0; block < blocks; block++) {
    let h0 = zero, h1 = zero, h2 = zero, h3 = zero;
    let l0 = zero, l1 = zero, l2 = zero, l3 = zero;
    const end = planes + panelPlaneBytes;
    while (planes < end) {
      const h = v128.load(planes);
      const l = v128.load(planes + panelPlaneBytes);
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
      planes += 16;
      panel += 4;
    }
    planes += panelPlaneBytes;
    panel += 3 * weightBlockBytes;
    const scale = v128.load(scales);
    const offset = v128.load(offsets);
    const s0 = i32x4.add(i32x4.shl(h0, 8), l0);
    const s1 = i32x4.add(i32x4.shl(h1, 8), l1);
    const s2 = i32x4.add(i32x4.shl(h2, 8), l2);
    const s3 = i32x4.add(i32x4.shl(h3, 8), l3);
    a0 = addBlock(a0, s0, weightScales, weightMinimums, scale, offset, format);
    a1 = addBlock(a1, s1, weightScales + 4, weightMinimums + 4, scale, offset, format);
    a2 = addBlock(a2, s2, weightScales + 8, weightMinimums + 8, scale, offset, format);
    a3 = addBlock(a3, s3, weightScales + 12, weightMinimums + 12, scale, offset, format);
    scales += panelScaleBytes;
    offsets += panelScaleBytes;
    weightScales += panelScaleBytes;
    weightMinimums += panelScaleBytes;
  }
  storeTransposed(result, a0, a1, a2, a3);
}
