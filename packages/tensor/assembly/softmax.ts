import { sumOfExponentials } from "./exponential-sum";
import { loadPart, maximumOfLanes, storeLanes } from "./simd";

/** Elements whose exponentials are summed in float32; the sums of chunks are added in float64. */
const chunkSize: i32 = 256;

/** The largest element of a row; NaN is passed over. */
@inline
export function maximumOfRow(x: usize, n: i32): f32 {
  const least = f32x4.splat(f32.NEGATIVE_INFINITY);
  let m0 = least, m1 = least, m2 = least, m3 = least;
  const rest = n & 3;
  let end = x + (n & -16) * 4;
  while (x < end) {
    m0 = f32x4.pmax(m0, v128.load(x));
    m1 = f32x4.pmax(m1, v128.load(x, 16));
    m2 = f32x4.pmax(m2, v128.load(x, 32));
    m3 = f32x4.pmax(m3, v128.load(x, 48));
    x += 64;
  }
  end = x + (n & 12) * 4;
  while (x < end) {
    m0 = f32x4.pmax(m0, v128.load(x));
    x += 16;
  }
  if (rest > 0) m1 = f32x4.pmax(m1, loadPart(x, rest, least));
  const largest = f32x4.pmax(f32x4.pmax(m0, m1), f32x4.pmax(m2, m3));
  return maximumOfLanes(largest);
}

/** Multiplies a row in place. */
@inline
function scaleRow(row: usize, factor: v128, n: i32): void {
  const rest = n & 3;
  let end = row + (n & -16) * 4;
  while (row < end) {
    v128.store(row, f32x4.mul(v128.load(row), factor));
    v128.store(row, f32x4.mul(v128.load(row, 16), factor), 16);
    v128.store(row, f32x4.mul(v128.load(row, 32), factor), 32);
    v128.store(row, f32x4.mul(v128.load(row, 48), factor), 48);
    row += 64;
  }
  end = row + (n & 12) * 4;
  while (row < end) {
    v128.store(row, f32x4.mul(v128.load(row), factor));
    row += 16;
  }
  if (rest > 0) storeLanes(row, f32x4.mul(loadPart(row, rest, factor), factor), rest, 4);
}

/**
 * Softmax of each row: out[row, i] = e^(x[row, i] - max) / Σ_j e^(x[row, j] - max).
 *
 * -infinity gives 0. A row with NaN, with +infinity, or of nothing but -infinity gives NaN, as in
 * PyTorch. `out` may be `x`. Relative error at most 2e-7 + (|x - max| + 36) 2^-24, or 1.2e-38
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
    scaleRow(out, f32x4.splat((1 / sum) as f32), n);
    x += rowBytes;
    out += rowBytes;
  }
}
