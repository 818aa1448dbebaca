import { exponential, Exponential, exponentialOf, hyperbolicTangent, logarithm } from "./exponential";
import { keyRows, valueRows } from "./key-rows";
import { quad } from "./pack";
import { Problem, roundUp, Sequence, sequenceAt, sequenceOfUnit } from "./problem";
import {
  describeRows,
  layQueryRows,
  PanelRange,
  panelRangeBytes,
  panelRanges,
  QueryRows,
  queryRowsBytes,
} from "./query-rows";
import { clear, constant, multiplyAdd, sumLanes, sumLanesOfFour } from "./simd";
import { countLoads, countStores } from "./traffic";

/**
 * Attention of few queries over many keys, which are read where they lie: no layout pays when each
 * key serves a handful of rows. The keys are split among units of work, and the parts combined
 * (Dao et al. 2023, "Flash-Decoding"): with L_s the log-sum-exp of part s and O_s its output,
 * L = logsumexp_s L_s and O = Σ_s e^(L_s - L) O_s.
 *
 * A unit of work is one split of a sequence, with all its heads: a tile of keys is visited by one
 * head after the other, so that a block of a paged cache, which holds all of them, is fetched once
 * (far-apart blocks cost a quarter of the time when each head went over the keys by itself). It leaves
 * O_s, the maximum and the sum of each row in `problem.partials`: `[units][Hkv][tileQueries][…]`.
 * `tileQueries` is the most rows of a key/value head.
 */

/** Where the buffers of a unit lie. */
@unmanaged
class Unit {
  keyPointers: usize;
  valuePointers: usize;
  unpackedKeys: usize;
  unpackedValues: usize;
  scores: usize;
  ranges: usize;
  rows: usize;
}

const buffers: i32 = 7;
const unitBytes: i32 = 64;

/** Bytes of each buffer, in the order of `Unit`. */
function bufferBytes(problem: Problem, buffer: i32): i32 {
  const rows = problem.tileQueries;
  const keys = problem.tileKeys;
  const isPacked = problem.storage != 0;
  switch (buffer) {
    case 0: return keys * 4;
    case 1: return keys * 4;
    case 2: return isPacked ? keys * problem.keySize * 4 : 0;
    case 3: return isPacked ? keys * problem.valueSize * 4 : 0;
    case 4: return keys * 4;
    case 5: return (rows / 8 + 1) * panelRangeBytes;
    default: return problem.kvHeads * queryRowsBytes(rows);
  }
}

/** Bytes of scratch that one call of `flashDecode` needs. */
export function flashDecodeScratchBytes(problem: Problem): i32 {
  let bytes = unitBytes;
  for (let buffer = 0; buffer < buffers; buffer++) {
    bytes += roundUp(bufferBytes(problem, buffer), 64);
  }
  return bytes;
}

/** Floats of one row in `partials`: O_s with room to its right, the maximum, the sum. */
@inline
function partialSize(problem: Problem): i32 {
  return roundUp(problem.valueSize, quad) + quad;
}

/** Attends for units `begin` to `end`; calls may run at once, each with scratch of its own. */
export function flashDecode(problem: Problem, begin: i32, end: i32, scratch: usize): void {
  let at = scratch + unitBytes;
  for (let buffer = 0; buffer < buffers; buffer++) {
    store<usize>(scratch + buffer * 4, at);
    at += roundUp(bufferBytes(problem, buffer), 64);
  }
  const unit = changetype<Unit>(scratch);
  let batchIndex = 0;
  for (let index = begin; index < end; index++) {
    batchIndex = sequenceOfUnit(problem, index, batchIndex);
    const sequence = sequenceAt(problem, batchIndex);
    decodeUnit(problem, sequence, batchIndex, index, unit);
  }
}

/** The part of row 0 of a key/value head in a unit. */
@inline
function partialOf(problem: Problem, unit: i32, kvHead: i32): usize {
  const row = (unit * problem.kvHeads + kvHead) * problem.tileQueries;
  return problem.partials + row * partialSize(problem) * 4;
}

