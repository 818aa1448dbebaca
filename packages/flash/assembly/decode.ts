import { fetchPages, keyRows, rowsOfHead, valueRows } from "./key-rows";
import { addListed, addListedToTwo, keysAtOnce, scoreListed, scoreListedOfOne } from "./listed-rows";
import { layRowStates, RowStates, rowStatesBytes, startRows, weighScores } from "./online-softmax";
import { lanes, quad } from "./pack";
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
import { hasModifiers, hideScores, isPartial, modifyScores } from "./scores";
import { clear } from "./simd";
import { countLoads } from "./traffic";
import { Storage } from "./unpack";

/**
 * Attention of few queries over many keys, which are read where they lie. The keys are split among
 * units of work, whose parts `combine.ts` puts together (Dao et al. 2023, "Flash-Decoding").
 *
 * A unit of work is one split of a sequence, with all its heads: a few tokens are visited by one head
 * after the other, so that a block of a paged cache, which holds all heads, is read from one end to
 * the other. There are `tileQueries` lanes for the rows of each key/value head, one or a multiple of
 * four, and what they gather is the unit's part: a `RowStates` in `problem.partials`.
 */

/** Where the buffers of a unit lie. */
@unmanaged
class Unit {
  zeros: usize;
  /** Addresses of the first head's keys and values, of the tile at hand and of the next one. */
  lists: usize;
  /** Addresses of a few tokens' rows of one head. */
  pointers: usize;
  unpacked: usize;
  queries: usize;
  /** `[panels][keys][8]`. */
  weights: usize;
  ranges: usize;
  rows: usize;
  /** See `fetchPages`. */
  fetched: usize;
}

const buffers: i32 = 9;
const unitBytes: i32 = 64;

/** Lanes of a unit, in whole panels. */
@inline
function unitLanes(problem: Problem): i32 {
  return roundUp(problem.kvHeads * problem.tileQueries, lanes);
}

/** The keys of a tile, filled up. */
@inline
function listedKeys(problem: Problem): i32 {
  return roundUp(problem.tileKeys, keysAtOnce);
}

