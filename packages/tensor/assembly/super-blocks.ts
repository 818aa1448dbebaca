import { BlockFormat } from "./block-format";
import { decodeHalf } from "./half";
import { foldIntegerLanes, joinIntegerFolds, multiplyAdd, storeTransposed } from "./simd";
import { panelBlockBytes, panelScaleBytes } from "./quantized-rows";

/**
 * The "K" formats of GGUF: blocks of 256 weights in eight parts of 32, with small integers as scales
 * of the parts, and float16 as scales of those.
 *
 * | format | bytes | layout | weight of part j |
 * |---|---|---|---|
 * | Q4_K | 144 | d, dmin, 12 bytes of s and m, 128 of nibbles | d s_j q - dmin m_j |
 * | Q5_K | 176 | d, dmin, 12 bytes of s and m, 32 of fifth bits, 128 of nibbles | the same |
 * | Q6_K | 210 | 128 bytes of nibbles, 64 of bit pairs, 16 of s, d | d s_2j (q - 32), then s_2j+1 |
 *
 * A part is unpacked to 32 int16 with a float32 scale and minimum; the integers of Q6_K are
 * s (q - 32), as its scales change in the middle of a part.
 */

/** Weights in a block. */
const superBlockSize: i32 = 256;

/** Parts in a block. */
const parts: i32 = 8;

/** Bytes of an unpacked part: 32 int16, then scale and minimum. */
export const partBytes: usize = 80;

/** Bytes of a block. */
@inline
function superBlockBytes(format: i32): usize {
  if (format == BlockFormat.Q4_K) return 144;
  return format == BlockFormat.Q5_K ? 176 : 210;
}

/** Bytes of a row of `k` weights. */
export function superRowBytes(k: i32, format: i32): usize {
  return (k / superBlockSize) * superBlockBytes(format);
}

/** Scale of part `part` among the 12 bytes at `packed`: six bits, of which two may lie apart. */
@inline
function packedScale(packed: usize, part: i32): i32 {
  if (part < 4) return load<u8>(packed + part) & 63;
  return (load<u8>(packed + part + 4) & 15) | ((load<u8>(packed + part - 4) >> 6) << 4);
}

/** Minimum of part `part`, likewise. */
@inline
function packedMinimum(packed: usize, part: i32): i32 {
  if (part < 4) return load<u8>(packed + part + 4) & 63;
  return (load<u8>(packed + part + 4) >> 4) | ((load<u8>(packed + part) >> 6) << 4);
}

/** Sixteen unsigned bytes as int16. */
@inline
function storeBytes(out: usize, bytes: v128): void {
  v128.store(out, i16x8.extend_low_i8x16_u(bytes));
  v128.store(out, i16x8.extend_high_i8x16_u(bytes), 16);
}

/** The low or the high nibbles of sixteen bytes. */
@inline
function nibbles(bytes: v128, high: bool): v128 {
  return v128.and(high ? i16x8.shr_u(bytes, 4) : bytes, i8x16.splat(15));
}

/** Sixteen weights of Q6_K, less 32 and times their scale. */
@inline
function storeSixBits(out: usize, low: v128, pairs: v128, shift: i32, scale: i32): void {
  const high = i16x8.shl(v128.and(i16x8.shr_u(pairs, shift), i8x16.splat(3)), 4);
  const values = i8x16.sub(v128.or(low, high), i8x16.splat(32));
  const factor = i16x8.splat(scale as i16);
  v128.store(out, i16x8.mul(i16x8.extend_low_i8x16_s(values), factor));
  v128.store(out, i16x8.mul(i16x8.extend_high_i8x16_s(values), factor), 16);
}

/** Unpacks part `index` of a row of weights. */
function unpackPart(row: usize, index: i32, format: i32, out: usize): void {
  const block = row + (index / parts) * superBlockBytes(format);
  const part = index % parts;
  if (format == BlockFormat.Q6_K) {
    const half = part >> 2;
    const quarter = part & 3;
    const low = block + half * 64 + (quarter & 1) * 32;
    const pairs = block + 128 + half * 32;
    const scales = block + 192 + half * 8 + quarter * 2;
    const isHigh = quarter >= 2;
    const shift = quarter * 2;
    storeSixBits(out, nibbles(v128.load(low), isHigh), v128.load(pairs), shift, load<i8>(scales));
    storeSixBits(
      out + 32,
      nibbles(v128.load(low, 16), isHigh),
      v128.load(pairs, 16),
      shift,
      load<i8>(scales, 1),
    );
    store<f32>(out, decodeHalf(load<u16>(block, 208)), 64);
    store<f32>(out, 0, 68);
    return;
  }
  const hasFifthBit = format == BlockFormat.Q5_K;
  const packed = block + (hasFifthBit ? 48 : 16) + (part >> 1) * 32;
  const isHigh = (part & 1) == 1;
  let first = nibbles(v128.load(packed), isHigh);
  let second = nibbles(v128.load(packed, 16), isHigh);
  if (hasFifthBit) {
    const fifthBit: i32 = 1 << part;
    const bit = i8x16.splat(fifthBit as i8);
    const sixteen = i8x16.splat(16);
    const zero = i8x16.splat(0);
    const none = i8x16.eq(v128.and(v128.load(block, 16), bit), zero);
    const noneOfSecond = i8x16.eq(v128.and(v128.load(block, 32), bit), zero);
    first = v128.or(first, v128.andnot(sixteen, none));
    second = v128.or(second, v128.andnot(sixteen, noneOfSecond));
  }
  storeBytes(out, first);
  storeBytes(out + 32, second);
  const scale = decodeHalf(load<u16>(block)) * (packedScale(block + 4, part) as f32);
  const minimum = decodeHalf(load<u16>(block, 2)) * (packedMinimum(block + 4, part) as f32);
  store<f32>(out, scale, 64);
  store<f32>(out, -minimum, 68);
}

