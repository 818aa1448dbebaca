import { dropWeights, dropoutBytes, prepareDropout } from "./dropout";
import { exponential, Exponential, exponentialOf } from "./exponential";
import { keyRows, valueRows } from "./key-rows";
import { addLanes, addRows } from "./multiply";
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
import { clear, constant, multiplyAdd } from "./simd";
import { countLoads, countStores } from "./traffic";

/**
 * Exact attention, backward: Dao 2023, "FlashAttention-2" (arXiv 2307.08691), algorithm 2. Weights
 * are computed again from the log-sum-exp.
 *
 * With P the weights, Z the dropout, D = rowsum(dO ∘ O) - dLSE and dP = (dO Vᵀ) ∘ Z:
 * dS = P ∘ (dP - D), dV = (P ∘ Z)ᵀ dO, dQ = scale dS K, dK = scale dSᵀ Q.
 *
 * A unit of work is one key/value head of a sequence. Tiles of keys are the outer loop, and gather
 * their own gradients; those of the queries grow in a buffer that holds the whole unit, in which the
 * queries lie ready in both layouts.
 */

/** Where the buffers of a unit lie. */
@unmanaged
class Unit {
  zeros: usize;
  pointers: usize;
  ranges: usize;
  rows: usize;
  rounds: usize;
  /** Of all query rows: `[rows / 8][D][8]`, `[D / 8][rows][8]`, and the same of dO. */
  queryLanes: usize;
  queryPanels: usize;
  gradientLanes: usize;
  gradientPanels: usize;
  logSumExp: usize;
  delta: usize;
  /** Gradient of the query rows, `[rows][D]`. */
  queryGradient: usize;
  gradientRows: usize;
  /** Of a tile of keys. */
  keyQuads: usize;
  keyPanels: usize;
  valueQuads: usize;
  keyGradient: usize;
  valueGradient: usize;
  /** Of a tile of queries with a tile of keys: `[panels][keys][8]`. */
  weights: usize;
  scoreGradients: usize;
  /** Of a panel. */
  bends: usize;
}

const buffers: i32 = 21;
const unitBytes: i32 = 128;

/** The most query rows of a unit, in whole panels. */
function unitRows(problem: Problem): i32 {
  let longest = 0;
  for (let index = 0; index < problem.batch; index++) {
    longest = max(longest, sequenceAt(problem, index).queryLength);
  }
  return roundUp(longest * problem.group, lanes);
}

/** Bytes of each buffer, in the order of `Unit`. */
function bufferBytes(problem: Problem, rows: i32, buffer: i32): i32 {
  const keys = problem.tileKeys;
  const keySize = problem.keySize;
  const valueSize = problem.valueSize;
  const paddedKeySize = roundUp(keySize, lanes);
  const paddedValueSize = roundUp(valueSize, lanes);
  switch (buffer) {
    case 0: return max(paddedKeySize, paddedValueSize) * 4;
    case 1: return max(keys, rows) * 4;
    case 2: return (rows / lanes + 1) * panelRangeBytes;
    case 3: return queryRowsBytes(rows);
    case 4: return dropoutBytes;
    case 5: return rows * keySize * 4;
    case 6: return rows * paddedKeySize * 4;
    case 7: return rows * valueSize * 4;
    case 8: return rows * paddedValueSize * 4;
    case 9: return rows * 4;
    case 10: return rows * 4;
    case 11: return rows * paddedKeySize * 4;
    case 12: return rows * 4;
    case 13: return keys * keySize * 4;
    case 14: return keys * paddedKeySize * 4;
    case 15: return keys * valueSize * 4;
    case 16: return keys * paddedKeySize * 4;
    case 17: return keys * paddedValueSize * 4;
    case 18: return problem.tileQueries * keys * 4;
    case 19: return problem.tileQueries * keys * 4;
    default: return keys * lanes * 4;
  }
}

/** Bytes of scratch that one call of `flashBackward` needs. */
export function flashBackwardScratchBytes(problem: Problem): i32 {
  const rows = unitRows(problem);
  let bytes = unitBytes;
  for (let buffer = 0; buffer < buffers; buffer++) {
    bytes += roundUp(bufferBytes(problem, rows, buffer), 64);
  }
  return bytes;
}

