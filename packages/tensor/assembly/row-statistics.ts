import { loadPart, multiplyAdd, sumLanes } from "./simd";

/** Σ x of a row, with four sums at once. */
@inline
export function sumOfRow(x: usize, n: i32): f32 {
  const zero = f32x4.splat(0);
  let s0 = zero, s1 = zero, s2 = zero, s3 = zero;
  let end = x + (n & -16) * 4;
  while (x < end) {
    s0 = f32x4.add(s0, v128.load(x));
    s1 = f32x4.add(s1, v128.load(x, 16));
    s2 = f32x4.add(s2, v128.load(x, 32));
    s3 = f32x4.add(s3, v128.load(x, 48));
    x += 64;
  }
  end = x + (n & 12) * 4;
  while (x < end) {
    s0 = f32x4.add(s0, v128.load(x));
    x += 16;
  }
  const rest = n & 3;
  if (rest > 0) s1 = f32x4.add(s1, loadPart(x, rest, zero));
  return sumLanes(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
}

/** Σ (x - mean)² of a row. */
@inline
export function sumOfSquaredDeviations(x: usize, n: i32, mean: f32): f32 {
  const center = f32x4.splat(mean);
  const zero = f32x4.splat(0);
  let s0 = zero, s1 = zero;
  const rest = n & 3;
  let end = x + (n & -8) * 4;
  while (x < end) {
    const d0 = f32x4.sub(v128.load(x), center);
    const d1 = f32x4.sub(v128.load(x, 16), center);
    s0 = multiplyAdd(d0, d0, s0);
    s1 = multiplyAdd(d1, d1, s1);
    x += 32;
  }
  end = x + (n & 4) * 4;
  while (x < end) {
    const d0 = f32x4.sub(v128.load(x), center);
    s0 = multiplyAdd(d0, d0, s0);
    x += 16;
  }
  if (rest > 0) {
    const d = f32x4.sub(loadPart(x, rest, center), center);
    s1 = multiplyAdd(d, d, s1);
  }
  return sumLanes(f32x4.add(s0, s1));
}

/** Σ a b of two rows. */
@inline
export function dotOfRows(a: usize, b: usize, n: i32): f32 {
  const zero = f32x4.splat(0);
  let s0 = zero, s1 = zero;
  const rest = n & 3;
  let end = a + (n & -8) * 4;
  while (a < end) {
    s0 = multiplyAdd(v128.load(a), v128.load(b), s0);
    s1 = multiplyAdd(v128.load(a, 16), v128.load(b, 16), s1);
    a += 32;
    b += 32;
  }
  end = a + (n & 4) * 4;
  while (a < end) {
    s0 = multiplyAdd(v128.load(a), v128.load(b), s0);
    a += 16;
    b += 16;
  }
  if (rest > 0) s1 = multiplyAdd(loadPart(a, rest, zero), loadPart(b, rest, zero), s1);
  return sumLanes(f32x4.add(s0, s1));
}
