import { largestMagnitude, sumOfFloats, toIntegers } from "./sums";

const integerLimit: f32 = 32767;

/**
 * Adds the packed values of one head in a block, weighted, to `out`. The token scales are folded
 * into the weights, which are then rounded to 16 bits; two tokens lie side by side, so that one
 * multiply-add sums both.
 *
 * @param weights `G` float32: those of the tokens that do not count are 0.
 * @param groupSize `G`, even.
 * @param codes `G / 2` rows of `D` pairs of packed codes.
 * @param scales `[D / valueGroup, G]` float32. @param minima the same.
 * @param folded `G + 8` float32 of scratch. @param integers `G + 8` int16 of scratch.
 * @param out `D` float32.
 */
export function addPackedValues(
  weights: usize,
  groupSize: i32,
  headDim: i32,
  bits: i32,
  valueGroup: i32,
  codes: usize,
  scales: usize,
  minima: usize,
  folded: usize,
  integers: usize,
  out: usize,
): void {
  const padded = (groupSize + 7) & ~7;
  const rowBytes: usize = (2 * headDim * bits) / 8;
  const pairs = groupSize / 2;
  memory.fill(folded + groupSize * 4, 0, (padded - groupSize) * 4);
  for (let first = 0; first < headDim; first += valueGroup) {
    const offset = foldWeights(weights, groupSize, scales, minima, folded);
    scales += groupSize * 4;
    minima += groupSize * 4;
    const largest = largestMagnitude(folded, padded);
    const factor: f32 = largest > 0 ? integerLimit / largest : 0;
    const inverse = f32x4.splat(largest > 0 ? largest / integerLimit : 0);
    const offsets = f32x4.splat(offset);
    toIntegers(folded, factor, integers, padded);
    const last = first + valueGroup;
    let channel = first;
    if (bits == 8) {
      for (; channel + 16 <= last; channel += 16) {
        let a = i32x4.splat(0);
        let b = i32x4.splat(0);
        let c = i32x4.splat(0);
        let d = i32x4.splat(0);
        let from = codes + channel * 2;
        for (let pair = 0; pair < pairs; pair++, from += rowBytes) {
          const both = v128.load32_splat(integers + pair * 4);
          a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load8x8_u(from), both));
          b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load8x8_u(from, 8), both));
          c = i32x4.add(c, i32x4.dot_i16x8_s(v128.load8x8_u(from, 16), both));
          d = i32x4.add(d, i32x4.dot_i16x8_s(v128.load8x8_u(from, 24), both));
        }
        const target = out + channel * 4;
        addScaled(target, a, inverse, offsets);
        addScaled(target + 16, b, inverse, offsets);
        addScaled(target + 32, c, inverse, offsets);
        addScaled(target + 48, d, inverse, offsets);
      }
      for (; channel < last; channel += 4) {
        let sum = i32x4.splat(0);
        let from = codes + channel * 2;
        for (let pair = 0; pair < pairs; pair++, from += rowBytes) {
          const both = v128.load32_splat(integers + pair * 4);
          sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load8x8_u(from), both));
        }
        addScaled(out + channel * 4, sum, inverse, offsets);
      }
    } else {
      const mask = i16x8.splat(15);
      for (; channel + 16 <= last; channel += 16) {
        let a = i32x4.splat(0);
        let b = i32x4.splat(0);
        let c = i32x4.splat(0);
        let d = i32x4.splat(0);
        let from = codes + channel;
        for (let pair = 0; pair < pairs; pair++, from += rowBytes) {
          const both = v128.load32_splat(integers + pair * 4);
          const left = v128.load8x8_u(from);
          const right = v128.load8x8_u(from, 8);
          a = i32x4.add(a, i32x4.dot_i16x8_s(v128.and(left, mask), both));
          b = i32x4.add(b, i32x4.dot_i16x8_s(i16x8.shr_u(left, 4), both));
          c = i32x4.add(c, i32x4.dot_i16x8_s(v128.and(right, mask), both));
          d = i32x4.add(d, i32x4.dot_i16x8_s(i16x8.shr_u(right, 4), both));
        }
        const target = out + channel * 4;
        addScaled(target, a, inverse, offsets);
        addScaled(target + 16, b, inverse, offsets);
        addScaled(target + 32, c, inverse, offsets);
        addScaled(target + 48, d, inverse, offsets);
      }
      for (; channel < last; channel += 8) {
        let low = i32x4.splat(0);
        let high = i32x4.splat(0);
        let from = codes + channel;
        for (let pair = 0; pair < pairs; pair++, from += rowBytes) {
          const both = v128.load32_splat(integers + pair * 4);
          const packed = v128.load8x8_u(from);
          low = i32x4.add(low, i32x4.dot_i16x8_s(v128.and(packed, mask), both));
          high = i32x4.add(high, i32x4.dot_i16x8_s(i16x8.shr_u(packed, 4), both));
        }
        addScaled(out + channel * 4, low, inverse, offsets);
        addScaled(out + channel * 4 + 16, high, inverse, offsets);
      }
    }
  }
}

/** Weights times the token scales into `folded`; returns what the minima add to every channel. */
// @ts-ignore: decorator
@inline
function foldWeights(
  weights: usize,
  groupSize: i32,
  scales: usize,
  minima: usize,
  folded: usize,
): f32 {
  let offsets = f32x4.splat(0);
  const fours = groupSize & ~3;
  for (let at: usize = 0; at < <usize>fours * 4; at += 16) {
    const weight = v128.load(weights + at);
    v128.store(folded + at, f32x4.mul(weight, v128.load(scales + at)));
    offsets = f32x4.add(offsets, f32x4.mul(weight, v128.load(minima + at)));
  }
  let offset = sumOfFloats(offsets);
  for (let token = fours; token < groupSize; token++) {
    const weight = load<f32>(weights + token * 4);
    store<f32>(folded + token * 4, weight * load<f32>(scales + token * 4));
    offset += weight * load<f32>(minima + token * 4);
  }
  return offset;
}

// @ts-ignore: decorator
@inline
function addScaled(out: usize, sums: v128, factor: v128, offset: v128): void {
  const scaled = f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(sums), factor), offset);
  v128.store(out, f32x4.add(v128.load(out), scaled));
}

/** Adds `tokens` values in float32, weighted, to `out`. */
export function addFloatValues(
  weights: usize,
  tokens: i32,
  headDim: i32,
  values: usize,
  out: usize,
): void {
  for (let at: usize = 0; at < <usize>headDim * 4; at += 16) {
    let sum = v128.load(out + at);
    let from = values + at;
    for (let token = 0; token < tokens; token++, from += headDim * 4) {
      const weight = v128.load32_splat(weights + token * 4);
      sum = f32x4.add(sum, f32x4.mul(weight, v128.load(from)));
    }
    v128.store(out + at, sum);
  }
}

/** The sum of `n` floats, `n` a multiple of 4. */
export function sumOf(x: usize, n: i32): f32 {
  let sum = f32x4.splat(0);
  for (const end = x + n * 4; x < end; x += 16) sum = f32x4.add(sum, v128.load(x));
  return sumOfFloats(sum);
}
