/**
 * The order by which the largest element is chosen: NaN above everything, -0 equal to +0.
 *
 * A float32 turns into an int32 that compares the same way: the bits of a positive number already
 * do, those of a negative number with all but the sign flipped.
 */

/** The key of NaN, above that of +infinity. */
const nanKey: i32 = i32.MAX_VALUE;

/** Keys of four float32. */
@inline
export function orderKeys(values: v128): v128 {
  // Adding 0 turns -0 to +0.
  const bits = f32x4.add(values, f32x4.splat(0));
  const magnitude = v128.and(i32x4.shr_s(bits, 31), i32x4.splat(i32.MAX_VALUE));
  const isNumber = f32x4.eq(values, values);
  return v128.bitselect(v128.xor(bits, magnitude), i32x4.splat(nanKey), isNumber);
}

/** The key of a float32. */
@inline
export function orderKey(value: f32): i32 {
  return i32x4.extract_lane(orderKeys(f32x4.splat(value)), 0);
}
