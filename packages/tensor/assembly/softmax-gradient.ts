import { sumOfExponentials } from "./exponential-sum";
import { dotOfRows, sumOfRow } from "./row-statistics";
import { loadPart, storeLanes } from "./simd";
import { maximumOfRow } from "./softmax";
import { logarithmOf } from "./unary-logarithm";

/** Elements whose exponentials are summed in float32; the sums of chunks are added in float64. */
const chunkSize: i32 = 256;

/**
 * The logarithm of softmax of each row: out[row, i] = (x[row, i] - max) - ln Σ_j e^(x[row, j] - max).
 * Specials as in `softmax`. `out` may not be `x`: it holds the exponentials first.
 */
export function logSoftmax(x: usize, out: usize, rows: i32, n: i32): void {
  const rest = n & 3;
  const end: usize = (n - rest) * 4;
  for (let row = 0; row < rows; row++) {
    const largest = maximumOfRow(x, n);
    let sum: f64 = 0;
    for (let i = 0; i < n; i += chunkSize) {
      const size = min(n - i, chunkSize);
      sum += sumOfExponentials(x + i * 4, largest, out + i * 4, size) as f64;
    }
    const logarithm = logarithmOf(f32x4.splat(sum as f32), n);
    const shift = f32x4.splat(largest);
    let at: usize = 0;
    while (at < end) {
      v128.store(out + at, f32x4.sub(f32x4.sub(v128.load(x + at), shift), logarithm));
      at += 16;
    }
    if (rest > 0) {
      const part = f32x4.sub(f32x4.sub(loadPart(x + at, rest, shift), shift), logarithm);
      storeLanes(out + at, part, rest, 4);
    }
    x += n * 4;
    out += n * 4;
  }
}

/** dx = y (g - Σ y g) of each row. `out` may be an operand. */
export function softmaxGradient(y: usize, gradient: usize, out: usize, rows: i32, n: i32): void {
  const rest = n & 3;
  const end: usize = (n - rest) * 4;
  for (let row = 0; row < rows; row++) {
    const sum = f32x4.splat(dotOfRows(y, gradient, n));
    let at: usize = 0;
    while (at < end) {
      const centered = f32x4.sub(v128.load(gradient + at), sum);
      v128.store(out + at, f32x4.mul(v128.load(y + at), centered));
      at += 16;
    }
    if (rest > 0) {
      const centered = f32x4.sub(loadPart(gradient + at, rest, sum), sum);
      storeLanes(out + at, f32x4.mul(loadPart(y + at, rest, sum), centered), rest, 4);
    }
    y += n * 4;
    gradient += n * 4;
    out += n * 4;
  }
}

/** dx = g - e^y Σ g of each row. `out` may not be an operand: it holds the exponentials first. */
export function logSoftmaxGradient(
  y: usize,
  gradient: usize,
  out: usize,
  rows: i32,
  n: i32,
): void {
  const rest = n & 3;
  const end: usize = (n - rest) * 4;
  for (let row = 0; row < rows; row++) {
    const sum = f32x4.splat(sumOfRow(gradient, n));
    sumOfExponentials(y, 0, out, n);
    let at: usize = 0;
    while (at < end) {
      const spread = f32x4.mul(v128.load(out + at), sum);
      v128.store(out + at, f32x4.sub(v128.load(gradient + at), spread));
      at += 16;
    }
    if (rest > 0) {
      const spread = f32x4.mul(loadPart(out + at, rest, sum), sum);
      storeLanes(out + at, f32x4.sub(loadPart(gradient + at, rest, sum), spread), rest, 4);
    }
    y += n * 4;
    gradient += n * 4;
    out += n * 4;
  }
}
