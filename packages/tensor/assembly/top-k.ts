import { orderKey, orderKeys } from "./order";

/**
 * The k largest elements, by a heap of the k best so far with the worst on top. Most elements are
 * below the worst, and fall to one vector comparison.
 *
 * An entry of the heap is an int64 that is larger the better it ranks: the key of the element (see
 * `orderKeys`) in the high half, and the complement of its index, so that the first of equals is
 * better, in the low half.
 */
const entryBytes: usize = 8;

/** Bytes of scratch that `topK` needs. */
export function topKScratchBytes(n: i32, k: i32): i32 {
  return k * (entryBytes as i32);
}

@inline
function makeEntry(key: i32, index: i32): i64 {
  return ((key as i64) << 32) | ((~index as u32) as i64);
}

/** Puts `entry` at `hole` of a heap of `size`, or as far below as it must sink. */
function place(heap: usize, hole: i32, size: i32, entry: i64): void {
  while (true) {
    let child = 2 * hole + 1;
    if (child >= size) break;
    let worst = load<i64>(heap + child * entryBytes);
    if (child + 1 < size) {
      const sibling = load<i64>(heap + (child + 1) * entryBytes);
      if (sibling < worst) {
        worst = sibling;
        child++;
      }
    }
    if (entry <= worst) break;
    store<i64>(heap + hole * entryBytes, worst);
    hole = child;
  }
  store<i64>(heap + hole * entryBytes, entry);
}

/** Makes a heap of the first `k` elements. */
@inline
function buildHeap(x: usize, k: i32, heap: usize): void {
  for (let i = 0; i < k; i++) {
    store<i64>(heap + i * entryBytes, makeEntry(orderKey(load<f32>(x + i * 4)), i));
  }
  for (let i = k / 2 - 1; i >= 0; i--) place(heap, i, k, load<i64>(heap + i * entryBytes));
}

/** Lets the elements from `k` on replace the worst of the heap. */
@inline
function improveHeap(x: usize, n: i32, k: i32, heap: usize): void {
  let worst = i32x4.splat(load<i32>(heap, 4));
  let i = k;
  while (i < n) {
    if (i + 4 <= n && !v128.any_true(i32x4.gt_s(orderKeys(v128.load(x + i * 4)), worst))) {
      i += 4;
      continue;
    }
    const entry = makeEntry(orderKey(load<f32>(x + i * 4)), i);
    if (entry > load<i64>(heap)) {
      place(heap, 0, k, entry);
      worst = i32x4.splat(load<i32>(heap, 4));
    }
    i++;
  }
}

/**
 * The `k` largest elements of each row, in descending order.
 *
 * Of equals the first comes first; NaN is larger than any number, as in PyTorch. 1 <= k <= n. The
 * worst case takes O(n log k).
 *
 * @param values gets float32 [rows, k].
 * @param indices gets int32 [rows, k].
 * @param scratch `topKScratchBytes(n, k)` bytes.
 */
export function topK(
  x: usize,
  values: usize,
  indices: usize,
  rows: i32,
  n: i32,
  k: i32,
  scratch: usize,
): void {
  for (let row = 0; row < rows; row++) {
    buildHeap(x, k, scratch);
    improveHeap(x, n, k, scratch);
    for (let last = k - 1; last >= 0; last--) {
      const index = ~(load<i64>(scratch) as i32);
      store<f32>(values + last * 4, load<f32>(x + index * 4));
      store<i32>(indices + last * 4, index);
      place(scratch, 0, last, load<i64>(scratch + last * entryBytes));
    }
    x += n * 4;
    values += k * 4;
    indices += k * 4;
  }
}
