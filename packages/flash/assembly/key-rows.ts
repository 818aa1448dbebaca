import { Problem, Sequence } from "./problem";
import { unpackRow } from "./unpack";

/**
 * Finds rows of keys and values, wherever they lie: in one range, or in the blocks of a table. All
 * kernels go through here, so paged and contiguous caches give the same bits.
 */

/** Address of the row of token `index`, in the storage's own format. */
@inline
export function rowAddress(
  problem: Problem,
  base: usize,
  batchIndex: i32,
  index: i32,
  batchBytes: i32,
  blockBytes: i32,
  tokenBytes: i32,
): usize {
  if (problem.blockTable == 0) {
    return base + batchIndex * batchBytes + index * tokenBytes;
  }
  const slot = batchIndex * problem.blocksPerSequence + index / problem.blockSize;
  const block = load<i32>(problem.blockTable + slot * 4);
  return base + block * blockBytes + (index % problem.blockSize) * tokenBytes;
}

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
  const storage = problem.storage;
  for (let i = 0; i < count; i++) {
    let row = rowAddress(problem, base, batchIndex, first + i, batchBytes, blockBytes, tokenBytes);
    if (storage != 0) {
      unpackRow(storage, row, unpacked, size);
      row = unpacked;
      unpacked += size * 4;
    }
    store<u32>(pointers + i * 4, row as u32);
  }
}
