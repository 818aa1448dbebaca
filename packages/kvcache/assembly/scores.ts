import {
  largestMagnitude,
  sumOfFloats,
  sumOfIntegers,
  sumsOfIntegers,
  toIntegers,
} from "./sums";

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
  const rowBytes: usize = (headDim * bits) / 8;
  const fours = tokens & ~3;
  const factors = f32x4.splat(inverse);
  const biases = f32x4.splat(bias);
  for (let token = 0; token < fours; token += 4, codes += 4 * rowBytes, out += 16) {
    const sums =
      bits == 8
        ? fourRows(codes, integers, rowBytes)
        : fourPackedRows(codes, integers, rowBytes);
    v128.store(out, f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(sums), factors), biases));
  }
  for (let token = fours; token < tokens; token++, codes += rowBytes, out += 4) {
    const sum = bits == 8 ? row8(codes, integers, rowBytes) : row4(codes, integers, rowBytes);
    store<f32>(out, (sumOfIntegers(sum) as f32) * inverse + bias);
  }
}

/** Products of one row of 8-bit codes with the query. */
// @ts-ignore: decorator
@inline
function row8(codes: usize, query: usize, rowBytes: usize): v128 {
  let sum = i32x4.splat(0);
  for (let at: usize = 0; at < rowBytes; at += 8) {
    sum = i32x4.add(sum, dot8(codes + at, v128.load(query + at * 2)));
  }
  return sum;
}

/** Products of one row of 4-bit codes with the query: 16 codes a step. */
// @ts-ignore: decorator
@inline
function row4(codes: usize, query: usize, rowBytes: usize): v128 {
  let sum = i32x4.splat(0);
  for (let at: usize = 0; at < rowBytes; at += 8) {
    const from = query + at * 4;
    sum = i32x4.add(sum, dot4(codes + at, v128.load(from), v128.load(from, 16)));
  }
  return sum;
}

/** Sums of four rows of 8-bit codes, which share the loads of the query. */
// @ts-ignore: decorator
@inline
function fourRows(codes: usize, query: usize, rowBytes: usize): v128 {
  let a = i32x4.splat(0);
  let b = i32x4.splat(0);
  let c = i32x4.splat(0);
  let d = i32x4.splat(0);
  const second = codes + rowBytes;
  const third = second + rowBytes;
  const fourth = third + rowBytes;
  for (let at: usize = 0; at < rowBytes; at += 8) {
    const part = v128.load(query + at * 2);
    a = i32x4.add(a, dot8(codes + at, part));
    b = i32x4.add(b, dot8(second + at, part));
    c = i32x4.add(c, dot8(third + at, part));
    d = i32x4.add(d, dot8(fourth + at, part));
  }
  return sumsOfIntegers(a, b, c, d);
}

/** Sums of four rows of 4-bit codes, which share the loads of the query. */
// @ts-ignore: decorator
@inline
function fourPackedRows(codes: usize, query: usize, rowBytes: usize): v128 {
  let a = i32x4.splat(0);
  let b = i32x4.splat(0);
  let c = i32x4.splat(0);
  let d = i32x4.splat(0);
  const second = codes + rowBytes;
  const third = second + rowBytes;
  const fourth = third + rowBytes;
  for (let at: usize = 0; at < rowBytes; at += 8) {
    const low = v128.load(query + at * 4);
    const high = v128.load(query + at * 4, 16);
    a = i32x4.add(a, dot4(codes + at, low, high));
    b = i32x4.add(b, dot4(second + at, low, high));
    c = i32x4.add(c, dot4(third + at, low, high));
    d = i32x4.add(d, dot4(fourth + at, low, high));
  }
  return sumsOfIntegers(a, b, c, d);
}

// @ts-ignore: decorator
@inline
function dot8(codes: usize, part: v128): v128 {
  return i32x4.dot_i16x8_s(v128.load8x8_u(codes), part);
}

// @ts-ignore: decorator
@inline
function dot4(codes: usize, low: v128, high: v128): v128 {
  const both = v128.load8x8_u(codes);
  return i32x4.add(
    i32x4.dot_i16x8_s(v128.and(both, i16x8.splat(15)), low),
    i32x4.dot_i16x8_s(i16x8.shr_u(both, 4), high),
  );
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
