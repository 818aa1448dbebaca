import { BlockFormat, blockBytes, headerBytes } from "./block-format";
import { decodeFiniteHighHalves, decodeFiniteLowHalves, rebiasBits, shiftedHalfMask } from "./half";
import { opaque } from "./opaque";
import { panelBlockBytes, panelScaleBytes } from "./quantized-rows";
import { multiplyAdd, storeTransposed } from "./simd";

/** Eight weights of a Q8_0 block of each of four rows: integers[pair][row][2]. */
@inline
function unpackBytes(
  row0: usize,
  row1: usize,
  row2: usize,
  row3: usize,
  offset: usize,
  integers: usize,
): void {
  storeTransposed(
    integers,
    v128.load_ext<i8>(row0 + offset),
    v128.load_ext<i8>(row1 + offset),
    v128.load_ext<i8>(row2 + offset),
    v128.load_ext<i8>(row3 + offset),
  );
}

/** The nibbles at bit `shift` of each 16-bit lane, less `zero`. */
@inline
function nibblesAt(packed: v128, shift: i32, nibble: v128, zero: v128): v128 {
  return i16x8.sub(v128.and(i16x8.shr_u(packed, shift), nibble), zero);
}

/** The nibbles at bit `shift` of a block of each of four rows: integers[pair][row][2]. */
@inline
function unpackNibbles(
  q0: v128,
  q1: v128,
  q2: v128,
  q3: v128,
  shift: i32,
  nibble: v128,
  zero: v128,
  integers: usize,
): void {
  storeTransposed(
    integers,
    nibblesAt(q0, shift, nibble, zero),
    nibblesAt(q1, shift, nibble, zero),
    nibblesAt(q2, shift, nibble, zero),
    nibblesAt(q3, shift, nibble, zero),
  );
}

/**
 * Unpacks four weight rows to a panel of int16 that many activations then share.
 *
 * @param panel gets integers[pair][row][2], in the order that `quantizeRow` uses.
 * @param scales gets scales[block][row].
 * @param minimums gets minimums[block][row], for Q4_1 alone.
 */
