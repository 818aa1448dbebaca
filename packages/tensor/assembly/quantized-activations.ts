import { BlockFormat, blockSize } from "./block-format";
import { maximumOfLanes, roundingShift, storeTransposed } from "./simd";

/**
 * Activations as 16-bit integers, the partner of packed weights in an integer product.
 *
 * A block of 32 activations becomes 32 integers q and one scale, x ≈ scale * q, with
 * scale = max|x| / 32639. The error of one activation is at most max|x| / 65278, so products stay
 * near float32, at the cost of the usual 8-bit scheme: baseline SIMD multiplies pairs of 16-bit
 * integers either way. The products of a block with 8-bit weights add up to 32 bits at most:
 * 128 * 32639 * 32 < 2^31. Weights of Q6_K have 13 bits with their scale, so activations get 14:
 * 4096 * 8191 * 32 < 2^31. An integer up to 32639 = 127 * 256 + 127 is 256 h + l with signed bytes
 * h and l.
 *
 * A device may be told to make do with 8 bits: q is one signed byte then, scale = max|x| / 127, and
 * the error of one activation at most max|x| / 254.
 */

/** Bytes of a block's integers as 16-bit words, or as two planes of bytes. */
export const wordBlockBytes: i32 = blockSize * 2;

/** Bytes of a block's integers, in words or planes. */
@inline
export function quantizedBlockBytes(planes: i32): i32 {
  return planes == 1 ? blockSize : wordBlockBytes;
}

/** The largest integer of an activation. */
@inline
function largestInteger(format: i32, planes: i32): f32 {
  if (planes == 1) return 127;
  return format == BlockFormat.Q6_K ? 8191 : 32639;
}

/** Whether integers are stored as the masks and shifts of 16-bit lanes pull nibbles out. */
@inline
function isNibbleOrder(format: i32): bool {
  return format == BlockFormat.Q4_0 || format == BlockFormat.Q4_1;
}

/** A block whose largest value is below this, where 32639 / max|x| overflows, counts as zero. */
const smallestMaximum: f32 = 1e-34;

@inline
function roundToInteger(value: v128): v128 {
  return i32x4.sub(
    f32x4.add(value, f32x4.splat(roundingShift)),
    i32x4.splat(reinterpret<i32>(roundingShift)),
  );
}

/** Eight activations, divided by the scale and rounded. */
@inline
function roundEight(x: usize, inverse: v128): v128 {
  return i16x8.narrow_i32x4_s(
    roundToInteger(f32x4.mul(v128.load(x), inverse)),
    roundToInteger(f32x4.mul(v128.load(x, 16), inverse)),
  );
}

@inline
function largestMagnitude(x: usize): f32 {
  let largest = f32x4.abs(v128.load(x));
  for (let offset: usize = 16; offset < 128; offset += 16) {
    largest = f32x4.max(largest, f32x4.abs(v128.load(x + offset)));
  }
  return maximumOfLanes(largest);
}

/** Stores 16 integers q = 256 h + l as bytes: h at `integers`, l 32 bytes further. */
@inline
function storePlanes(integers: usize, low: v128, high: v128): void {
  const half = i16x8.splat(128);
  const h0 = i16x8.shr_s(i16x8.add(low, half), 8);
  const h1 = i16x8.shr_s(i16x8.add(high, half), 8);
  v128.store(integers, i8x16.narrow_i16x8_s(h0, h1));
  const l0 = i16x8.sub(low, i16x8.shl(h0, 8));
  const l1 = i16x8.sub(high, i16x8.shl(h1, 8));
  v128.store(integers, i8x16.narrow_i16x8_s(l0, l1), 32);
}

/**
 * Quantizes one row.
 *
 * For Q4_0 and Q4_1 the integers of a block are stored as elements 0, 2 … 14; 16, 18 … 30;
 * 1, 3 … 15; 17, 19 … 31: the order in which masks and shifts of 16-bit lanes pull the nibbles out.
 * With `planes` they are stored as bytes in the order of `byte-planes.ts`.
 *
 * The offset of a block is what the constant part of its weights multiplies: the int32 -8 Σq for
 * Q4_0, the float32 scale * Σq for the formats with minimums, and the int32 -128 Σq for Q8_0 in
 * planes, whose kernels add 128 to weights.
 *
 * A row with infinity or NaN gives NaN scales, so NaN results.
 *
 * @param x row of `blocks * 32` float32.
 * @param integers where they go, `blocks * quantizedBlockBytes(planes)` bytes.
 * @param scales where the first scale goes; the next is `stride` bytes further.
 * @param offsets where the first offset goes, with the same stride.
 */