/** Bytes of each buffer, in the order of `Unit`. */
function bufferBytes(problem: Problem, buffer: i32): i32 {
  const rows = unitLanes(problem);
  const keys = listedKeys(problem);
  const size = max(problem.keySize, problem.valueSize);
  switch (buffer) {
    case 0: return problem.keySize * 4;
    case 1: return 4 * keys * 4;
    case 2: return keysAtOnce * 4;
    case 3: return problem.storage == Storage.Float32 ? 0 : keysAtOnce * size * 4;
    case 4: return rows * problem.keySize * 4;
    case 5: return rows * keys * 4;
    case 6: return (rows / lanes + 1) * panelRangeBytes;
    case 7: return queryRowsBytes(rows);
    default: return 4;
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

/** Bytes of a unit's part. */
export function flashDecodePartBytes(kvHeads: i32, tileQueries: i32, valueSize: i32): i32 {
  return rowStatesBytes(roundUp(kvHeads * tileQueries, lanes), valueSize);
}

/** The part of a unit. */
export function partOf(problem: Problem, unit: i32): RowStates {
  const rows = unitLanes(problem);
  return layRowStates(problem.partials + unit * rowStatesBytes(rows, problem.valueSize), rows);
}

/** Attends for units `begin` to `end`; calls may run at once, each with scratch of its own. */
export function flashDecode(problem: Problem, begin: i32, end: i32, scratch: usize): void {
  let at = scratch + unitBytes;
  for (let buffer = 0; buffer < buffers; buffer++) {
    store<usize>(scratch + buffer * 4, at);
    at += roundUp(bufferBytes(problem, buffer), 64);
  }
  const unit = changetype<Unit>(scratch);
  clear(unit.zeros, bufferBytes(problem, 0));
  let batchIndex = 0;
  for (let index = begin; index < end; index++) {
    batchIndex = sequenceOfUnit(problem, index, batchIndex);
    const sequence = sequenceAt(problem, batchIndex);
    decodeUnit(problem, sequence, batchIndex, index, unit);
  }
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
  const rows = layQueryRows(unit.rows, unitLanes(problem));
  layQueries(problem, sequence, batchIndex, count, rows, unit);
  const states = partOf(problem, index);
  startRows(problem, rows, unitLanes(problem), problem.sinks != 0 && split == 0, states);
  // All heads see the same keys.
  panelRanges(rows, count, unit.ranges);
  const panels = roundUp(count, lanes) / lanes;
  const whole = changetype<PanelRange>(unit.ranges + panels * panelRangeBytes);
  if (whole.anyLow >= whole.anyHigh) return;
  const step = problem.tileKeys;
  const low = whole.anyLow - (whole.anyLow % step);
  const tiles = (whole.anyHigh - low + step - 1) / step;
  const begin = low + (((tiles as i64) * split / problem.splits) as i32) * step;
  const splitEnd = low + (((tiles as i64) * (split + 1) / problem.splits) as i32) * step;
  const end = min(splitEnd, whole.anyHigh);
  const listBytes: usize = 2 * listedKeys(problem) * 4;
  let list = unit.lists;
  let next = list + listBytes;
  if (begin < end) listTile(problem, sequence, batchIndex, begin, min(step, end - begin), list, unit);
  for (let first = begin; first < end; first += step) {
    const keys = min(step, end - first);
    const rest = min(step, end - first - step);
    if (rest > 0) listTile(problem, sequence, batchIndex, first + step, rest, next, unit);
    weighKeys(problem, sequence, rows, whole, count, first, keys, list, states, unit);
    addValues(problem, rows, count, first, keys, list + listBytes / 2, states, unit);
    countLoads(problem.kvHeads * keys * (problem.keySize + problem.valueSize));
    const listed = list;
    list = next;
    next = listed;
  }
}

/** Describes the rows of all heads, and lays their queries out. */
function layQueries(
  problem: Problem,
  sequence: Sequence,
  batchIndex: i32,
  count: i32,
  rows: QueryRows,
  unit: Unit,
): void {
  const all = unitLanes(problem);
  for (let lane = 0; lane < all; lane++) store<usize>(rows.query + lane * 4, unit.zeros);
  for (let kvHead = 0; kvHead < problem.kvHeads; kvHead++) {
    const first = kvHead * problem.tileQueries;
    const end = kvHead + 1 == problem.kvHeads ? all : first + problem.tileQueries;
    describeRows(problem, sequence, batchIndex, kvHead, 0, count, first, end, rows);
  }
  packQueries(rows.query, all, problem.keySize, unit.zeros, unit.queries);
}

/** Lists where the keys and values of a tile lie, and has them fetched. */
function listTile(
  problem: Problem,
  sequence: Sequence,
  batchIndex: i32,
  first: i32,
  keys: i32,
  list: usize,
  unit: Unit,
): void {
  const values = list + listedKeys(problem) * 4;
  keyRows(problem, sequence, batchIndex, 0, first, keys, list);
  valueRows(problem, sequence, batchIndex, 0, first, keys, values);
  store<i32>(unit.fetched, fetchPages(list, keys) ^ fetchPages(values, keys));
  // Filled up with keys that are there; their scores are hidden.
  for (let key = keys; key < roundUp(keys, keysAtOnce); key++) {
    store<u32>(list + key * 4, load<u32>(list));
  }
}

/** The weights of a tile of keys, of all heads. */
function weighKeys(
  problem: Problem,
  sequence: Sequence,
  rows: QueryRows,
  whole: PanelRange,
  count: i32,
  first: i32,
  keys: i32,
  list: usize,
  states: RowStates,
  unit: Unit,
): void {
  const size = problem.keySize;
  const queryBytes: usize = size * lanes * 4;
  const weightBytes: usize = listedKeys(problem) * lanes * 4;
  const used = roundUp(keys, keysAtOnce);
  for (let key = 0; key < used; key += keysAtOnce) {
    for (let kvHead = 0; kvHead < problem.kvHeads; kvHead++) {
      const headBytes = kvHead * problem.keyHeadBytes;
      const tokens = list + key * 4;
      rowsOfHead(problem.storage, tokens, keysAtOnce, headBytes, size, unit.unpacked, unit.pointers);
      const firstLane = kvHead * problem.tileQueries;
      for (let lane = firstLane; lane < firstLane + count; lane += quad) {
        const within = (lane % lanes) * 4;
        const queries = unit.queries + (lane / lanes) * queryBytes + within;
        const scores = unit.weights + (lane / lanes) * weightBytes + key * lanes * 4 + within;
        if (count == 1) scoreListedOfOne(unit.pointers, queries, size, problem.scale, scores);
        else scoreListed(unit.pointers, queries, size, problem.scale, scores);
      }
    }
  }
  const valueSize = roundUp(problem.valueSize, lanes);
  const isHidden = isPartial(whole, first, used);
  const end = problem.kvHeads * problem.tileQueries;
  for (let lane = 0; lane < end; lane += lanes) {
    const scores = unit.weights + (lane / lanes) * weightBytes;
    if (hasModifiers(problem)) {
      modifyScores(problem, rows, lane, first, used, sequence.keyLength, scores, 0);
    }
    if (isHidden) hideScores(rows, lane, first, used, f32.NEGATIVE_INFINITY, scores);
    weighScores(scores, used, lane, valueSize, states);
  }
}

/** Adds the weighted values of a tile of keys to all rows that see them. */
function addValues(
  problem: Problem,
  rows: QueryRows,
  count: i32,
  first: i32,
  keys: i32,
  list: usize,
  states: RowStates,
  unit: Unit,
): void {
  const size = problem.valueSize;
  const rowBytes: usize = roundUp(size, lanes) * 4;
  const weightBytes: usize = listedKeys(problem) * lanes * 4;
  for (let key = 0; key < keys; key += keysAtOnce) {
    const some = min(keysAtOnce, keys - key);
    for (let kvHead = 0; kvHead < problem.kvHeads; kvHead++) {
      const headBytes = kvHead * problem.valueHeadBytes;
      const tokens = list + key * 4;
      rowsOfHead(problem.storage, tokens, some, headBytes, size, unit.unpacked, unit.pointers);
      const firstLane = kvHead * problem.tileQueries;
      const endLane = firstLane + count;
      for (let lane = firstLane; lane < endLane; ) {
        const rowLow = load<i32>(rows.low + lane * 4);
        const rowHigh = load<i32>(rows.high + lane * 4);
        // Both in the same panel, and seeing the same.
        const isPair =
          lane % 2 == 0 &&
          lane + 1 < endLane &&
          load<i32>(rows.low + lane * 4, 4) == rowLow &&
          load<i32>(rows.high + lane * 4, 4) == rowHigh;
        // What a row does not see may be anything, NaN too.
        const low = max(0, rowLow - first - key);
        const high = min(some, rowHigh - first - key);
        const column = unit.weights + (lane / lanes) * weightBytes + (lane % lanes) * 4;
        const weights = column + (key + low) * lanes * 4;
        const output = states.output + lane * rowBytes;
        const pointers = unit.pointers + low * 4;
        if (isPair) addListedToTwo(weights, pointers, high - low, size, output, rowBytes);
        else addListed(weights, pointers, high - low, 0, size, output);
        lane += isPair ? 2 : 1;
      }
    }
  }
}