function decodeUnit(
  problem: Problem,
  sequence: Sequence,
  batchIndex: i32,
  index: i32,
  unit: Unit,
): void {
  const split = index - sequence.firstUnit;
  const count = sequence.queryLength * problem.group;
  const rowBytes: usize = partialSize(problem) * 4;
  const valueSize = roundUp(problem.valueSize, quad);
  const headBytes: usize = queryRowsBytes(problem.tileQueries);
  for (let kvHead = 0; kvHead < problem.kvHeads; kvHead++) {
    const rows = layQueryRows(unit.rows + kvHead * headBytes, problem.tileQueries);
    describeRows(problem, sequence, batchIndex, kvHead, 0, count, rows);
    const partial = partialOf(problem, index, kvHead);
    clear(partial, count * rowBytes);
    for (let row = 0; row < count; row++) {
      store<f32>(partial + row * rowBytes + valueSize * 4, f32.NEGATIVE_INFINITY);
    }
  }
  // All heads see the same keys.
  panelRanges(changetype<QueryRows>(unit.rows), count, unit.ranges);
  const whole = changetype<PanelRange>(unit.ranges + (roundUp(count, 8) / 8) * panelRangeBytes);
  const step = problem.tileKeys;
  const low = whole.anyLow < whole.anyHigh ? whole.anyLow - (whole.anyLow % step) : 0;
  const high = whole.anyLow < whole.anyHigh ? whole.anyHigh : 0;
  const tiles = (high - low + step - 1) / step;
  const firstTile = ((tiles as i64) * split / problem.splits) as i32;
  const lastTile = ((tiles as i64) * (split + 1) / problem.splits) as i32;
  for (let tile = firstTile; tile < lastTile; tile++) {
    const first = low + tile * step;
    const keys = min(step, sequence.keyLength - first);
    for (let kvHead = 0; kvHead < problem.kvHeads; kvHead++) {
      const rows = changetype<QueryRows>(unit.rows + kvHead * headBytes);
      decodeTile(problem, sequence, batchIndex, kvHead, rows, count, first, keys, index, unit);
    }
  }
}

function decodeTile(
  problem: Problem,
  sequence: Sequence,
  batchIndex: i32,
  kvHead: i32,
  rows: QueryRows,
  count: i32,
  first: i32,
  keys: i32,
  index: i32,
  unit: Unit,
): void {
  const keyPointers = unit.keyPointers;
  const valuePointers = unit.valuePointers;
  keyRows(problem, sequence, batchIndex, kvHead, first, keys, keyPointers, unit.unpackedKeys);
  valueRows(problem, sequence, batchIndex, kvHead, first, keys, valuePointers, unit.unpackedValues);
  countLoads(keys * (problem.keySize + problem.valueSize));
  // The last quad is filled up with keys that are there; their scores are hidden.
  for (let key = keys; key < roundUp(keys, quad); key++) {
    store<u32>(keyPointers + key * 4, load<u32>(keyPointers));
  }
  const partial = partialOf(problem, index, kvHead);
  const rowBytes: usize = partialSize(problem) * 4;
  for (let row = 0; row < count; row++) {
    decodeRow(problem, rows, row, first, keys, partial + row * rowBytes, unit);
  }
}

/** Adds what one row takes from a tile of keys to its part. */
function decodeRow(
  problem: Problem,
  rows: QueryRows,
  row: i32,
  first: i32,
  keys: i32,
  partial: usize,
  unit: Unit,
): void {
  const scores = unit.scores;
  const padded = roundUp(keys, quad);
  const query = load<usize>(rows.query + row * 4);
  for (let key = 0; key < padded; key += quad) {
    const products = dotFour(query, unit.keyPointers + key * 4, problem.keySize);
    v128.store(scores + key * 4, f32x4.mul(products, f32x4.splat(problem.scale)));
  }
  if (problem.softcap != 0 || problem.slopes != 0) {
    modifyRow(problem, rows, row, first, padded, scores);
  }
  const low = max(0, load<i32>(rows.low + row * 4) - first);
  const high = min(keys, load<i32>(rows.high + row * 4) - first);
  if (low >= high) return;
  for (let key = 0; key < low; key++) store<f32>(scores + key * 4, f32.NEGATIVE_INFINITY);
  for (let key = high; key < padded; key++) store<f32>(scores + key * 4, f32.NEGATIVE_INFINITY);
  const valueSize = roundUp(problem.valueSize, quad);
  weighRow(scores, padded, partial, valueSize);
  addValues(scores, unit.valuePointers, low, high, problem.valueSize, partial);
}

/** The products of a query with four listed keys. */
@inline
function dotFour(query: usize, pointers: usize, size: i32): v128 {
  const k0 = load<u32>(pointers) as usize;
  const k1 = load<u32>(pointers, 4) as usize;
  const k2 = load<u32>(pointers, 8) as usize;
  const k3 = load<u32>(pointers, 12) as usize;
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  const whole: usize = (size & -quad) * 4;
  let at: usize = 0;
  while (at < whole) {
    const x = v128.load(query + at);
    s0 = multiplyAdd(x, v128.load(k0 + at), s0);
    s1 = multiplyAdd(x, v128.load(k1 + at), s1);
    s2 = multiplyAdd(x, v128.load(k2 + at), s2);
    s3 = multiplyAdd(x, v128.load(k3 + at), s3);
    at += 16;
  }
  let sum = sumLanesOfFour(s0, s1, s2, s3);
  const end: usize = size * 4;
  while (at < end) {
    const x = v128.load32_splat(query + at);
    let k = v128.load32_zero(k0 + at);
    k = v128.load32_lane(k1 + at, k, 1);
    k = v128.load32_lane(k2 + at, k, 2);
    k = v128.load32_lane(k3 + at, k, 3);
    sum = multiplyAdd(x, k, sum);
    at += 4;
  }
  return sum;
}

