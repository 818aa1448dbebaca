import {
  Exponential,
  exponentialOf,
  QuickExponential,
  quickExponential,
} from "./exponential";
import { lanes, quad } from "./pack";
import { Problem, roundUp } from "./problem";
import { QueryRows } from "./query-rows";
import { clear, constant } from "./simd";

/**
 * The softmax that goes along (Milakov & Gimelshein 2018, arXiv 1805.02867): what rows have gathered
 * from the keys seen so far, and how a further tile of scores joins it. All kernels go through here
 * and visit keys in the same tiles and order, so a query gets the same bits from each.
 */

/** Of a number of rows, a multiple of eight: where the largest score, the sum of weights and the output lie. */
@unmanaged
export class RowStates {
  /** `[rows]`. */
  maximum: usize;
  /** `[rows]`. */
  sum: usize;
  /** `[rows][Dv]`, with `Dv` rounded up to whole panels. */
  output: usize;
}

/** Bytes of the record itself, so that the arrays are aligned. */
const recordBytes: i32 = 64;

/** Bytes of a `RowStates` for `rows` rows, with its arrays behind it. */
export function rowStatesBytes(rows: i32, valueSize: i32): i32 {
  return recordBytes + roundUp(rows * 8, 64) + rows * roundUp(valueSize, lanes) * 4;
}

/** Lays the arrays out behind the record. */
export function layRowStates(scratch: usize, rows: i32): RowStates {
  const states = changetype<RowStates>(scratch);
  states.maximum = scratch + recordBytes;
  states.sum = states.maximum + rows * 4;
  states.output = states.maximum + roundUp(rows * 8, 64);
  return states;
}

/** The state before the first key: nothing, or the sink, which has a score but no value. */
export function startRows(
  problem: Problem,
  rows: QueryRows,
  count: i32,
  hasSinks: bool,
  states: RowStates,
): void {
  clear(states.output, count * roundUp(problem.valueSize, lanes) * 4);
  for (let lane = 0; lane < count; lane++) {
    let maximum: f32 = f32.NEGATIVE_INFINITY;
    if (hasSinks) maximum = load<f32>(problem.sinks + load<i32>(rows.head + lane * 4) * 4);
    store<f32>(states.maximum + lane * 4, maximum);
    store<f32>(states.sum + lane * 4, maximum == f32.NEGATIVE_INFINITY ? 0 : 1);
  }
}

/**
 * Turns the scores of eight rows to weights e^(score - maximum), and brings their sums and outputs to
 * the new maxima. A row that has seen nothing yet has the maximum -infinity, and is shifted by 0
 * instead.
 *
 * @param scores - `[keys][8]`.
 */
export function weighScores(
  scores: usize,
  keys: i32,
  firstRow: i32,
  valueSize: i32,
  states: RowStates,
): void {
  const maximum = states.maximum + firstRow * 4;
  const sum = states.sum + firstRow * 4;
  const old0 = v128.load(maximum);
  const old1 = v128.load(maximum, 16);
  let new0 = old0;
  let new1 = old1;
  const end: usize = scores + keys * lanes * 4;
  for (let at = scores; at < end; at += lanes * 4) {
    new0 = f32x4.pmax(new0, v128.load(at));
    new1 = f32x4.pmax(new1, v128.load(at, 16));
  }
  const nothing = f32x4.splat(f32.NEGATIVE_INFINITY);
  const shift0 = v128.andnot(new0, f32x4.eq(new0, nothing));
  const shift1 = v128.andnot(new1, f32x4.eq(new1, nothing));
  const sum0 = exponentiate(scores, end, shift0, keys);
  const sum1 = exponentiate(scores + quad * 4, end, shift1, keys);
  const changed = v128.or(f32x4.ne(old0, new0), f32x4.ne(old1, new1));
  if (v128.any_true(changed)) {
    const decay0 = exponentialOf(f32x4.sub(old0, shift0));
    const decay1 = exponentialOf(f32x4.sub(old1, shift1));
    v128.store(sum, f32x4.mul(v128.load(sum), decay0));
    v128.store(sum, f32x4.mul(v128.load(sum, 16), decay1), 16);
    // The maxima's place serves as a buffer to take the lanes apart.
    v128.store(maximum, decay0);
    v128.store(maximum, decay1, 16);
    let output: usize = states.output + firstRow * valueSize * 4;
    for (let lane = 0; lane < lanes; lane++) {
      const decay = v128.load32_splat(maximum + lane * 4);
      for (let column = 0; column < valueSize; column += quad) {
        v128.store(output, f32x4.mul(v128.load(output), decay));
        output += 16;
      }
    }
    v128.store(maximum, new0);
    v128.store(maximum, new1, 16);
  }
  v128.store(sum, f32x4.add(v128.load(sum), sum0));
  v128.store(sum, f32x4.add(v128.load(sum, 16), sum1), 16);
}

/**
 * Replaces the scores of four rows by their weights, and returns the sums of these. One vector at a
 * time: with both halves of a panel in one loop the constants would not all fit the registers, at a
 * cost of 5 % of the whole pass.
 *
 * @param size - Any number that is never negative, see `constant`.
 */
@inline
function exponentiate(scores: usize, end: usize, shift: v128, size: i32): v128 {
  const log2e = constant(Exponential.log2e, size);
  const lowest = constant(QuickExponential.lowest, size);
  const rounding = constant(Exponential.rounding, size);
  const c6 = constant(QuickExponential.c6, size);
  const c5 = constant(QuickExponential.c5, size);
  const c4 = constant(QuickExponential.c4, size);
  const c3 = constant(QuickExponential.c3, size);
  const c2 = constant(QuickExponential.c2, size);
  const c1 = constant(QuickExponential.c1, size);
  const one = constant(1, size);
  let sum = f32x4.splat(0);
  for (let at = scores; at < end; at += lanes * 4) {
    const x = f32x4.sub(v128.load(at), shift);
    const e = quickExponential(x, log2e, lowest, rounding, c6, c5, c4, c3, c2, c1, one);
    v128.store(at, e);
    sum = f32x4.add(sum, e);
  }
  return sum;
}
