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
 * Turns the scores of four rows to weights e^(score - maximum), and brings their sums and outputs to
 * the new maxima. A row that has seen nothing yet has the maximum -infinity, and is shifted by 0
 * instead.
 *
 * @param scores - Of the four rows, those of the next key `lanes` further.
 * @param keys - A multiple of four.
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
  const before = v128.load(maximum);
  const end: usize = scores + keys * lanes * 4;
  // Two chains of maxima, so that neither waits for the other.
  let largest = before;
  let other = before;
  for (let at = scores; at < end; at += 2 * lanes * 4) {
    largest = f32x4.pmax(largest, v128.load(at));
    other = f32x4.pmax(other, v128.load(at, 32));
  }
  largest = f32x4.pmax(largest, other);
  const isEmpty = f32x4.eq(largest, f32x4.splat(f32.NEGATIVE_INFINITY));
  const shift = v128.andnot(largest, isEmpty);
  const added = exponentiate(scores, end, shift, keys);
  if (v128.any_true(f32x4.ne(before, largest))) {
    const decay = exponentialOf(f32x4.sub(before, shift));
    v128.store(sum, f32x4.mul(v128.load(sum), decay));
    // The maxima's place serves as a buffer to take the lanes apart.
    v128.store(maximum, decay);
    let output: usize = states.output + firstRow * valueSize * 4;
    for (let lane = 0; lane < quad; lane++) {
      const factor = v128.load32_splat(maximum + lane * 4);
      const rowEnd: usize = output + valueSize * 4;
      for (; output < rowEnd; output += 16) {
        v128.store(output, f32x4.mul(v128.load(output), factor));
      }
    }
    v128.store(maximum, largest);
  }
  v128.store(sum, f32x4.add(v128.load(sum), added));
}

/**
 * Replaces scores by their weights and returns the sums of these.
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
