import { lanes, packHalf, quad } from "./pack";
import { Problem, roundUp, Sequence } from "./problem";

/**
 * A tile of query rows. Row r stands for token `r / group` and, of the heads that share the
 * key/value head, for number `r % group`: so grouped heads read each key once.
 *
 * Each row has a range of keys that it may see, in which causality and the window are folded in;
 * `rowLow` and `rowHigh` hold it. Lanes beyond the last row see nothing.
 */

/** A window this wide has no end. The host writes it for `Infinity`. */
export const unlimited: i32 = 0x3fffffff;

/** What is known of each row, in arrays of a word per lane. */
@unmanaged
export class QueryRows {
  low: usize;
  high: usize;
  /** Token index plus (keys - queries): the key that the query is aligned with. */
  position: usize;
  slope: usize;
  /** Addresses of the rows of the bias and of the mask, and of their gradients. */
  bias: usize;
  mask: usize;
  biasGradient: usize;
  /** Addresses of the query vectors. */
  query: usize;
  /** Query head. */
  head: usize;
  /** Token index. */
  token: usize;
}

const arrays: i32 = 10;

/** Bytes of a `QueryRows` for `rows` lanes, with its arrays behind it. */
export function queryRowsBytes(rows: i32): i32 {
  return roundUp(arrays * 4 + arrays * rows * 4, 64);
}

/** Lays the arrays out behind the record. */
export function layQueryRows(scratch: usize, rows: i32): QueryRows {
  const words = scratch + arrays * 4;
  for (let i = 0; i < arrays; i++) {
    store<usize>(scratch + i * 4, words + i * rows * 4);
  }
  return changetype<QueryRows>(scratch);
}

/**
 * Describes `count` rows of a key/value head from `firstRow` on in the lanes from `firstLane` on, and
 * fills up with empty ones to `endLane`.
 */
export function describeRows(
  problem: Problem,
  sequence: Sequence,
  batchIndex: i32,
  kvHead: i32,
  firstRow: i32,
  count: i32,
  firstLane: i32,
  endLane: i32,
  out: QueryRows,
): void {
  const group = problem.group;
  const offset = sequence.keyLength - sequence.queryLength;
  for (let lane = firstLane; lane < endLane; lane++) {
    const at = lane * 4;
    const row = firstRow + lane - firstLane;
    if (lane >= firstLane + count) {
      store<i32>(out.low + at, 0);
      store<i32>(out.high + at, 0);
      store<i32>(out.position + at, 0);
      store<f32>(out.slope + at, 0);
      store<usize>(out.bias + at, problem.bias);
      store<usize>(out.mask + at, problem.mask);
      store<i32>(out.head + at, 0);
      store<i32>(out.token + at, 0);
      continue;
    }
    const token = row / group;
    const head = kvHead * group + (row % group);
    const position = token + offset;
    store<i32>(out.low + at, max(0, position - problem.windowLeft));
    store<i32>(out.high + at, min(sequence.keyLength, position + problem.windowRight + 1));
    store<i32>(out.position + at, position);
    store<i32>(out.head + at, head);
    store<i32>(out.token + at, token);
    store<usize>(
      out.query + at,
      problem.queries +
        batchIndex * problem.queryBatchBytes +
        (sequence.queryStart + token) * problem.queryTokenBytes +
        head * problem.queryHeadBytes,
    );
    if (problem.slopes != 0) {
      const index = batchIndex * problem.slopesBatchStride + head;
      store<f32>(out.slope + at, load<f32>(problem.slopes + index * 4));
    }
    const biasIndex =
      batchIndex * problem.biasBatchStride +
      head * problem.biasHeadStride +
      token * problem.biasQueryStride;
    store<usize>(out.bias + at, problem.bias + biasIndex * 4);
    store<usize>(out.biasGradient + at, problem.biasGradient + biasIndex * 4);
    const maskIndex =
      batchIndex * problem.maskBatchStride +
      head * problem.maskHeadStride +
      token * problem.maskQueryStride;
    store<usize>(out.mask + at, problem.mask + maskIndex * 4);
  }
}

/** The query vectors of `count` rows as panels `[size][8]`. */
export function packQueries(
  addresses: usize,
  count: i32,
  size: i32,
  zeros: usize,
  target: usize,
): void {
  const panelBytes: usize = size * lanes * 4;
  for (let lane = 0; lane < count; lane += lanes) {
    packHalf(addresses + lane * 4, count - lane, size, zeros, target);
    packHalf(addresses + (lane + quad) * 4, count - lane - quad, size, zeros, target + quad * 4);
    target += panelBytes;
  }
}

/** The range of keys that any, or that every, lane of a panel sees. */
@unmanaged
export class PanelRange {
  anyLow: i32;
  anyHigh: i32;
  everyLow: i32;
  everyHigh: i32;
}

/** Bytes of a `PanelRange`. */
export const panelRangeBytes: i32 = 16;

/** The ranges of `count` rows, a panel at a time, and the range of all of them at the end. */
export function panelRanges(rows: QueryRows, count: i32, target: usize): void {
  let tileLow = i32.MAX_VALUE;
  let tileHigh = 0;
  let tileEveryLow = 0;
  let tileEveryHigh = i32.MAX_VALUE;
  for (let first = 0; first < count; first += lanes) {
    const range = changetype<PanelRange>(target);
    let anyLow = i32.MAX_VALUE;
    let anyHigh = 0;
    let everyLow = 0;
    let everyHigh = i32.MAX_VALUE;
    // A lane beyond the last row sees nothing, and what it computes is not read.
    for (let lane = first; lane < min(first + lanes, count); lane++) {
      const low = load<i32>(rows.low + lane * 4);
      const high = load<i32>(rows.high + lane * 4);
      everyLow = max(everyLow, low);
      everyHigh = min(everyHigh, high);
      if (low >= high) continue;
      anyLow = min(anyLow, low);
      anyHigh = max(anyHigh, high);
    }
    range.anyLow = anyLow;
    range.anyHigh = anyHigh;
    range.everyLow = everyLow;
    range.everyHigh = everyHigh;
    tileLow = min(tileLow, anyLow);
    tileHigh = max(tileHigh, anyHigh);
    tileEveryLow = max(tileEveryLow, everyLow);
    tileEveryHigh = min(tileEveryHigh, everyHigh);
    target += panelRangeBytes;
  }
  const tile = changetype<PanelRange>(target);
  tile.anyLow = tileLow;
  tile.anyHigh = tileHigh;
  tile.everyLow = tileEveryLow;
  tile.everyHigh = tileEveryHigh;
}
