import { Problem, Sequence } from "./problem";
import { Storage, unpackRow } from "./unpack";

/**
 * Finds rows of keys and values, wherever they lie: in one range, or in the blocks of a table. All
 * kernels go through here, so paged and contiguous caches give the same bits.
 */

/** Writes the addresses of `count` rows of a head from token `first` on to `pointers`. */
export function keyRows(
  problem: Problem,
  sequence: Sequence,
  batchIndex: i32,
  kvHead: i32,
  first: i32,
  count: i32,
  pointers: usize,
): void {
  listRows(
    problem,
    problem.keys + kvHead * problem.keyHeadBytes,
    batchIndex,
    sequence.keyStart + first,
    count,
    problem.keyBatchBytes,
    problem.keyBlockBytes,
    problem.keyTokenBytes,
    pointers,
  );
}

/** As `keyRows`, for values. */
export function valueRows(
  problem: Problem,
  sequence: Sequence,
  batchIndex: i32,
  kvHead: i32,
  first: i32,
  count: i32,
  pointers: usize,
): void {
  listRows(
    problem,
    problem.values + kvHead * problem.valueHeadBytes,
    batchIndex,
    sequence.keyStart + first,
    count,
    problem.valueBatchBytes,
    problem.valueBlockBytes,
    problem.valueTokenBytes,
    pointers,
  );
}

/** Block by block; without a table all rows lie in one. */
function listRows(
  problem: Problem,
  base: usize,
  batchIndex: i32,
  first: i32,
  count: i32,
  batchBytes: i32,
  blockBytes: i32,
  tokenBytes: i32,
  pointers: usize,
): void {
  if (problem.blockTable == 0) {
    fillRows(base + batchIndex * batchBytes + first * tokenBytes, tokenBytes, count, pointers);
    return;
  }
  const blockSize = problem.blockSize;
  const table = problem.blockTable + batchIndex * problem.blocksPerSequence * 4;
  let within = first % blockSize;
  for (let block = first / blockSize; count > 0; block++) {
    const rows = min(count, blockSize - within);
    const start = base + load<i32>(table + block * 4) * blockBytes + within * tokenBytes;
    fillRows(start, tokenBytes, rows, pointers);
    pointers += rows * 4;
    count -= rows;
    within = 0;
  }
}

/** Addresses of rows that follow each other. */
@inline
function fillRows(row: usize, tokenBytes: i32, count: i32, pointers: usize): void {
  const end = pointers + count * 4;
  while (pointers < end) {
    store<u32>(pointers, row as u32);
    row += tokenBytes;
    pointers += 4;
  }
}

/**
 * Writes the addresses of `count` float32 rows of one head to `target`: those of tokens, moved by
 * `headBytes`. Rows of other storages are unpacked to `unpacked` first.
 */
export function rowsOfHead(
  storage: i32,
  tokens: usize,
  count: i32,
  headBytes: usize,
  size: i32,
  unpacked: usize,
  target: usize,
): void {
  const end = tokens + count * 4;
  while (tokens < end) {
    let row = (load<u32>(tokens) as usize) + headBytes;
    if (storage != Storage.Float32) {
      unpackRow(storage, row, unpacked, size);
      row = unpacked;
      unpacked += size * 4;
    }
    store<u32>(target, row as u32);
    tokens += 4;
    target += 4;
  }
}

/** log2 of the bytes of a page. */
const pageBits: i32 = 12;

/**
 * Reads a word of each page in which listed rows begin. Rows that are needed soon are far apart in a
 * paged cache: read one by one, each would be waited for; read together, they are on their way at
 * once. Returns something that depends on all, so that the reads are not left out.
 */
export function fetchPages(pointers: usize, count: i32): i32 {
  const end = pointers + count * 4;
  let words = 0;
  let page = -1;
  while (pointers < end) {
    const row = load<u32>(pointers);
    if (row >> pageBits != page) words ^= load<i32>(row as usize);
    page = row >> pageBits;
    pointers += 4;
  }
  return words;
}