/** Fills a result that units add to with zeros. */
export function flashClear(target: usize, bytes: i32): void {
  clear(target, bytes);
}

/**
 * Computes the gradients for units `begin` to `end`: key/value heads, counted over sequences. Calls
 * for different units may run at once, each with scratch of its own, unless they add to a common
 * gradient: that of the sinks, or of a bias that repeats.
 */
export function flashBackward(problem: Problem, begin: i32, end: i32, scratch: usize): void {
  const rows = unitRows(problem);
  let at = scratch + unitBytes;
  for (let buffer = 0; buffer < buffers; buffer++) {
    store<usize>(scratch + buffer * 4, at);
    at += roundUp(bufferBytes(problem, rows, buffer), 64);
  }
  const unit = changetype<Unit>(scratch);
  clear(unit.zeros, bufferBytes(problem, rows, 0));
  let batchIndex = 0;
  for (let index = begin; index < end; index++) {
    batchIndex = sequenceOfUnit(problem, index, batchIndex);
    const sequence = sequenceAt(problem, batchIndex);
    backwardUnit(problem, sequence, batchIndex, index - sequence.firstUnit, rows, unit);
  }
}

function backwardUnit(
  problem: Problem,
  sequence: Sequence,
  batchIndex: i32,
  kvHead: i32,
  totalRows: i32,
  unit: Unit,
): void {
  const count = sequence.queryLength * problem.group;
  const rows = layQueryRows(unit.rows, totalRows);
  describeRows(problem, sequence, batchIndex, kvHead, 0, count, 0, roundUp(count, lanes), rows);
  panelRanges(rows, count, unit.ranges);
  prepareRows(problem, sequence, batchIndex, kvHead, rows, count, totalRows, unit);

  const keySize = roundUp(problem.keySize, lanes);
  const valueSize = roundUp(problem.valueSize, lanes);
  const step = problem.tileKeys;
  for (let first = 0; first < sequence.keyLength; first += step) {
    const keys = min(step, sequence.keyLength - first);
    keyRows(problem, sequence, batchIndex, kvHead, first, keys, unit.pointers);
    packQuads(unit.pointers, keys, problem.keySize, unit.zeros, unit.keyQuads);
    packPanels(unit.pointers, keys, problem.keySize, step, unit.keyPanels);
    valueRows(problem, sequence, batchIndex, kvHead, first, keys, unit.pointers);
    packQuads(unit.pointers, keys, problem.valueSize, unit.zeros, unit.valueQuads);
    countLoads(keys * (problem.keySize + problem.valueSize));
    clear(unit.keyGradient, step * keySize * 4);
    clear(unit.valueGradient, step * valueSize * 4);
    for (let row = 0; row < count; row += problem.tileQueries) {
      const tileRows = min(problem.tileQueries, count - row);
      backwardTile(problem, sequence, batchIndex, rows, row, tileRows, first, keys, totalRows, unit);
    }
    const keyRow = (sequence.keyRow + first) * problem.kvHeads + kvHead;
    storeGradient(problem, unit.keyGradient, keys, problem.keySize, problem.keyGradient, keyRow);
    const target = problem.valueGradient;
    storeGradient(problem, unit.valueGradient, keys, problem.valueSize, target, keyRow);
  }
  storeQueryGradient(problem, sequence, rows, count, unit);
}

