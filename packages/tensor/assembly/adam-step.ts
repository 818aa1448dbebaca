import { loadPart, multiplyAdd, storeLanes } from "./simd";

/**
 * One step of Adam (Kingma and Ba 2014, algorithm 1) and its relatives, in one pass over the
 * parameter, the gradient and both moments. Results may replace the operands.
 *
 * g = gradient + gradientDecay p; first = beta1 first + (1 - beta1) g; second = beta2 second +
 * (1 - beta2) g²; p = p shrink - stepSize first / (sqrt(second) secondScale + epsilon), with the
 * divisor 1 where `secondScale` is 0.
 */
export function adamStep(
  parameter: usize,
  gradient: usize,
  first: usize,
  second: usize,
  nextParameter: usize,
  nextFirst: usize,
  nextSecond: usize,
  n: i32,
  beta1: f64,
  beta2: f64,
  epsilon: f32,
  stepSize: f32,
  secondScale: f32,
  gradientDecay: f32,
  shrink: f32,
): void {
  const one = f32x4.splat(1);
  const keptFirst = f32x4.splat(beta1 as f32);
  const addedFirst = f32x4.splat((1 - beta1) as f32);
  const keptSecond = f32x4.splat(beta2 as f32);
  const addedSecond = f32x4.splat((1 - beta2) as f32);
  const epsilons = f32x4.splat(epsilon);
  const step = f32x4.splat(stepSize);
  const scale = f32x4.splat(secondScale);
  const decay = f32x4.splat(gradientDecay);
  const shrinks = f32x4.splat(shrink);
  for (let i = 0; i < n; i += 4) {
    const rest = n - i;
    const isWhole = rest >= 4;
    const at: usize = i * 4;
    const p = isWhole ? v128.load(parameter + at) : loadPart(parameter + at, rest, one);
    const raw = isWhole ? v128.load(gradient + at) : loadPart(gradient + at, rest, one);
    const m = isWhole ? v128.load(first + at) : loadPart(first + at, rest, one);
    const v = isWhole ? v128.load(second + at) : loadPart(second + at, rest, one);
    const g = multiplyAdd(decay, p, raw);
    const newFirst = multiplyAdd(keptFirst, m, f32x4.mul(addedFirst, g));
    const newSecond = multiplyAdd(keptSecond, v, f32x4.mul(f32x4.mul(addedSecond, g), g));
    const divisor = secondScale > 0 ? multiplyAdd(f32x4.sqrt(newSecond), scale, epsilons) : one;
    const change = f32x4.div(f32x4.mul(step, newFirst), divisor);
    const newParameter = f32x4.sub(f32x4.mul(p, shrinks), change);
    if (isWhole) {
      v128.store(nextParameter + at, newParameter);
      v128.store(nextFirst + at, newFirst);
      v128.store(nextSecond + at, newSecond);
    } else {
      storeLanes(nextParameter + at, newParameter, rest, 4);
      storeLanes(nextFirst + at, newFirst, rest, 4);
      storeLanes(nextSecond + at, newSecond, rest, 4);
    }
  }
}
