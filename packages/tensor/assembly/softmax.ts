import { sumOfExponentials } from "./exponential-sum";
import { loadPart, maximumOfLanes, storeLanes } from "./simd";

/** Elements whose exponentials are summed in float32; the sums of chunks are added in float64. */
const chunkSize: i32 = 128;

/** The largest element of a row; NaN is passed over. */
@inline
export function maximumOfRow(x: usize, n: i32): f32 {
  const least = f32x4.splat(f32.NEGATIVE_INFINITY);
  let largest = least;
  const rest = n & 3;
  const end = x + (n - rest) * 4;
  while (x < end) {
    largest = f32x4.pmax(largest, v128.load(x));
    x += 16;
  }
  if (rest > 0) largest = f32x4.pmax(largest, loadPart(x, rest, least));
  return maximumOfLanes(largest);
}

/**
 * Softmax of each row: out[row, i] = e^(x[row, i] - max) / Σ_j e^(x[row, j] - max).
 *
 * -infinity gives 0. A row with NaN, with +infinity, or of nothing but -infinity gives NaN, as in
 * PyTorch. `out` may be `x`. Relative error at most 1.2e-7 + (|x - max| + 36) 2^-24, or 1.2e-38
 * absolute.
 */
export function softmax(x: usize, out: usize, rows: i32, n: i32): void {
  const rowBytes: usize = n * 4;
  for (let row = 0; row < rows; row++) {
    const largest = maximumOfRow(x, n);
    let sum: f64 = 0;
    for (let i = 0; i < n; i += chunkSize) {
      const size = min(n - i, chunkSize);
      sum += sumOfExponentials(x + i * 4, largest, out + i * 4, size) as f64;
    }
    const factor = f32x4.splat((1 / sum) as f32);
    const rest = n & 3;
    const end: usize = (n - rest) * 4;
    let at: usize = 0;
    while (at < end) {
      v128.store(out + at, f32x4.mul(v128.load(out + at), factor));
      at += 16;
    }
    if (rest > 0) {
      storeLanes(out + at, f32x4.mul(loadPart(out + at, rest, factor), factor), rest, 4);
    }
    x += rowBytes;
    out += rowBytes;
  }
}
