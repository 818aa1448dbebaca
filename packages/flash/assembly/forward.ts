import { dropWeights, prepareDropout, dropoutBytes } from "./dropout";
import {
  Exponential,
  exponentialOf,
  logarithm,
  QuickExponential,
  quickExponential,
} from "./exponential";
import { keyRows, valueRows } from "./key-rows";
import { addRows } from "./multiply";
import { lanes, packPanels, packQuads, quad } from "./pack";
import { Problem, roundUp, Sequence, sequenceAt, sequenceOfUnit } from "./problem";
import {
  describeRows,
  layQueryRows,
  packQueries,
  PanelRange,
  panelRangeBytes,
  panelRanges,
  QueryRows,
  queryRowsBytes,
} from "./query-rows";
import { hasModifiers, hideScores, isPartial, modifyScores, scorePanel } from "./scores";
import { clear, constant } from "./simd";
import { countLoads, countStores } from "./traffic";

/**
 * Exact attention, forward: Dao 2023, "FlashAttention-2" (arXiv 2307.08691), algorithm 1, with the
 * online softmax of Milakov & Gimelshein 2018 (arXiv 1805.02867).
 *
 * A unit of work is one tile of query rows. It goes over the tiles of keys that any of its rows
 * sees; for each it turns the scores of eight queries at a time to weights and adds their share of
 * the values.
 */

/** Where the buffers of one tile lie. */
@unmanaged
class Tile {
  zeros: usize;
  pointers: usize;
  unpacked: usize;
  queries: usize;
  keys: usize;
  values: usize;
  weights: usize;
  output: usize;
  maximum: usize;
  sum: usize;
  ranges: usize;
  rows: usize;
  rounds: usize;
}

/** Bytes of the record itself. */
const tileBytes: i32 = 64;

/** Bytes of each buffer, in the order of `Tile`. */
function bufferBytes(problem: Problem, buffer: i32): i32 {
  const rows = problem.tileQueries;
  const keys = problem.tileKeys;
  const keySize = problem.keySize;
  const valueSize = roundUp(problem.valueSize, lanes);
  switch (buffer) {
    case 0: return max(keySize, valueSize) * 4;
    case 1: return keys * 4;
    case 2: return problem.storage == 0 ? 0 : keys * max(problem.keySize, problem.valueSize) * 4;
    case 3: return rows * keySize * 4;
    case 4: return keys * keySize * 4;
    case 5: return keys * valueSize * 4;
    case 6: return keys * lanes * 4;
    case 7: return rows * valueSize * 4;
    case 8: return rows * 4;
    case 9: return rows * 4;
    case 10: return (rows / lanes + 1) * panelRangeBytes;
    case 11: return queryRowsBytes(rows);
    default: return dropoutBytes;
  }
}

const buffers: i32 = 13;

/** Bytes of scratch that one call of `flashForward` needs. */
export function flashForwardScratchBytes(problem: Problem): i32 {
  let bytes = tileBytes;
  for (let buffer = 0; buffer < buffers; buffer++) {
    bytes += roundUp(bufferBytes(problem, buffer), 64);
  }
  return bytes;
}

function layTile(problem: Problem, scratch: usize): Tile {
  let at = scratch + tileBytes;
  for (let buffer = 0; buffer < buffers; buffer++) {
    store<usize>(scratch + buffer * 4, at);
    at += roundUp(bufferBytes(problem, buffer), 64);
  }
  const tile = changetype<Tile>(scratch);
  clear(tile.zeros, bufferBytes(problem, 0));
  return tile;
}

/**
 * Attends for units `begin` to `end`: tiles of query rows, counted over sequences, key/value heads
 * and tokens. Calls for different units may run at once, each with scratch of its own.
 */
export function flashForward(problem: Problem, begin: i32, end: i32, scratch: usize): void {
  const tile = layTile(problem, scratch);
  let batchIndex = 0;
  for (let unit = begin; unit < end; unit++) {
    batchIndex = sequenceOfUnit(problem, unit, batchIndex);
    const sequence = sequenceAt(problem, batchIndex);
    const rows = sequence.queryLength * problem.group;
    const tiles = (rows + problem.tileQueries - 1) / problem.tileQueries;
    const kvHead = (unit - sequence.firstUnit) / tiles;
    const firstRow = ((unit - sequence.firstUnit) % tiles) * problem.tileQueries;
    const count = min(problem.tileQueries, rows - firstRow);
    attendTile(problem, sequence, batchIndex, kvHead, firstRow, count, tile);
  }
}

