import { sumOfRow, sumOfSquaredDeviations } from "./row-statistics";
import { loadPart, multiplyAdd, storeLanes, sumLanes } from "./simd";

/**
 * Layer normalization of each row (Ba et al. 2016):
 * out[row, i] = (x[row, i] - mean) / sqrt(variance + epsilon) weight[i] + bias[i].
 *
 * `out` may be `x`. Error of a normalized element: at most (n / 16 + 8) 2^-24 of the row's largest
 * deviation from 0 over its standard deviation, to first order.
 */
export function layerNorm(
  x: usize,
  weight: usize,
  bias: usize,
  out: usize,
  rows: i32,
  n: i32,
  epsilon: f32,
): void {
  const rest = n & 3;
  const end: usize = (n - rest) * 4;
  for (let row = 0; row < rows; row++) {
    const mean = sumOfRow(x, n) / (n as f32);
    const variance = sumOfSquaredDeviations(x, n, mean) / (n as f32);
    const center = f32x4.splat(mean);
    const factor = f32x4.splat(1 / sqrt<f32>(variance + epsilon));
    let at: usize = 0;
    while (at < end) {
      const normalized = f32x4.mul(f32x4.sub(v128.load(x + at), center), factor);
      const scaled = multiplyAdd(normalized, v128.load(weight + at), v128.load(bias + at));
      v128.store(out + at, scaled);
      at += 16;
    }
    if (rest > 0) {
      const normalized = f32x4.mul(f32x4.sub(loadPart(x + at, rest, center), center), factor);
      const scale = loadPart(weight + at, rest, factor);
      storeLanes(out + at, multiplyAdd(normalized, scale, loadPart(bias + at, rest, factor)), rest, 4);
    }
    x += n * 4;
    out += n * 4;
  }
}

/** Four elements of (g w - mean(g w) - x̂ mean(g w x̂)) / deviation. */
@inline
function inputGradient(
  x: v128,
  gradient: v128,
  weight: v128,
  center: v128,
  factor: v128,
  plain: v128,
  weighted: v128,
): v128 {
  const normalized = f32x4.mul(f32x4.sub(x, center), factor);
  const scaled = f32x4.mul(gradient, weight);
  const rest = f32x4.sub(f32x4.sub(scaled, plain), f32x4.mul(normalized, weighted));
  return f32x4.mul(rest, factor);
}

/**
 * Gradients of `layerNorm` from x, the weight and the result's gradient:
 * dx = (g w - mean(g w) - x̂ mean(g w x̂)) / deviation, dWeight = Σ g x̂, dBias = Σ g over rows.
 */
export function layerNormGradient(
  x: usize,
  weight: usize,
  gradient: usize,
  dx: usize,
  dWeight: usize,
  dBias: usize,
  rows: i32,
  n: i32,
  epsilon: f32,
): void {
  const rest = n & 3;
  const end: usize = (n - rest) * 4;
  const zero = f32x4.splat(0);
  memory.fill(dWeight, 0, n * 4);
  memory.fill(dBias, 0, n * 4);
  for (let row = 0; row < rows; row++) {
    const mean = sumOfRow(x, n) / (n as f32);
    const inverse: f32 = 1 / sqrt<f32>(sumOfSquaredDeviations(x, n, mean) / (n as f32) + epsilon);
    const center = f32x4.splat(mean);
    const factor = f32x4.splat(inverse);
    // mean(g w) and mean(g w x̂), and what the row adds to the gradients of weight and bias.
    let plain = zero;
    let weighted = zero;
    let at: usize = 0;
    while (at < end) {
      const normalized = f32x4.mul(f32x4.sub(v128.load(x + at), center), factor);
      const g = v128.load(gradient + at);
      const scaled = f32x4.mul(g, v128.load(weight + at));
      plain = f32x4.add(plain, scaled);
      weighted = multiplyAdd(scaled, normalized, weighted);
      v128.store(dWeight + at, multiplyAdd(g, normalized, v128.load(dWeight + at)));
      v128.store(dBias + at, f32x4.add(g, v128.load(dBias + at)));
      at += 16;
    }
    if (rest > 0) {
      const normalized = f32x4.mul(f32x4.sub(loadPart(x + at, rest, center), center), factor);
      const g = loadPart(gradient + at, rest, zero);
      const scaled = f32x4.mul(g, loadPart(weight + at, rest, zero));
      plain = f32x4.add(plain, scaled);
      weighted = multiplyAdd(scaled, normalized, weighted);
      const partWeight = multiplyAdd(g, normalized, loadPart(dWeight + at, rest, zero));
      storeLanes(dWeight + at, partWeight, rest, 4);
      storeLanes(dBias + at, f32x4.add(g, loadPart(dBias + at, rest, zero)), rest, 4);
    }
    const plainMean = f32x4.splat(sumLanes(plain) / (n as f32));
    const weightedMean = f32x4.splat(sumLanes(weighted) / (n as f32));
    at = 0;
    while (at < end) {
      const part = inputGradient(
        v128.load(x + at),
        v128.load(gradient + at),
        v128.load(weight + at),
        center,
        factor,
        plainMean,
        weightedMean,
      );
      v128.store(dx + at, part);
      at += 16;
    }
    if (rest > 0) {
      const part = inputGradient(
        loadPart(x + at, rest, zero),
        loadPart(gradient + at, rest, zero),
        loadPart(weight + at, rest, zero),
        center,
        factor,
        plainMean,
        weightedMean,
      );
      storeLanes(dx + at, part, rest, 4);
    }
    x += n * 4;
    gradient += n * 4;
    dx += n * 4;
  }
}
