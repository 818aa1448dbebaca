import { loadPart, multiplyAdd, storeLanes, sumLanes } from "./simd";

/** Σ x². */
@inline
function sumOfSquares(x: usize, n: i32): f32 {
  const zero = f32x4.splat(0);
  let s0 = zero, s1 = zero, s2 = zero, s3 = zero;
  let end = x + (n & -16) * 4;
  while (x < end) {
    const x0 = v128.load(x);
    const x1 = v128.load(x, 16);
    const x2 = v128.load(x, 32);
    const x3 = v128.load(x, 48);
    s0 = multiplyAdd(x0, x0, s0);
    s1 = multiplyAdd(x1, x1, s1);
    s2 = multiplyAdd(x2, x2, s2);
    s3 = multiplyAdd(x3, x3, s3);
    x += 64;
  }
  end = x + (n & 12) * 4;
  while (x < end) {
    const x0 = v128.load(x);
    s0 = multiplyAdd(x0, x0, s0);
    x += 16;
  }
  const rest = n & 3;
  if (rest > 0) {
    const x0 = loadPart(x, rest, zero);
    s1 = multiplyAdd(x0, x0, s1);
  }
  return sumLanes(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
}

/**
 * Root mean square normalization of each row (Zhang and Sennrich 2019):
 * out[row, i] = x[row, i] / sqrt(mean_j x[row, j]² + epsilon) weight[i].
 *
 * `out` may be `x`. Relative error of an element: at most (n / 32 + 6) 2^-24, to first order.
 */
export function rmsNorm(
  x: usize,
  weight: usize,
  out: usize,
  rows: i32,
  n: i32,
  epsilon: f32,
): void {
  const rest = n & 3;
  const end: usize = (n - rest) * 4;
  for (let row = 0; row < rows; row++) {
    const mean = sumOfSquares(x, n) / (n as f32);
    const factor = f32x4.splat(1 / sqrt<f32>(mean + epsilon));
    let at: usize = 0;
    while (at < end) {
      const normalized = f32x4.mul(v128.load(x + at), factor);
      v128.store(out + at, f32x4.mul(normalized, v128.load(weight + at)));
      at += 16;
    }
    if (rest > 0) {
      const normalized = f32x4.mul(loadPart(x + at, rest, factor), factor);
      storeLanes(out + at, f32x4.mul(normalized, loadPart(weight + at, rest, factor)), rest, 4);
    }
    x += n * 4;
    out += n * 4;
  }
}