function attendTile(
  problem: Problem,
  sequence: Sequence,
  batchIndex: i32,
  kvHead: i32,
  firstRow: i32,
  count: i32,
  tile: Tile,
): void {
  const rows = layQueryRows(tile.rows, problem.tileQueries);
  describeRows(problem, sequence, batchIndex, kvHead, firstRow, count, rows);
  packQueries(rows.query, count, problem.keySize, tile.zeros, tile.queries);
  countLoads(count * problem.keySize);
  panelRanges(rows, count, tile.ranges);
  startRows(problem, rows, count, tile);

  const panels = roundUp(count, lanes) / lanes;
  const whole = changetype<PanelRange>(tile.ranges + panels * panelRangeBytes);
  const step = problem.tileKeys;
  for (let first = whole.anyLow - (whole.anyLow % step); first < whole.anyHigh; first += step) {
    const keys = min(step, sequence.keyLength - first);
    loadKeys(problem, sequence, batchIndex, kvHead, first, keys, tile);
    for (let panel = 0; panel < panels; panel++) {
      attendPanel(problem, sequence, batchIndex, rows, panel, first, keys, tile);
    }
  }
  storeRows(problem, sequence, batchIndex, rows, count, tile);
}

/** The state before the first key: nothing, or the sink, which has a score but no value. */
function startRows(problem: Problem, rows: QueryRows, count: i32, tile: Tile): void {
  const padded = roundUp(count, lanes);
  clear(tile.output, padded * roundUp(problem.valueSize, lanes) * 4);
  for (let lane = 0; lane < padded; lane++) {
    let maximum: f32 = f32.NEGATIVE_INFINITY;
    if (problem.sinks != 0) maximum = load<f32>(problem.sinks + load<i32>(rows.head + lane * 4) * 4);
    store<f32>(tile.maximum + lane * 4, maximum);
    store<f32>(tile.sum + lane * 4, maximum == f32.NEGATIVE_INFINITY ? 0 : 1);
  }
}

function loadKeys(
  problem: Problem,
  sequence: Sequence,
  batchIndex: i32,
  kvHead: i32,
  first: i32,
  keys: i32,
  tile: Tile,
): void {
  keyRows(problem, sequence, batchIndex, kvHead, first, keys, tile.pointers, tile.unpacked);
  packQuads(tile.pointers, keys, problem.keySize, tile.zeros, tile.keys);
  valueRows(problem, sequence, batchIndex, kvHead, first, keys, tile.pointers, tile.unpacked);
  packPanels(tile.pointers, keys, problem.valueSize, problem.tileKeys, tile.values);
  countLoads(keys * (problem.keySize + problem.valueSize));
}

/** Adds what eight queries take from one tile of keys. */
function attendPanel(
  problem: Problem,
  sequence: Sequence,
  batchIndex: i32,
  rows: QueryRows,
  panel: i32,
  first: i32,
  keys: i32,
  tile: Tile,
): void {
  const range = changetype<PanelRange>(tile.ranges + panel * panelRangeBytes);
  if (range.anyLow >= first + keys || range.anyHigh <= first) return;
  const firstLane = panel * lanes;
  // Only the part of the tile that some lane sees, in whole quads.
  const skipped = max(0, range.anyLow - first) & -quad;
  const used = roundUp(min(keys, range.anyHigh - first) - skipped, quad);
  const begin = first + skipped;
  const size = problem.keySize;
  const weights = tile.weights;
  scorePanel(
    tile.keys + skipped * size * 4,
    tile.queries + firstLane * size * 4,
    size,
    used,
    problem.scale,
    weights,
  );
  if (hasModifiers(problem)) {
    modifyScores(problem, rows, firstLane, begin, used, sequence.keyLength, weights, 0);
  }
  if (isPartial(range, begin, used)) {
    hideScores(rows, firstLane, begin, used, f32.NEGATIVE_INFINITY, weights);
  }
  const valueSize = roundUp(problem.valueSize, lanes);
  const output = tile.output + firstLane * valueSize * 4;
  weigh(weights, used, tile.maximum + firstLane * 4, tile.sum + firstLane * 4, output, valueSize);
  if (problem.dropoutKeys != 0) {
    prepareDropout(problem, batchIndex, rows, firstLane, tile.rounds);
    dropWeights(problem, rows, firstLane, begin, used, tile.rounds, weights);
  }
  addRows(weights, tile.values + skipped * lanes * 4, used, problem.tileKeys, output, valueSize);
}