@inline
export function unpackPanel(
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
  const nibble = i16x8.splat(opaque(15, blocks) as i16);
  const zero = i16x8.splat(opaque(format == BlockFormat.Q4_0 ? 8 : 0, blocks) as i16);
  const mask = i32x4.splat(opaque(shiftedHalfMask, blocks));
  const rebias = i32x4.splat(opaque(rebiasBits, blocks));
  for (let block = 0; block < blocks; block++) {
    if (format == BlockFormat.Q8_0) {
      unpackBytes(row0, row1, row2, row3, 2, panel);
      unpackBytes(row0, row1, row2, row3, 10, panel + 64);
      unpackBytes(row0, row1, row2, row3, 18, panel + 128);
      unpackBytes(row0, row1, row2, row3, 26, panel + 192);
    } else {
      const q0 = v128.load(row0 + headerBytes(format));
      const q1 = v128.load(row1 + headerBytes(format));
      const q2 = v128.load(row2 + headerBytes(format));
      const q3 = v128.load(row3 + headerBytes(format));
      unpackNibbles(q0, q1, q2, q3, 0, nibble, zero, panel);
      unpackNibbles(q0, q1, q2, q3, 4, nibble, zero, panel + 64);
      unpackNibbles(q0, q1, q2, q3, 8, nibble, zero, panel + 128);
      unpackNibbles(q0, q1, q2, q3, 12, nibble, zero, panel + 192);
    }
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
    panel += panelBlockBytes;
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
  hasMinimums: bool,
): v128 {
  const productScales = f32x4.mul(v128.load32_splat(weightScale), scales);
  result = multiplyAdd(f32x4.convert_i32x4_s(sums), productScales, result);
  if (hasMinimums) result = multiplyAdd(v128.load32_splat(weightMinimum), offsets, result);
  return result;
}

/**
 * Products of a weight panel with two activation panels at once.
 *
 * Lanes are activations: a pair of weights is broadcast, so no sum across lanes is needed, and one
 * step does 64 products with 6 loads.
 *
 * @param x first panel: integers[pair][row][2]; the second is `xStride` bytes further.
 * @param scales scales[block][row] of the first panel; the second `scaleStride` bytes further.
 * @param offsets offsets[block][row], likewise.
 * @param result gets result[activation][weight row], 8 × 4 float32.
 */
export function multiplyTwoPanels(
  x: usize,
  xStride: usize,
  scales: usize,
  offsets: usize,
  scaleStride: usize,
  panel: usize,
  weightScales: usize,
  weightMinimums: usize,
  result: usize,
  blocks: i32,
  hasMinimums: bool,
): void {
  const zero = i32x4.splat(0);
  let a0 = zero, a1 = zero, a2 = zero, a3 = zero;
  let b0 = zero, b1 = zero, b2 = zero, b3 = zero;
  for (let block = 0; block < blocks; block++) {
    let s0 = zero, s1 = zero, s2 = zero, s3 = zero;
    let t0 = zero, t1 = zero, t2 = zero, t3 = zero;
    const end = panel + panelBlockBytes;
    while (panel < end) {
      const xa = v128.load(x);
      const xb = v128.load(x + xStride);
      let weight = v128.load32_splat(panel);
      s0 = i32x4.add(s0, i32x4.dot_i16x8_s(xa, weight));
      t0 = i32x4.add(t0, i32x4.dot_i16x8_s(xb, weight));
      weight = v128.load32_splat(panel, 4);
      s1 = i32x4.add(s1, i32x4.dot_i16x8_s(xa, weight));
      t1 = i32x4.add(t1, i32x4.dot_i16x8_s(xb, weight));
      weight = v128.load32_splat(panel, 8);
      s2 = i32x4.add(s2, i32x4.dot_i16x8_s(xa, weight));
      t2 = i32x4.add(t2, i32x4.dot_i16x8_s(xb, weight));
      weight = v128.load32_splat(panel, 12);
      s3 = i32x4.add(s3, i32x4.dot_i16x8_s(xa, weight));
      t3 = i32x4.add(t3, i32x4.dot_i16x8_s(xb, weight));
      x += 16;
      panel += 16;
    }
    let scale = v128.load(scales);
    let offset = v128.load(offsets);
    a0 = addBlock(a0, s0, weightScales, weightMinimums, scale, offset, hasMinimums);
    a1 = addBlock(a1, s1, weightScales + 4, weightMinimums + 4, scale, offset, hasMinimums);
    a2 = addBlock(a2, s2, weightScales + 8, weightMinimums + 8, scale, offset, hasMinimums);
    a3 = addBlock(a3, s3, weightScales + 12, weightMinimums + 12, scale, offset, hasMinimums);
    scale = v128.load(scales + scaleStride);
    offset = v128.load(offsets + scaleStride);
    b0 = addBlock(b0, t0, weightScales, weightMinimums, scale, offset, hasMinimums);
    b1 = addBlock(b1, t1, weightScales + 4, weightMinimums + 4, scale, offset, hasMinimums);
    b2 = addBlock(b2, t2, weightScales + 8, weightMinimums + 8, scale, offset, hasMinimums);
    b3 = addBlock(b3, t3, weightScales + 12, weightMinimums + 12, scale, offset, hasMinimums);
    scales += panelScaleBytes;
    offsets += panelScaleBytes;
    weightScales += panelScaleBytes;
    weightMinimums += panelScaleBytes;
  }
  storeTransposed(result, a0, a1, a2, a3);
  storeTransposed(result + 64, b0, b1, b2, b3);
}

/** The same for one activation panel; the result has 4 × 4 float32. */
export function multiplyPanel(
  x: usize,
  scales: usize,
  offsets: usize,
  panel: usize,
  weightScales: usize,
  weightMinimums: usize,
  result: usize,
  blocks: i32,
  hasMinimums: bool,
): void {
  const zero = i32x4.splat(0);
  let a0 = zero, a1 = zero, a2 = zero, a3 = zero;
  for (let block = 0; block < blocks; block++) {
    let s0 = zero, s1 = zero, s2 = zero, s3 = zero;
    const end = panel + panelBlockBytes;
    while (panel < end) {
      const xa = v128.load(x);
      s0 = i32x4.add(s0, i32x4.dot_i16x8_s(xa, v128.load32_splat(panel)));
      s1 = i32x4.add(s1, i32x4.dot_i16x8_s(xa, v128.load32_splat(panel, 4)));
      s2 = i32x4.add(s2, i32x4.dot_i16x8_s(xa, v128.load32_splat(panel, 8)));
      s3 = i32x4.add(s3, i32x4.dot_i16x8_s(xa, v128.load32_splat(panel, 12)));
      x += 16;
      panel += 16;
    }
    const scale = v128.load(scales);
    const offset = v128.load(offsets);
    a0 = addBlock(a0, s0, weightScales, weightMinimums, scale, offset, hasMinimums);
    a1 = addBlock(a1, s1, weightScales + 4, weightMinimums + 4, scale, offset, hasMinimums);
    a2 = addBlock(a2, s2, weightScales + 8, weightMinimums + 8, scale, offset, hasMinimums);
    a3 = addBlock(a3, s3, weightScales + 12, weightMinimums + 12, scale, offset, hasMinimums);
    scales += panelScaleBytes;
    offsets += panelScaleBytes;
    weightScales += panelScaleBytes;
    weightMinimums += panelScaleBytes;
  }
  storeTransposed(result, a0, a1, a2, a3);
}
