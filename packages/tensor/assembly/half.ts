/**
 * Decodes float16 numbers, exactly.
 *
 * Shifting the exponent and mantissa of a float16 to their place in a float32 gives the number
 * divided by 2^112, subnormal numbers included, so one multiplication finishes the job. Infinity
 * and NaN need one more step; the scales of the block formats are finite and go without it.
 *
 * Inner loops pass the constants in, so that they stay in registers: see `opaque`.
 */

/** 2^112, the difference of the exponent biases, as the bits of a float32. */
export const rebiasBits: i32 = (112 + 127) << 23;

/** The bits of a float32 that a shifted float16 occupies; the others hold copies of its sign. */
export const shiftedHalfMask: i32 = 0x8fffe000;

/** 2^16 as the bits of a float32: where exponent 31 begins. The largest finite float16 is 65504. */
export const specialBits: i32 = (16 + 127) << 23;

/** The exponent of infinity and NaN. */
export const exponentBits: i32 = 0x7f800000;

/** The finite float16 numbers in the high halves of four 32-bit lanes; low halves are ignored. */
@inline
export function decodeFiniteHighHalves(lanes: v128, mask: v128, rebias: v128): v128 {
  return f32x4.mul(v128.and(i32x4.shr_s(lanes, 3), mask), rebias);
}

/** The finite float16 numbers in the low halves of four 32-bit lanes; high halves are ignored. */
@inline
export function decodeFiniteLowHalves(lanes: v128, mask: v128, rebias: v128): v128 {
  return decodeFiniteHighHalves(i32x4.shl(lanes, 16), mask, rebias);
}

/** The float16 numbers in the low halves of four 32-bit lanes. */
@inline
export function decodeLowHalves(
  lanes: v128,
  mask: v128,
  rebias: v128,
  special: v128,
  exponent: v128,
): v128 {
  const finite = decodeFiniteLowHalves(lanes, mask, rebias);
  const isSpecial = f32x4.ge(f32x4.abs(finite), special);
  return v128.or(finite, v128.and(isSpecial, exponent));
}

/** The float16 number in the low 16 bits of `bits`. */
@inline
export function decodeHalf(bits: u32): f32 {
  const finite =
    reinterpret<f32>(((bits << 16) as i32 >> 3) & shiftedHalfMask) * reinterpret<f32>(rebiasBits);
  const isSpecial = (bits & 0x7c00) == 0x7c00;
  return isSpecial ? reinterpret<f32>(reinterpret<i32>(finite) | exponentBits) : finite;
}
