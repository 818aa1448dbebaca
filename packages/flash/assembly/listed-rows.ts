import { lanes, quad } from "./pack";
import { gather } from "./scores";
import { multiplyAdd } from "./simd";

/**
 * The two products of attention for few queries, over rows of keys and values where they lie: laying
 * them out does not pay when each serves a handful of queries. Sums are taken in the order of
 * `multiply`, so the results have the same bits.
 */

/** Keys, and values, that are read together. */
export const keysAtOnce: i32 = 16;

/**
 * scores[key, lane] = scale · Σ_i keys[key, i] queries[i, lane] for sixteen listed keys and four
 * lanes.
 *
 * @param queries - Half of a panel `[size][8]`.
 * @param scores - Of the four lanes, those of the next key `lanes` further.
 */
export function scoreListed(
  pointers: usize,
  queries: usize,
  size: i32,
  scale: f32,
  scores: usize,
): void {
  scoreEight(pointers, queries, size, scale, scores);
  scoreEight(pointers + 32, queries, size, scale, scores + 8 * lanes * 4);
}

/** Eight sums, which cover the latency of an addition; two steps at a time, for half the pointers' steps. */
function scoreEight(
  pointers: usize,
  queries: usize,
  size: i32,
  scale: f32,
  scores: usize,
): void {
  let k0 = load<u32>(pointers) as usize;
  let k1 = load<u32>(pointers, 4) as usize;
  let k2 = load<u32>(pointers, 8) as usize;
  let k3 = load<u32>(pointers, 12) as usize;
  let k4 = load<u32>(pointers, 16) as usize;
  let k5 = load<u32>(pointers, 20) as usize;
  let k6 = load<u32>(pointers, 24) as usize;
  let k7 = load<u32>(pointers, 28) as usize;
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  let s4 = s0, s5 = s0, s6 = s0, s7 = s0;
  const end: usize = queries + (size & -2) * lanes * 4;
  while (queries < end) {
    let x = v128.load(queries);
    s0 = multiplyAdd(v128.load32_splat(k0), x, s0);
    s1 = multiplyAdd(v128.load32_splat(k1), x, s1);
    s2 = multiplyAdd(v128.load32_splat(k2), x, s2);
    s3 = multiplyAdd(v128.load32_splat(k3), x, s3);
    s4 = multiplyAdd(v128.load32_splat(k4), x, s4);
    s5 = multiplyAdd(v128.load32_splat(k5), x, s5);
    s6 = multiplyAdd(v128.load32_splat(k6), x, s6);
    s7 = multiplyAdd(v128.load32_splat(k7), x, s7);
    x = v128.load(queries, 32);
    s0 = multiplyAdd(v128.load32_splat(k0, 4), x, s0);
    s1 = multiplyAdd(v128.load32_splat(k1, 4), x, s1);
    s2 = multiplyAdd(v128.load32_splat(k2, 4), x, s2);
    s3 = multiplyAdd(v128.load32_splat(k3, 4), x, s3);
    s4 = multiplyAdd(v128.load32_splat(k4, 4), x, s4);
    s5 = multiplyAdd(v128.load32_splat(k5, 4), x, s5);
    s6 = multiplyAdd(v128.load32_splat(k6, 4), x, s6);
    s7 = multiplyAdd(v128.load32_splat(k7, 4), x, s7);
    k0 += 8;
    k1 += 8;
    k2 += 8;
    k3 += 8;
    k4 += 8;
    k5 += 8;
    k6 += 8;
    k7 += 8;
    queries += 2 * lanes * 4;
  }
  if (size & 1) {
    const x = v128.load(queries);
    s0 = multiplyAdd(v128.load32_splat(k0), x, s0);
    s1 = multiplyAdd(v128.load32_splat(k1), x, s1);
    s2 = multiplyAdd(v128.load32_splat(k2), x, s2);
    s3 = multiplyAdd(v128.load32_splat(k3), x, s3);
    s4 = multiplyAdd(v128.load32_splat(k4), x, s4);
    s5 = multiplyAdd(v128.load32_splat(k5), x, s5);
    s6 = multiplyAdd(v128.load32_splat(k6), x, s6);
    s7 = multiplyAdd(v128.load32_splat(k7), x, s7);
  }
  const factor = f32x4.splat(scale);
  v128.store(scores, f32x4.mul(s0, factor));
  v128.store(scores, f32x4.mul(s1, factor), 32);
  v128.store(scores, f32x4.mul(s2, factor), 64);
  v128.store(scores, f32x4.mul(s3, factor), 96);
  v128.store(scores, f32x4.mul(s4, factor), 128);
  v128.store(scores, f32x4.mul(s5, factor), 160);
  v128.store(scores, f32x4.mul(s6, factor), 192);
  v128.store(scores, f32x4.mul(s7, factor), 224);
}

