import { Problem, Sequence } from "./problem";
import { unpackRow } from "./unpack";

/**
 * Finds rows of keys and values, wherever they lie: in one range, or in the blocks of a table. All
 * kernels go through here, so paged and contiguous caches give the same bits.
 */

/**
 * Writes the addresses of `count` float32 rows from token `first` on to `pointers`. Rows of other
 * storages are unpacked to `unpacked` first.
 */
export function keyRows(
  problem: Problem,
  sequence: Sequence,
  batchIndex: i32,
  kvHead: i32,
  first: i32,
  count: i32,
  pointers: usize,
  unpacked: usize,
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
    problem.keySize,
    pointers,
    unpacked,
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
  unpacked: usize,
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
    problem.valueSize,
    pointers,
    unpacked,
  );
}

function listRows(
  problem: Problem,
  base: usize,
  batchIndex: i32,
  first: i32,
  count: i32,
  batchBytes: i32,
  blockBytes: i32,
  tokenBytes: i32,
  size: i32,
  pointers: usize,
  unpacked: usize,
): void {
  const end = pointers + count * 4;
  let row = base + batchIndex * batchBytes + first * tokenBytes;
  // Rows up to the next block's; without a table they all lie in one.
  let left = count;
  let blockEntry: usize = 0;
  if (problem.blockTable != 0) {
    const block = first / problem.blockSize;
    const within = first % problem.blockSize;
    blockEntry = problem.blockTable + (batchIndex * problem.blocksPerSequence + block) * 4;
    row = base + load<i32>(blockEntry) * blockBytes + within * tokenBytes;
    left = problem.blockSize - within;
  }
  while (pointers < end) {
    if (left == 0) {
      blockEntry += 4;
      row = base + load<i32>(blockEntry) * blockBytes;
      left = problem.blockSize;
    }
    left--;
    if (problem.storage == 0) {
      store<u32>(pointers, row as u32);
    } else {
      unpackRow(problem.storage, row, unpacked, size);
      store<u32>(pointers, unpacked as u32);
      unpacked += size * 4;
    }
    row += tokenBytes;
    pointers += 4;
  }
}
