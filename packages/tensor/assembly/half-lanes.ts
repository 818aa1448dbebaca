/** Moves of 16-bit floats to the lanes where they are decoded. */

/** The `count` 16-bit numbers at `source`, 1 to 3, in the low halves of the lanes, and zeros. */
@inline
export function loadHalves(source: usize, count: i32): v128 {
  let lanes = v128.load16_lane(source, i32x4.splat(0), 0);
  if (count > 1) lanes = v128.load16_lane(source + 2, lanes, 2);
  if (count > 2) lanes = v128.load16_lane(source + 4, lanes, 4);
  return lanes;
}

/** The first four 16-bit lanes, in the high halves of 32-bit lanes. */
@inline
export function lowToHigh(halves: v128, zero: v128): v128 {
  return v128.shuffle<i16>(zero, halves, 0, 8, 1, 9, 2, 10, 3, 11);
}

/** The last four 16-bit lanes, in the high halves of 32-bit lanes. */
@inline
export function highToHigh(halves: v128, zero: v128): v128 {
  return v128.shuffle<i16>(zero, halves, 4, 12, 5, 13, 6, 14, 7, 15);
}