/** As `unpackPanel` of `block-panels.ts`. @param scratch 320 bytes. */
export function unpackSuperPanel(
  row0: usize,
  row1: usize,
  row2: usize,
  row3: usize,
  blocks: i32,
  panel: usize,
  scales: usize,
  minimums: usize,
  format: i32,
  scratch: usize,
): void {
  const second = scratch + partBytes;
  const third = second + partBytes;
  const fourth = third + partBytes;
  for (let block = 0; block < blocks; block++) {
    unpackPart(row0, block, format, scratch);
    unpackPart(row1, block, format, second);
    unpackPart(row2, block, format, third);
    unpackPart(row3, block, format, fourth);
    for (let at: usize = 0; at < 64; at += 16) {
      storeTransposed(
        panel + at * 4,
        v128.load(scratch + at),
        v128.load(second + at),
        v128.load(third + at),
        v128.load(fourth + at),
      );
    }
    for (let member: usize = 0; member < 4; member++) {
      store<f32>(scales + member * 4, load<f32>(scratch + member * partBytes, 64));
      store<f32>(minimums + member * 4, load<f32>(scratch + member * partBytes, 68));
    }
    panel += panelBlockBytes;
    scales += panelScaleBytes;
    minimums += panelScaleBytes;
  }
}

/** Products of a part's weights with its activations, in four partial sums. */
@inline
function multiplyPart(row: usize, index: i32, x: usize, format: i32, out: usize): v128 {
  unpackPart(row, index, format, out);
  let sum = i32x4.dot_i16x8_s(v128.load(out), v128.load(x));
  sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load(out, 16), v128.load(x, 16)));
  sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load(out, 32), v128.load(x, 32)));
  return i32x4.add(sum, i32x4.dot_i16x8_s(v128.load(out, 48), v128.load(x, 48)));
}

/** As `multiplyRows` of `block-rows.ts`. @param scratch 320 bytes. */
export function multiplySuperRows(
  integers: usize,
  scales: usize,
  offsets: usize,
  row0: usize,
  row1: usize,
  row2: usize,
  row3: usize,
  blocks: i32,
  format: i32,
  scratch: usize,
): v128 {
  const second = scratch + partBytes;
  const third = second + partBytes;
  const fourth = third + partBytes;
  let result = f32x4.splat(0);
  for (let block = 0; block < blocks; block++) {
    const folded = foldIntegerLanes(
      multiplyPart(row0, block, integers, format, scratch),
      multiplyPart(row1, block, integers, format, second),
    );
    const sums = joinIntegerFolds(
      folded,
      foldIntegerLanes(
        multiplyPart(row2, block, integers, format, third),
        multiplyPart(row3, block, integers, format, fourth),
      ),
    );
    let weightScales = v128.load32_zero(scratch + 64);
    weightScales = v128.load32_lane(second + 64, weightScales, 1);
    weightScales = v128.load32_lane(third + 64, weightScales, 2);
    weightScales = v128.load32_lane(fourth + 64, weightScales, 3);
    const productScales = f32x4.mul(weightScales, v128.load32_splat(scales));
    result = multiplyAdd(f32x4.convert_i32x4_s(sums), productScales, result);
    if (format != BlockFormat.Q6_K) {
      let minimums = v128.load32_zero(scratch + 68);
      minimums = v128.load32_lane(second + 68, minimums, 1);
      minimums = v128.load32_lane(third + 68, minimums, 2);
      minimums = v128.load32_lane(fourth + 68, minimums, 3);
      result = multiplyAdd(minimums, v128.load32_splat(offsets), result);
    }
    integers += 64;
    scales += 4;
    offsets += 4;
  }
  return result;
}

/** A row of `n` weights as float32. */
export function unpackSuperRow(row: usize, out: usize, n: i32, format: i32, scratch: usize): void {
  for (let part = 0; part < n / 32; part++) {
    unpackPart(row, part, format, scratch);
    const scale = load<f32>(scratch, 64);
    const minimum = load<f32>(scratch, 68);
    for (let i: usize = 0; i < 32; i++) {
      const product = (load<i16>(scratch + i * 2) as f32) * scale;
      store<f32>(out + i * 4, product + minimum);
    }
    out += 128;
  }
}
