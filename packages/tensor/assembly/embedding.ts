import { BlockFormat, blockBytes, blockSize, headerBytes } from "./block-format";
import {
  decodeHalf,
  decodeLowHalves,
  exponentBits,
  rebiasBits,
  shiftedHalfMask,
  specialBits,
} from "./half";
import { opaque } from "./opaque";
import { superRowBytes, unpackSuperRow } from "./super-blocks";

/**
 * Rows of a table, by number, as float32. The caller has checked that the numbers are in range.
 */

/** Four integers as float32, times `scale`, plus `minimum`. */
@inline
function storeScaled(out: usize, integers: v128, scale: v128, minimum: v128, format: i32): void {
  const scaled = f32x4.mul(f32x4.convert_i32x4_s(integers), scale);
  v128.store(out, format == BlockFormat.Q4_1 ? f32x4.add(scaled, minimum) : scaled);
}

/** Sixteen signed bytes, unpacked. */
@inline
function storeSixteen(out: usize, bytes: v128, scale: v128, minimum: v128, format: i32): void {
  const low = i16x8.extend_low_i8x16_s(bytes);
  const high = i16x8.extend_high_i8x16_s(bytes);
  storeScaled(out, i32x4.extend_low_i16x8_s(low), scale, minimum, format);
  storeScaled(out + 16, i32x4.extend_high_i16x8_s(low), scale, minimum, format);
  storeScaled(out + 32, i32x4.extend_low_i16x8_s(high), scale, minimum, format);
  storeScaled(out + 48, i32x4.extend_high_i16x8_s(high), scale, minimum, format);
}

@inline
function unpackRow(row: usize, out: usize, blocks: i32, format: i32): void {
  for (let block = 0; block < blocks; block++) {
    const scale = f32x4.splat(decodeHalf(load<u16>(row)));
    const minimum = f32x4.splat(format == BlockFormat.Q4_1 ? decodeHalf(load<u16>(row, 2)) : 0);
    const packed = row + headerBytes(format);
    if (format == BlockFormat.Q8_0) {
      storeSixteen(out, v128.load(packed), scale, minimum, format);
      storeSixteen(out + 64, v128.load(packed, 16), scale, minimum, format);
    } else {
      const zero = i8x16.splat(format == BlockFormat.Q4_0 ? 8 : 0);
      const bytes = v128.load(packed);
      const low = v128.and(bytes, i8x16.splat(15));
      const high = v128.and(i16x8.shr_u(bytes, 4), i8x16.splat(15));
      storeSixteen(out, i8x16.sub(low, zero), scale, minimum, format);
      storeSixteen(out + 64, i8x16.sub(high, zero), scale, minimum, format);
    }
    row += blockBytes(format);
    out += blockSize * 4;
  }
}

@inline
function embedBlocks(
  table: usize,
  ids: usize,
  out: usize,
  count: i32,
  n: i32,
  format: i32,
): void {
  const blocks = n / blockSize;
  const rowBytes: usize = blocks * blockBytes(format);
  for (let i = 0; i < count; i++) {
    const id = load<i32>(ids + i * 4);
    unpackRow(table + id * rowBytes, out + i * n * 4, blocks, format);
  }
}

/** out[count, n] = rows `ids` (int32) of a float32 table of `n` columns. */
export function embeddingFloat32(
  table: usize,
  ids: usize,
  out: usize,
  count: i32,
  n: i32,
): void {
  const rowBytes: usize = n * 4;
  for (let i = 0; i < count; i++) {
    memory.copy(out + i * rowBytes, table + load<i32>(ids + i * 4) * rowBytes, rowBytes);
  }
}

/** The same for a float16 table; exact. */
export function embeddingFloat16(
  table: usize,
  ids: usize,
  out: usize,
  count: i32,
  n: i32,
): void {
  const mask = i32x4.splat(opaque(shiftedHalfMask, n));
  const rebias = i32x4.splat(opaque(rebiasBits, n));
  const special = i32x4.splat(opaque(specialBits, n));
  const exponent = i32x4.splat(opaque(exponentBits, n));
  for (let i = 0; i < count; i++) {
    let row = table + load<i32>(ids + i * 4) * n * 2;
    let target = out + i * n * 4;
    let column = 0;
    for (; column + 4 <= n; column += 4) {
      const halves = v128.load_ext<u16>(row);
      v128.store(target, decodeLowHalves(halves, mask, rebias, special, exponent));
      row += 8;
      target += 16;
    }
    for (; column < n; column++) {
      store<f32>(target, decodeHalf(load<u16>(row)));
      row += 2;
      target += 4;
    }
  }
}

/** The same for a Q4_0 table, `n` a multiple of 32: d (q - 8), rounded once. */
export function embeddingQ4_0(table: usize, ids: usize, out: usize, count: i32, n: i32): void {
  embedBlocks(table, ids, out, count, n, BlockFormat.Q4_0);
}

/** The same for a Q4_1 table: d q + m, both steps rounded. */
export function embeddingQ4_1(table: usize, ids: usize, out: usize, count: i32, n: i32): void {
  embedBlocks(table, ids, out, count, n, BlockFormat.Q4_1);
}

/** The same for a Q8_0 table: d q, rounded once. */
export function embeddingQ8_0(table: usize, ids: usize, out: usize, count: i32, n: i32): void {
  embedBlocks(table, ids, out, count, n, BlockFormat.Q8_0);
}

/** The same for a bfloat16 table; exact. */
export function embeddingBFloat16(
  table: usize,
  ids: usize,
  out: usize,
  count: i32,
  n: i32,
): void {
  for (let i = 0; i < count; i++) {
    const row = table + load<i32>(ids + i * 4) * n * 2;
    const target = out + i * n * 4;
    for (let column = 0; column < n; column++) {
      store<i32>(target + column * 4, (load<u16>(row + column * 2) as i32) << 16);
    }
  }
}

/** The same for a table in Q4_K, Q5_K or Q6_K, `n` a multiple of 256. @param scratch 80 bytes. */
export function embeddingSuperBlocks(
  table: usize,
  ids: usize,
  out: usize,
  count: i32,
  n: i32,
  format: i32,
  scratch: usize,
): void {
  const rowBytes = superRowBytes(n, format);
  for (let i = 0; i < count; i++) {
    unpackSuperRow(table + load<i32>(ids + i * 4) * rowBytes, out + i * n * 4, n, format, scratch);
  }
}