/** Softcap and ALiBi on the scores of one row. */
function modifyRow(
  problem: Problem,
  rows: QueryRows,
  row: i32,
  first: i32,
  keys: i32,
  scores: usize,
): void {
  const cap = f32x4.splat(problem.softcap);
  const slope = f32x4.splat(problem.slopes == 0 ? 0 : load<f32>(rows.slope + row * 4));
  const position = load<i32>(rows.position + row * 4) - first;
  const lane = i32x4(0, 1, 2, 3);
  for (let key = 0; key < keys; key += quad) {
    let score = v128.load(scores + key * 4);
    if (problem.softcap != 0) {
      score = f32x4.mul(hyperbolicTangent(f32x4.div(score, cap)), cap);
    }
    const distance = i32x4.sub(i32x4.splat(position - key), lane);
    score = f32x4.sub(score, f32x4.mul(slope, f32x4.convert_i32x4_s(i32x4.abs(distance))));
    v128.store(scores + key * 4, score);
  }
}

/** Turns scores to weights, and brings a part to the new maximum. */
function weighRow(scores: usize, keys: i32, partial: usize, valueSize: i32): void {
  const state = partial + valueSize * 4;
  const old = load<f32>(state);
  let largest = f32x4.splat(old);
  const end: usize = scores + keys * 4;
  for (let at = scores; at < end; at += 16) largest = f32x4.pmax(largest, v128.load(at));
  largest = f32x4.pmax(largest, v128.shuffle<f32>(largest, largest, 2, 3, 0, 1));
  largest = f32x4.pmax(largest, v128.shuffle<f32>(largest, largest, 1, 0, 3, 2));
  const maximum = f32x4.extract_lane(largest, 0);
  const shift: f32 = maximum == f32.NEGATIVE_INFINITY ? 0 : maximum;
  const shifts = f32x4.splat(shift);
  const log2e = constant(Exponential.log2e, keys);
  const lowest = constant(Exponential.lowest, keys);
  const rounding = constant(Exponential.rounding, keys);
  const high = constant(Exponential.ln2High, keys);
  const low = constant(Exponential.ln2Low, keys);
  const c6 = constant(Exponential.c6, keys);
  const c5 = constant(Exponential.c5, keys);
  const c4 = constant(Exponential.c4, keys);
  const c3 = constant(Exponential.c3, keys);
  const c2 = constant(Exponential.c2, keys);
  const one = constant(1, keys);
  let sum = f32x4.splat(0);
  for (let at = scores; at < end; at += 16) {
    const x = f32x4.sub(v128.load(at), shifts);
    const e = exponential(x, log2e, lowest, rounding, high, low, c6, c5, c4, c3, c2, one);
    v128.store(at, e);
    sum = f32x4.add(sum, e);
  }
  let total = load<f32>(state, 4);
  if (maximum != old) {
    const decays = exponentialOf(f32x4.splat(old - shift));
    for (let column = 0; column < valueSize; column += quad) {
      v128.store(partial, f32x4.mul(v128.load(partial), decays));
      partial += 16;
    }
    total *= f32x4.extract_lane(decays, 0);
    store<f32>(state, maximum);
  }
  store<f32>(state, total + sumLanes(sum), 4);
}