/** Lays out queries and output gradients, and finds each row's log-sum-exp and delta. */
function prepareRows(
  problem: Problem,
  sequence: Sequence,
  batchIndex: i32,
  kvHead: i32,
  rows: QueryRows,
  count: i32,
  totalRows: i32,
  unit: Unit,
): void {
  const keySize = problem.keySize;
  const valueSize = problem.valueSize;
  for (let lane = 0; lane < roundUp(count, lanes); lane++) {
    if (lane >= count) {
      store<f32>(unit.logSumExp + lane * 4, f32.POSITIVE_INFINITY);
      store<f32>(unit.delta + lane * 4, 0);
      continue;
    }
    const head = load<i32>(rows.head + lane * 4);
    const token = load<i32>(rows.token + lane * 4);
    const row = (sequence.outputStart + token) * problem.heads + head;
    const gradient = problem.outputGradient + row * valueSize * 4;
    const index =
      batchIndex * problem.logSumExpBatchStride +
      head * problem.logSumExpHeadStride +
      sequence.queryStart +
      token;
    let total = load<f32>(problem.logSumExp + index * 4);
    let delta = dot(gradient, problem.output + row * valueSize * 4, valueSize);
    if (problem.logSumExpGradient != 0) delta -= load<f32>(problem.logSumExpGradient + index * 4);
    // A row without keys has no weights: against +infinity they all come out as 0.
    if (total == f32.NEGATIVE_INFINITY) total = f32.POSITIVE_INFINITY;
    store<usize>(unit.gradientRows + lane * 4, gradient);
    store<f32>(unit.logSumExp + lane * 4, total);
    store<f32>(unit.delta + lane * 4, delta);
  }
  if (problem.sinkGradient != 0) addSinkGradients(problem, kvHead, count, unit);
  packQueries(rows.query, count, keySize, unit.zeros, unit.queryLanes);
  packPanels(rows.query, count, keySize, totalRows, unit.queryPanels);
  packQueries(unit.gradientRows, count, valueSize, unit.zeros, unit.gradientLanes);
  packPanels(unit.gradientRows, count, valueSize, totalRows, unit.gradientPanels);
  clear(unit.queryGradient, totalRows * roundUp(keySize, lanes) * 4);
  // Queries, output, its gradient, the log-sum-exp, and its gradient where there is one.
  const scalars = problem.logSumExpGradient == 0 ? 1 : 2;
  countLoads(count * (keySize + 2 * valueSize + scalars));
  // Laid out they are as large as before, and the gradient of the queries begins as zeros.
  countStores(count * (2 * keySize + valueSize + 2));
}

/** -Σ e^(sink - logSumExp) D over the rows of each head of the unit. */
function addSinkGradients(problem: Problem, kvHead: i32, count: i32, unit: Unit): void {
  const group = problem.group;
  for (let member = 0; member < group; member++) {
    const head = kvHead * group + member;
    const sink = load<f32>(problem.sinks + head * 4);
    let sum: f64 = 0;
    for (let lane = member; lane < count; lane += group) {
      const weight = exponentialOfNumber(sink - load<f32>(unit.logSumExp + lane * 4));
      sum += (weight * load<f32>(unit.delta + lane * 4)) as f64;
    }
    const target = problem.sinkGradient + head * 4;
    store<f32>(target, load<f32>(target) - (sum as f32));
  }
}

/** e^x for a single x. */
function exponentialOfNumber(x: f32): f32 {
  return f32x4.extract_lane(exponentialOf(f32x4.splat(x)), 0);
}

/**
 * Summed in the order of `multiply`, so that dP - D of a row with one key is 0 and not a rounding.
 */
function dot(a: usize, b: usize, size: i32): f32 {
  let sum = f32x4.splat(0);
  for (let i = 0; i < size; i++) {
    sum = multiplyAdd(v128.load32_zero(a + i * 4), v128.load32_zero(b + i * 4), sum);
  }
  return f32x4.extract_lane(sum, 0);
}