/** As `scoreListed`, for one lane: here the keys lie in the lanes, four rows of them turned as they are read. */
export function scoreListedOfOne(
  pointers: usize,
  queries: usize,
  size: i32,
  scale: f32,
  scores: usize,
): void {
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  const whole: usize = (size & -quad) * 4;
  let at: usize = 0;
  for (; at < whole; at += 16) {
    const q0 = v128.load32_splat(queries);
    const q1 = v128.load32_splat(queries, 32);
    const q2 = v128.load32_splat(queries, 64);
    const q3 = v128.load32_splat(queries, 96);
    s0 = addTurned(pointers, at, q0, q1, q2, q3, s0);
    s1 = addTurned(pointers + 16, at, q0, q1, q2, q3, s1);
    s2 = addTurned(pointers + 32, at, q0, q1, q2, q3, s2);
    s3 = addTurned(pointers + 48, at, q0, q1, q2, q3, s3);
    queries += 4 * lanes * 4;
  }
  const end: usize = size * 4;
  for (; at < end; at += 4) {
    const x = v128.load32_splat(queries);
    s0 = multiplyAdd(gather(pointers, at), x, s0);
    s1 = multiplyAdd(gather(pointers + 16, at), x, s1);
    s2 = multiplyAdd(gather(pointers + 32, at), x, s2);
    s3 = multiplyAdd(gather(pointers + 48, at), x, s3);
    queries += lanes * 4;
  }
  const factor = f32x4.splat(scale);
  scatter(f32x4.mul(s0, factor), scores);
  scatter(f32x4.mul(s1, factor), scores + 4 * lanes * 4);
  scatter(f32x4.mul(s2, factor), scores + 8 * lanes * 4);
  scatter(f32x4.mul(s3, factor), scores + 12 * lanes * 4);
}

/** sum[key] + Σ_i keys[key, i] q_i for four listed keys, and four elements that lie `at` bytes behind. */
@inline
function addTurned(
  pointers: usize,
  at: usize,
  q0: v128,
  q1: v128,
  q2: v128,
  q3: v128,
  sum: v128,
): v128 {
  const a = v128.load((load<u32>(pointers) as usize) + at);
  const b = v128.load((load<u32>(pointers, 4) as usize) + at);
  const c = v128.load((load<u32>(pointers, 8) as usize) + at);
  const d = v128.load((load<u32>(pointers, 12) as usize) + at);
  const abLow = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const cdLow = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const abHigh = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cdHigh = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  sum = multiplyAdd(v128.shuffle<f32>(abLow, cdLow, 0, 1, 4, 5), q0, sum);
  sum = multiplyAdd(v128.shuffle<f32>(abLow, cdLow, 2, 3, 6, 7), q1, sum);
  sum = multiplyAdd(v128.shuffle<f32>(abHigh, cdHigh, 0, 1, 4, 5), q2, sum);
  return multiplyAdd(v128.shuffle<f32>(abHigh, cdHigh, 2, 3, 6, 7), q3, sum);
}

/** Stores four numbers, each `lanes` behind the one before. */
@inline
function scatter(numbers: v128, target: usize): void {
  v128.store32_lane(target, numbers, 0);
  v128.store32_lane(target, numbers, 1, 32);
  v128.store32_lane(target, numbers, 2, 64);
  v128.store32_lane(target, numbers, 3, 96);
}

/**
 * target[:] += Σ_key weights[key] values[key, :] over listed values, from column `first` on.
 *
 * @param weights - Of one lane, that of the next key `lanes` further.
 */
