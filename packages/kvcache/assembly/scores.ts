import { largestMagnitude, sumOfFloats, sumOfIntegers, toIntegers } from "./sums";

/** What 16-bit integers reach. */
const integerLimit: f32 = 32767;

/**
 * Scores of a query with the packed keys of one head in a block. The channel scales are folded into
 * the query, which is then rounded to 16 bits, so that a key costs integer multiply-adds only:
 * `q · k = Σ q_c s_c · code_c + Σ q_c m_c`.
 *
 * @param query `D` float32, scaled.
 * @param codes `tokens` rows of packed codes.
 * @param scales `D` float32. @param minima `D` float32.
 * @param folded `D` float32 of scratch. @param integers `D` int16 of scratch.
 * @param out `tokens` float32.
 */
export function packedScores(
  query: usize,
  headDim: i32,
  bits: i32,
  codes: usize,
  scales: usize,
  minima: usize,
  tokens: i32,
  folded: usize,
  integers: usize,
  out: usize,
): void {
  let offset = f32x4.splat(0);
  for (let at: usize = 0; at < <usize>headDim * 4; at += 16) {
    const part = v128.load(query + at);
    v128.store(folded + at, f32x4.mul(part, v128.load(scales + at)));
    offset = f32x4.add(offset, f32x4.mul(part, v128.load(minima + at)));
  }
  const bias = sumOfFloats(offset);
  const largest = largestMagnitude(folded, headDim);
  const factor: f32 = largest > 0 ? integerLimit / largest : 0;
  const inverse: f32 = largest > 0 ? largest / integerLimit : 0;
  toIntegers(folded, factor, integers, headDim);
  if (bits == 8) {
    for (let token = 0; token < tokens; token++, codes += headDim, out += 4) {
      let sum = i32x4.splat(0);
      for (let at: usize = 0; at < <usize>headDim; at += 8) {
        const product = i32x4.dot_i16x8_s(v128.load8x8_u(codes + at), v128.load(integers + at * 2));
        sum = i32x4.add(sum, product);
      }
      store<f32>(out, (sumOfIntegers(sum) as f32) * inverse + bias);
    }
  } else {
    const mask = i16x8.splat(15);
    for (let token = 0; token < tokens; token++, codes += headDim / 2, out += 4) {
      let sum = i32x4.splat(0);
      for (let at: usize = 0; at < <usize>headDim / 2; at += 8) {
        const both = v128.load8x8_u(codes + at);
        const from = integers + at * 4;
        const low = i32x4.dot_i16x8_s(v128.and(both, mask), v128.load(from));
        const high = i32x4.dot_i16x8_s(i16x8.shr_u(both, 4), v128.load(from, 16));
        sum = i32x4.add(sum, i32x4.add(low, high));
      }
      store<f32>(out, (sumOfIntegers(sum) as f32) * inverse + bias);
    }
  }
}

/** Scores of a query with `tokens` keys in float32. */
export function floatScores(
  query: usize,
  headDim: i32,
  keys: usize,
  tokens: i32,
  out: usize,
): void {
  for (let token = 0; token < tokens; token++, keys += headDim * 4, out += 4) {
    let sum = f32x4.splat(0);
    for (let at: usize = 0; at < <usize>headDim * 4; at += 16) {
      sum = f32x4.add(sum, f32x4.mul(v128.load(query + at), v128.load(keys + at)));
    }
    store<f32>(out, sumOfFloats(sum));
  }
}
