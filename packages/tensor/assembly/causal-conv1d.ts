import { loadPart, multiplyAdd, storeLanes } from "./simd";

/** Adds `weight` times the `n` elements of `x` to `out`. */
@inline
function addScaled(x: usize, weight: f32, out: usize, n: i32): void {
  const factor = f32x4.splat(weight);
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const at = out + i * 4;
    v128.store(at, multiplyAdd(v128.load(x + i * 4), factor, v128.load(at)));
  }
  const rest = n - i;
  if (rest == 0) return;
  const at = out + i * 4;
  storeLanes(at, multiplyAdd(loadPart(x + i * 4, rest, factor), factor, loadPart(at, rest, factor)), rest, 4);
}

/**
 * Causal depthwise convolution: out[row, t] = Σ_k weight[row % channels, k] x[row, t - (width - 1) + k],
 * with 0 before the first time. Rows hold `times` float32.
 */
export function causalConv1d(
  x: usize,
  weight: usize,
  out: usize,
  rows: i32,
  channels: i32,
  times: i32,
  width: i32,
): void {
  memory.fill(out, 0, rows * times * 4);
  for (let row = 0; row < rows; row++) {
    const filter = weight + (row % channels) * width * 4;
    for (let k = 0; k < width; k++) {
      const delay = width - 1 - k;
      if (delay < times) addScaled(x, load<f32>(filter + k * 4), out + delay * 4, times - delay);
    }
    x += times * 4;
    out += times * 4;
  }
}