export function addListed(
  weights: usize,
  pointers: usize,
  count: i32,
  first: i32,
  size: i32,
  target: usize,
): void {
  const end = pointers + count * 4;
  let column: usize = first * 4;
  const columns: usize = size * 4;
  target += column;
  for (; column + 128 <= columns; column += 128) {
    let s0 = v128.load(target), s1 = v128.load(target, 16);
    let s2 = v128.load(target, 32), s3 = v128.load(target, 48);
    let s4 = v128.load(target, 64), s5 = v128.load(target, 80);
    let s6 = v128.load(target, 96), s7 = v128.load(target, 112);
    let weight = weights;
    for (let at = pointers; at < end; at += 4) {
      const value = (load<u32>(at) as usize) + column;
      const x = v128.load32_splat(weight);
      s0 = multiplyAdd(x, v128.load(value), s0);
      s1 = multiplyAdd(x, v128.load(value, 16), s1);
      s2 = multiplyAdd(x, v128.load(value, 32), s2);
      s3 = multiplyAdd(x, v128.load(value, 48), s3);
      s4 = multiplyAdd(x, v128.load(value, 64), s4);
      s5 = multiplyAdd(x, v128.load(value, 80), s5);
      s6 = multiplyAdd(x, v128.load(value, 96), s6);
      s7 = multiplyAdd(x, v128.load(value, 112), s7);
      weight += lanes * 4;
    }
    v128.store(target, s0);
    v128.store(target, s1, 16);
    v128.store(target, s2, 32);
    v128.store(target, s3, 48);
    v128.store(target, s4, 64);
    v128.store(target, s5, 80);
    v128.store(target, s6, 96);
    v128.store(target, s7, 112);
    target += 128;
  }
  for (; column + 16 <= columns; column += 16) {
    let sum = v128.load(target);
    let weight = weights;
    for (let at = pointers; at < end; at += 4) {
      const value = (load<u32>(at) as usize) + column;
      sum = multiplyAdd(v128.load32_splat(weight), v128.load(value), sum);
      weight += lanes * 4;
    }
    v128.store(target, sum);
    target += 16;
  }
  for (; column < columns; column += 4) {
    let sum = v128.load32_zero(target);
    let weight = weights;
    for (let at = pointers; at < end; at += 4) {
      const value = (load<u32>(at) as usize) + column;
      sum = multiplyAdd(v128.load32_zero(weight), v128.load32_zero(value), sum);
      weight += lanes * 4;
    }
    v128.store32_lane(target, sum, 0);
    target += 4;
  }
}

/**
 * As `addListed`, for two lanes side by side, which share the reading.
 *
 * @param rowBytes - Distance of the two targets.
 */
export function addListedToTwo(
  weights: usize,
  pointers: usize,
  count: i32,
  size: i32,
  target: usize,
  rowBytes: usize,
): void {
  const end = pointers + count * 4;
  const whole = size & -16;
  for (let column: usize = 0; column < ((whole * 4) as usize); column += 64) {
    const one = target + column;
    const other = one + rowBytes;
    let s0 = v128.load(one), s1 = v128.load(one, 16);
    let s2 = v128.load(one, 32), s3 = v128.load(one, 48);
    let t0 = v128.load(other), t1 = v128.load(other, 16);
    let t2 = v128.load(other, 32), t3 = v128.load(other, 48);
    let weight = weights;
    for (let at = pointers; at < end; at += 4) {
      const row = (load<u32>(at) as usize) + column;
      const x = v128.load32_splat(weight);
      const y = v128.load32_splat(weight, 4);
      let value = v128.load(row);
      s0 = multiplyAdd(x, value, s0);
      t0 = multiplyAdd(y, value, t0);
      value = v128.load(row, 16);
      s1 = multiplyAdd(x, value, s1);
      t1 = multiplyAdd(y, value, t1);
      value = v128.load(row, 32);
      s2 = multiplyAdd(x, value, s2);
      t2 = multiplyAdd(y, value, t2);
      value = v128.load(row, 48);
      s3 = multiplyAdd(x, value, s3);
      t3 = multiplyAdd(y, value, t3);
      weight += lanes * 4;
    }
    v128.store(one, s0);
    v128.store(one, s1, 16);
    v128.store(one, s2, 32);
    v128.store(one, s3, 48);
    v128.store(other, t0);
    v128.store(other, t1, 16);
    v128.store(other, t2, 32);
    v128.store(other, t3, 48);
  }
  addListed(weights, pointers, count, whole, size, target);
  addListed(weights + 4, pointers, count, whole, size, target + rowBytes);
}