/** partial[:] += Σ_key weights[key] values[key, :], 32 columns at a time. */
function addValues(
  weights: usize,
  pointers: usize,
  low: i32,
  high: i32,
  size: i32,
  partial: usize,
): void {
  let column = 0;
  for (; column + 32 <= size; column += 32) {
    const target = partial + column * 4;
    const skip: usize = column * 4;
    let s0 = v128.load(target), s1 = v128.load(target, 16);
    let s2 = v128.load(target, 32), s3 = v128.load(target, 48);
    let s4 = v128.load(target, 64), s5 = v128.load(target, 80);
    let s6 = v128.load(target, 96), s7 = v128.load(target, 112);
    for (let key = low; key < high; key++) {
      const value = (load<u32>(pointers + key * 4) as usize) + skip;
      const x = v128.load32_splat(weights + key * 4);
      s0 = multiplyAdd(x, v128.load(value), s0);
      s1 = multiplyAdd(x, v128.load(value, 16), s1);
      s2 = multiplyAdd(x, v128.load(value, 32), s2);
      s3 = multiplyAdd(x, v128.load(value, 48), s3);
      s4 = multiplyAdd(x, v128.load(value, 64), s4);
      s5 = multiplyAdd(x, v128.load(value, 80), s5);
      s6 = multiplyAdd(x, v128.load(value, 96), s6);
      s7 = multiplyAdd(x, v128.load(value, 112), s7);
    }
    v128.store(target, s0);
    v128.store(target, s1, 16);
    v128.store(target, s2, 32);
    v128.store(target, s3, 48);
    v128.store(target, s4, 64);
    v128.store(target, s5, 80);
    v128.store(target, s6, 96);
    v128.store(target, s7, 112);
  }
  for (; column + quad <= size; column += quad) {
    let sum = v128.load(partial + column * 4);
    for (let key = low; key < high; key++) {
      const value = (load<u32>(pointers + key * 4) as usize) + column * 4;
      sum = multiplyAdd(v128.load32_splat(weights + key * 4), v128.load(value), sum);
    }
    v128.store(partial + column * 4, sum);
  }
  for (; column < size; column++) {
    let sum = load<f32>(partial + column * 4);
    for (let key = low; key < high; key++) {
      const value = (load<u32>(pointers + key * 4) as usize) + column * 4;
      sum += load<f32>(weights + key * 4) * load<f32>(value);
    }
    store<f32>(partial + column * 4, sum);
  }
}

/** Combines the splits of sequences `begin` to `end`, and the sinks, which have no value. */
export function flashCombine(problem: Problem, begin: i32, end: i32): void {
  const valueSize = problem.valueSize;
  const size = roundUp(valueSize, quad);
  const rowBytes: usize = partialSize(problem) * 4;
  const group = problem.group;
  for (let batchIndex = begin; batchIndex < end; batchIndex++) {
    const sequence = sequenceAt(problem, batchIndex);
    const count = sequence.queryLength * group;
    for (let kvHead = 0; kvHead < problem.kvHeads; kvHead++) {
      for (let row = 0; row < count; row++) {
        const token = row / group;
        const head = kvHead * group + (row % group);
        const first = partialOf(problem, sequence.firstUnit, kvHead) + row * rowBytes;
        const splitBytes: usize = problem.kvHeads * problem.tileQueries * rowBytes;
        const outputRow = (sequence.outputStart + token) * problem.heads + head;
        const target = problem.output + outputRow * valueSize * 4;
        const sink =
          problem.sinks == 0 ? f32.NEGATIVE_INFINITY : load<f32>(problem.sinks + head * 4);
        const total = combineRow(first, splitBytes, problem.splits, size, valueSize, sink, target);
        const index =
          batchIndex * problem.logSumExpBatchStride +
          head * problem.logSumExpHeadStride +
          sequence.queryStart +
          token;
        store<f32>(problem.logSumExp + index * 4, total);
      }
      countStores(count * (valueSize + 1));
    }
  }
}

/** Combines the parts of one row, the first of which lies at `first`. Returns the log-sum-exp. */
function combineRow(
  first: usize,
  splitBytes: usize,
  splits: i32,
  size: i32,
  valueSize: i32,
  sink: f32,
  target: usize,
): f32 {
  let maximum = sink;
  for (let split = 0; split < splits; split++) {
    const own = load<f32>(first + split * splitBytes + size * 4);
    if (!(own <= maximum)) maximum = own;
  }
  const shift: f32 = maximum == f32.NEGATIVE_INFINITY ? 0 : maximum;
  let sum = f32x4.extract_lane(exponentialOf(f32x4.splat(sink - shift)), 0);
  for (let column = 0; column < valueSize; column++) store<f32>(target + column * 4, 0);
  for (let split = 0; split < splits; split++) {
    const part = first + split * splitBytes;
    const factor = f32x4.extract_lane(exponentialOf(f32x4.splat(load<f32>(part + size * 4) - shift)), 0);
    sum += factor * load<f32>(part + size * 4, 4);
    for (let column = 0; column < valueSize; column++) {
      const value = load<f32>(part + column * 4) * factor;
      store<f32>(target + column * 4, load<f32>(target + column * 4) + value);
    }
  }
  const scale: f32 = sum == 0 ? 0 : 1 / sum;
  for (let column = 0; column < valueSize; column++) {
    store<f32>(target + column * 4, load<f32>(target + column * 4) * scale);
  }
  return ((maximum as f64) + logarithm(sum as f64)) as f32;
}