/**
 * Turns scores to weights e^(score - maximum), and brings sum and output to the new maximum.
 * A row that has seen nothing yet has the maximum -infinity, and is shifted by 0 instead.
 */
function weigh(
  weights: usize,
  keys: i32,
  maximum: usize,
  sum: usize,
  output: usize,
  valueSize: i32,
): void {
  const old0 = v128.load(maximum);
  const old1 = v128.load(maximum, 16);
  let new0 = old0;
  let new1 = old1;
  const end: usize = weights + keys * 32;
  for (let at = weights; at < end; at += 32) {
    new0 = f32x4.pmax(new0, v128.load(at));
    new1 = f32x4.pmax(new1, v128.load(at, 16));
  }
  const nothing = f32x4.splat(f32.NEGATIVE_INFINITY);
  const shift0 = v128.andnot(new0, f32x4.eq(new0, nothing));
  const shift1 = v128.andnot(new1, f32x4.eq(new1, nothing));

  const sum0 = weighLanes(weights, end, shift0, keys);
  const sum1 = weighLanes(weights + quad * 4, end, shift1, keys);

  const changed = v128.or(f32x4.ne(old0, new0), f32x4.ne(old1, new1));
  if (v128.any_true(changed)) {
    const decay0 = exponentialOf(f32x4.sub(old0, shift0));
    const decay1 = exponentialOf(f32x4.sub(old1, shift1));
    v128.store(sum, f32x4.mul(v128.load(sum), decay0));
    v128.store(sum, f32x4.mul(v128.load(sum, 16), decay1), 16);
    // The maxima's place serves as a buffer to take the lanes apart.
    v128.store(maximum, decay0);
    v128.store(maximum, decay1, 16);
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
 * Weights of four lanes, and their sums. One vector at a time: with both halves of a panel in one
 * loop the constants would not all fit the registers, at a cost of 5 % of the whole pass.
 *
 * @param size - Any number that is never negative, see `constant`.
 */
@inline
function weighLanes(weights: usize, end: usize, shift: v128, size: i32): v128 {
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
  for (let at = weights; at < end; at += lanes * 4) {
    const x = f32x4.sub(v128.load(at), shift);
    const e = quickExponential(x, log2e, lowest, rounding, c6, c5, c4, c3, c2, c1, one);
    v128.store(at, e);
    sum = f32x4.add(sum, e);
  }
  return sum;
}

/** Divides by the sums. A row that saw nothing gives zeros, and -infinity. */
function storeRows(
  problem: Problem,
  sequence: Sequence,
  batchIndex: i32,
  rows: QueryRows,
  count: i32,
  tile: Tile,
): void {
  const valueSize = problem.valueSize;
  const rowBytes: usize = roundUp(valueSize, lanes) * 4;
  for (let lane = 0; lane < count; lane++) {
    const token = load<i32>(rows.token + lane * 4);
    const head = load<i32>(rows.head + lane * 4);
    const sum = load<f32>(tile.sum + lane * 4);
    const row = (sequence.outputStart + token) * problem.heads + head;
    const target = problem.output + row * valueSize * 4;
    const source = tile.output + lane * rowBytes;
    const factor: f32 = sum == 0 ? 0 : 1 / sum;
    let column = 0;
    for (; column + quad <= valueSize; column += quad) {
      const value = f32x4.mul(v128.load(source + column * 4), f32x4.splat(factor));
      v128.store(target + column * 4, value);
    }
    for (; column < valueSize; column++) {
      store<f32>(target + column * 4, load<f32>(source + column * 4) * factor);
    }
    const total = (load<f32>(tile.maximum + lane * 4) as f64) + logarithm(sum as f64);
    store<f32>(
      problem.logSumExp +
        (batchIndex * problem.logSumExpBatchStride +
          head * problem.logSumExpHeadStride +
          sequence.queryStart +
          token) *
          4,
      total as f32,
    );
  }
  countStores(count * (valueSize + 1));
}