export function quantizeRow(
  x: usize,
  integers: usize,
  scales: usize,
  offsets: usize,
  stride: usize,
  blocks: i32,
  format: i32,
  planes: i32,
): void {
  const most = largestInteger(format, planes);
  const share: f32 = 1 / most;
  const ones = i16x8.splat(1);
  for (let block = 0; block < blocks; block++) {
    const largest = largestMagnitude(x);
    let scale = largest * share;
    let inverse: f32 = 0;
    if (largest >= smallestMaximum) inverse = most / largest;
    // Infinity and NaN alike: the difference is NaN.
    if (!(largest < f32.POSITIVE_INFINITY)) scale = f32.NaN;
    const factor = f32x4.splat(inverse);
    const q0 = roundEight(x, factor);
    const q1 = roundEight(x + 32, factor);
    const q2 = roundEight(x + 64, factor);
    const q3 = roundEight(x + 96, factor);
    if (planes == 1) {
      v128.store(integers, i8x16.narrow_i16x8_s(q0, q1));
      v128.store(integers, i8x16.narrow_i16x8_s(q2, q3), 16);
    } else if (planes == 2) {
      storePlanes(integers, q0, q1);
      storePlanes(integers + 16, q2, q3);
    } else if (isNibbleOrder(format)) {
      v128.store(integers, v128.shuffle<i16>(q0, q1, 0, 2, 4, 6, 8, 10, 12, 14));
      v128.store(integers, v128.shuffle<i16>(q2, q3, 0, 2, 4, 6, 8, 10, 12, 14), 16);
      v128.store(integers, v128.shuffle<i16>(q0, q1, 1, 3, 5, 7, 9, 11, 13, 15), 32);
      v128.store(integers, v128.shuffle<i16>(q2, q3, 1, 3, 5, 7, 9, 11, 13, 15), 48);
    } else {
      v128.store(integers, q0);
      v128.store(integers, q1, 16);
      v128.store(integers, q2, 32);
      v128.store(integers, q3, 48);
    }
    if (format != BlockFormat.Q6_K && (format != BlockFormat.Q8_0 || planes > 0)) {
      const pairs = i32x4.add(
        i32x4.add(i32x4.dot_i16x8_s(q0, ones), i32x4.dot_i16x8_s(q1, ones)),
        i32x4.add(i32x4.dot_i16x8_s(q2, ones), i32x4.dot_i16x8_s(q3, ones)),
      );
      const sum =
        i32x4.extract_lane(pairs, 0) +
        i32x4.extract_lane(pairs, 1) +
        i32x4.extract_lane(pairs, 2) +
        i32x4.extract_lane(pairs, 3);
      if (format == BlockFormat.Q4_0) store<i32>(offsets, -8 * sum);
      else if (format == BlockFormat.Q8_0) store<i32>(offsets, -128 * sum);
      else store<f32>(offsets, scale * (sum as f32));
    }
    store<f32>(scales, scale);
    x += blockSize * 4;
    integers += quantizedBlockBytes(planes);
    scales += stride;
    offsets += stride;
  }
}

/**
 * Interleaves the integers of four rows, pair by pair: target[pair][row][2]; or of their planes, four
 * by four.
 *
 * @param source four rows of `rowBytes` bytes, one after another; a multiple of 16.
 * @param target as many bytes as the source.
 */
export function interleaveRows(source: usize, target: usize, rowBytes: usize): void {
  const end = source + rowBytes;
  while (source < end) {
    storeTransposed(
      target,
      v128.load(source),
      v128.load(source + rowBytes),
      v128.load(source + rowBytes * 2),
      v128.load(source + rowBytes * 3),
    );
    source += 16;
    target += 64;
  }
}
