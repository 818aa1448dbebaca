import { dropWeights, prepareDropout, dropoutBytes } from "./dropout";
import { logarithm } from "./exponential";
import { keyRows, valueRows } from "./key-rows";
import { addRows } from "./multiply";
import { layRowStates, RowStates, rowStatesBytes, startRows, weighScores } from "./online-softmax";
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
import { clear } from "./simd";
import { countLoads, countStores } from "./traffic";

/**
 * Exact attention, forward: Dao 2023, "FlashAttention-2" (arXiv 2307.08691), algorithm 1.
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
  queries: usize;
  keys: usize;
  values: usize;
  weights: usize;
  states: usize;
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
    case 2: return rows * keySize * 4;
    case 3: return keys * keySize * 4;
    case 4: return keys * valueSize * 4;
    case 5: return keys * lanes * 4;
    case 6: return rowStatesBytes(rows, problem.valueSize);
    case 7: return (rows / lanes + 1) * panelRangeBytes;
    case 8: return queryRowsBytes(rows);
    default: return dropoutBytes;
  }
}

const buffers: i32 = 10;

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
  const padded = roundUp(count, lanes);
  describeRows(problem, sequence, batchIndex, kvHead, firstRow, count, 0, padded, rows);
  packQueries(rows.query, count, problem.keySize, tile.zeros, tile.queries);
  countLoads(count * problem.keySize);
  panelRanges(rows, count, tile.ranges);
  const states = layRowStates(tile.states, problem.tileQueries);
  startRows(problem, rows, padded, problem.sinks != 0, states);

  const panels = padded / lanes;
  const whole = changetype<PanelRange>(tile.ranges + panels * panelRangeBytes);
  const step = problem.tileKeys;
  for (let first = whole.anyLow - (whole.anyLow % step); first < whole.anyHigh; first += step) {
    const keys = min(step, sequence.keyLength - first);
    loadKeys(problem, sequence, batchIndex, kvHead, first, keys, tile);
    for (let panel = 0; panel < panels; panel++) {
      attendPanel(problem, sequence, batchIndex, rows, panel, first, keys, states, tile);
    }
  }
  storeRows(problem, sequence, batchIndex, rows, count, states);
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
  keyRows(problem, sequence, batchIndex, kvHead, first, keys, tile.pointers);
  packQuads(tile.pointers, keys, problem.keySize, tile.zeros, tile.keys);
  valueRows(problem, sequence, batchIndex, kvHead, first, keys, tile.pointers);
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
  states: RowStates,
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
  weighScores(weights, used, firstLane, valueSize, states);
  if (problem.dropoutKeys != 0) {
    prepareDropout(problem, batchIndex, rows, firstLane, tile.rounds);
    dropWeights(problem, rows, firstLane, begin, used, tile.rounds, weights);
  }
  const output = states.output + firstLane * valueSize * 4;
  addRows(weights, tile.values + skipped * lanes * 4, used, problem.tileKeys, output, valueSize);
}

/** Divides by the sums. A row that saw nothing gives zeros, and -infinity. */
function storeRows(
  problem: Problem,
  sequence: Sequence,
  batchIndex: i32,
  rows: QueryRows,
  count: i32,
  states: RowStates,
): void {
  const valueSize = problem.valueSize;
  const rowBytes: usize = roundUp(valueSize, lanes) * 4;
  for (let lane = 0; lane < count; lane++) {
    const token = load<i32>(rows.token + lane * 4);
    const head = load<i32>(rows.head + lane * 4);
    const sum = load<f32>(states.sum + lane * 4);
    const row = (sequence.outputStart + token) * problem.heads + head;
    const target = problem.output + row * valueSize * 4;
    const source = states.output + lane * rowBytes;
    const factor: f32 = sum == 0 ? 0 : 1 / sum;
    let column = 0;
    for (; column + quad <= valueSize; column += quad) {
      const value = f32x4.mul(v128.load(source + column * 4), f32x4.splat(factor));
      v128.store(target + column * 4, value);
    }
    for (; column < valueSize; column++) {
      store<f32>(target + column * 4, load<f32>(source + column * 4) * factor);
    }
    const total = (load<f32>(states.maximum + lane * 4) as f64) + logarithm(sum as f64);
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