/** What one tile of query rows and one tile of keys add to each other's gradients. */
function backwardTile(
  problem: Problem,
  sequence: Sequence,
  batchIndex: i32,
  rows: QueryRows,
  firstRow: i32,
  count: i32,
  first: i32,
  keys: i32,
  totalRows: i32,
  unit: Unit,
): void {
  const panels = roundUp(count, lanes) / lanes;
  const panelBytes: usize = problem.tileKeys * lanes * 4;
  let begin = panels;
  let end = 0;
  for (let panel = 0; panel < panels; panel++) {
    const lane = firstRow + panel * lanes;
    const range = changetype<PanelRange>(unit.ranges + (lane / lanes) * panelRangeBytes);
    const weights = unit.weights + panel * panelBytes;
    const scores = unit.scoreGradients + panel * panelBytes;
    if (range.anyLow >= first + keys || range.anyHigh <= first) {
      clear(weights, panelBytes);
      clear(scores, panelBytes);
      continue;
    }
    begin = min(begin, panel);
    end = panel + 1;
    backwardPanel(problem, sequence, batchIndex, rows, lane, range, first, keys, weights, scores, unit);
    const own = min(lanes, firstRow + count - lane);
    countLoads(own * (2 * problem.keySize + problem.valueSize + 2));
    countStores(own * problem.keySize);
  }
  if (begin >= end) return;
  const used = roundUp(keys, quad);
  const skipped = begin * panelBytes;
  const row: usize = (firstRow + begin * lanes) * lanes * 4;
  addLanes(
    unit.weights + skipped,
    panelBytes,
    end - begin,
    used,
    unit.gradientPanels + row,
    totalRows,
    unit.valueGradient,
    roundUp(problem.valueSize, lanes),
  );
  addLanes(
    unit.scoreGradients + skipped,
    panelBytes,
    end - begin,
    used,
    unit.queryPanels + row,
    totalRows,
    unit.keyGradient,
    roundUp(problem.keySize, lanes),
  );
}

/** Weights and score gradients of eight query rows, and their own gradient, which is read and written. */
function backwardPanel(
  problem: Problem,
  sequence: Sequence,
  batchIndex: i32,
  rows: QueryRows,
  lane: i32,
  range: PanelRange,
  first: i32,
  keys: i32,
  weights: usize,
  scores: usize,
  unit: Unit,
): void {
  // Only the part of the tile that some lane sees, in whole quads; the rest is 0.
  const skipped = max(0, range.anyLow - first) & -quad;
  const used = roundUp(min(keys, range.anyHigh - first) - skipped, quad);
  const begin = first + skipped;
  const all = roundUp(keys, quad);
  clearOutside(weights, skipped, used, all);
  clearOutside(scores, skipped, used, all);
  const own = weights + skipped * lanes * 4;
  const ownScores = scores + skipped * lanes * 4;
  const keySize = problem.keySize;
  const valueSize = problem.valueSize;
  const queryPanel = unit.queryLanes + lane * keySize * 4;
  const keyQuads = unit.keyQuads + skipped * keySize * 4;
  scorePanel(keyQuads, queryPanel, keySize, used, problem.scale, own);
  if (hasModifiers(problem)) {
    modifyScores(problem, rows, lane, begin, used, sequence.keyLength, own, unit.bends);
  }
  if (isPartial(range, begin, used)) {
    hideScores(rows, lane, begin, used, f32.NEGATIVE_INFINITY, own);
  }
  const gradientPanel = unit.gradientLanes + lane * valueSize * 4;
  scorePanel(unit.valueQuads + skipped * valueSize * 4, gradientPanel, valueSize, used, 1, ownScores);
  if (problem.dropoutKeys != 0) {
    prepareDropout(problem, batchIndex, rows, lane, unit.rounds);
    dropWeights(problem, rows, lane, begin, used, unit.rounds, ownScores);
  }
  // The gradient of the bias comes before softcap and scale; without either, the scale goes along.
  const isBent = problem.biasGradient != 0 || problem.softcap != 0;
  const scale: f32 = isBent ? 1 : problem.scale;
  differentiate(own, ownScores, used, unit.logSumExp + lane * 4, unit.delta + lane * 4, scale);
  if (problem.dropoutKeys != 0) {
    dropWeights(problem, rows, lane, begin, used, unit.rounds, own);
  }
  if (problem.biasGradient != 0) addBiasGradient(problem, sequence, rows, lane, begin, used, ownScores);
  if (isBent) {
    bendScores(ownScores, problem.softcap == 0 ? 0 : unit.bends, used, problem.scale);
  }
  const paddedKeySize = roundUp(keySize, lanes);
  addRows(
    ownScores,
    unit.keyPanels + skipped * lanes * 4,
    used,
    problem.tileKeys,
    unit.queryGradient + lane * paddedKeySize * 4,
    paddedKeySize,
  );
}

