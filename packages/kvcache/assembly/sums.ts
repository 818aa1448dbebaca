/** The sum of four float lanes. */
// @ts-ignore: decorator
@inline
export function sumOfFloats(lanes: v128): f32 {
  return (
    f32x4.extract_lane(lanes, 0) +
    f32x4.extract_lane(lanes, 1) +
    (f32x4.extract_lane(lanes, 2) + f32x4.extract_lane(lanes, 3))
  );
}

/** The sum of four integer lanes. */
// @ts-ignore: decorator
@inline
export function sumOfIntegers(lanes: v128): i32 {
  return (
    i32x4.extract_lane(lanes, 0) +
    i32x4.extract_lane(lanes, 1) +
    (i32x4.extract_lane(lanes, 2) + i32x4.extract_lane(lanes, 3))
  );
}

/** The largest magnitude of `n` floats, `n` a multiple of 4. */
export function largestMagnitude(x: usize, n: i32): f32 {
  let largest = f32x4.splat(0);
  for (const end = x + n * 4; x < end; x += 16) {
    largest = f32x4.max(largest, f32x4.abs(v128.load(x)));
  }
  return max(
    max(f32x4.extract_lane(largest, 0), f32x4.extract_lane(largest, 1)),
    max(f32x4.extract_lane(largest, 2), f32x4.extract_lane(largest, 3)),
  );
}

/** Rounds `n` floats to 16-bit integers, multiplied by `factor`; `n` a multiple of 8. */
export function toIntegers(x: usize, factor: f32, out: usize, n: i32): void {
  const factors = f32x4.splat(factor);
  for (const end = x + n * 4; x < end; x += 32, out += 16) {
    const low = f32x4.nearest(f32x4.mul(v128.load(x), factors));
    const high = f32x4.nearest(f32x4.mul(v128.load(x, 16), factors));
    v128.store(
      out,
      i16x8.narrow_i32x4_s(i32x4.trunc_sat_f32x4_s(low), i32x4.trunc_sat_f32x4_s(high)),
    );
  }
}

/** The sums of four integer vectors, one per lane. */
// @ts-ignore: decorator
@inline
export function sumsOfIntegers(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = i32x4.add(
    i8x16.shuffle(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23),
    i8x16.shuffle(a, b, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31),
  ); // a0+a2, b0+b2, a1+a3, b1+b3
  const cd = i32x4.add(
    i8x16.shuffle(c, d, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23),
    i8x16.shuffle(c, d, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31),
  );
  return i32x4.add(
    i8x16.shuffle(ab, cd, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23),
    i8x16.shuffle(ab, cd, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31),
  );
}