function clearOutside(cells: usize, skipped: i32, used: i32, all: i32): void {
  clear(cells, skipped * lanes * 4);
  const end = skipped + used;
  clear(cells + end * lanes * 4, (all - end) * lanes * 4);
}

/** Scores to weights P, and dP to scale · P ∘ (dP - D). */
function differentiate(
  weights: usize,
  scores: usize,
  keys: i32,
  logSumExp: usize,
  delta: usize,
  scale: f32,
): void {
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
  const factor = f32x4.splat(scale);
  for (let half = 0; half < lanes; half += quad) {
    const total = v128.load(logSumExp + half * 4);
    const shift = v128.load(delta + half * 4);
    let at = weights + half * 4;
    let scoreAt = scores + half * 4;
    const end = at + keys * lanes * 4;
    while (at < end) {
      const x = f32x4.sub(v128.load(at), total);
      const p = exponential(x, log2e, lowest, rounding, high, low, c6, c5, c4, c3, c2, one);
      v128.store(at, p);
      const gradient = f32x4.mul(f32x4.sub(v128.load(scoreAt), shift), p);
      v128.store(scoreAt, f32x4.mul(gradient, factor));
      at += lanes * 4;
      scoreAt += lanes * 4;
    }
  }
}

/** Multiplies score gradients by the softcap's derivative and the scale. */
function bendScores(scores: usize, bends: usize, keys: i32, scale: f32): void {
  const factor = f32x4.splat(scale);
  const end: usize = keys * lanes * 4;
  for (let at: usize = 0; at < end; at += 16) {
    let gradient = f32x4.mul(v128.load(scores + at), factor);
    if (bends != 0) gradient = f32x4.mul(gradient, v128.load(bends + at));
    v128.store(scores + at, gradient);
  }
}

function addBiasGradient(
  problem: Problem,
  sequence: Sequence,
  rows: QueryRows,
  lane: i32,
  first: i32,
  keys: i32,
  scores: usize,
): void {
  const seen = min(keys, sequence.keyLength - first);
  for (let offset = 0; offset < lanes; offset++) {
    const at = (lane + offset) * 4;
    // A lane beyond the last row has an empty range.
    if (load<i32>(rows.high + at) <= load<i32>(rows.low + at)) continue;
    const row = load<usize>(rows.biasGradient + at);
    for (let key = 0; key < seen; key++) {
      const target = row + (first + key) * problem.biasKeyStride * 4;
      const gradient = load<f32>(scores + key * lanes * 4 + offset * 4);
      store<f32>(target, load<f32>(target) + gradient);
    }
  }
}

/** Writes the gradient of a tile of keys or values; `row` is that of its first key. */
function storeGradient(
  problem: Problem,
  source: usize,
  keys: i32,
  size: i32,
  target: usize,
  row: i32,
): void {
  const sourceBytes: usize = roundUp(size, lanes) * 4;
  for (let key = 0; key < keys; key++) {
    const rowBytes: usize = size * 4;
    memory.copy(
      target + (row + key * problem.kvHeads) * rowBytes,
      source + key * sourceBytes,
      rowBytes,
    );
  }
  countStores(keys * size);
}

function storeQueryGradient(
  problem: Problem,
  sequence: Sequence,
  rows: QueryRows,
  count: i32,
  unit: Unit,
): void {
  const rowBytes: usize = problem.keySize * 4;
  const sourceBytes: usize = roundUp(problem.keySize, lanes) * 4;
  for (let lane = 0; lane < count; lane++) {
    const token = load<i32>(rows.token + lane * 4);
    const head = load<i32>(rows.head + lane * 4);
    const row = (sequence.outputStart + token) * problem.heads + head;
    memory.copy(problem.queryGradient + row * rowBytes, unit.queryGradient + lane * sourceBytes, rowBytes);
  }
  countLoads(count * problem.keySize);
  countStores(count * problem.keySize);
}
