import { transpose } from "./transpose";

/**
 * Copies a view to another of the same shape.
 */

/** Copies one element. */
@inline
function copyElement(source: usize, target: usize, bytes: usize): void {
  if (bytes == 4) store<u32>(target, load<u32>(source));
  else if (bytes == 2) store<u16>(target, load<u16>(source));
  else if (bytes == 1) store<u8>(target, load<u8>(source));
  else memory.copy(target, source, bytes);
}

/** A run this long is left to `memory.copy`, which costs a call; shorter ones are copied here. */
const longRun: usize = 512;

@inline
function copyRun(source: usize, target: usize, bytes: usize): void {
  if (bytes >= longRun) {
    memory.copy(target, source, bytes);
    return;
  }
  let at: usize = 0;
  for (; at + 16 <= bytes; at += 16) v128.store(target + at, v128.load(source + at));
  for (; at + 4 <= bytes; at += 4) store<u32>(target + at, load<u32>(source + at));
  for (; at < bytes; at++) store<u8>(target + at, load<u8>(source + at));
}

/**
 * @param run bytes that are contiguous in both views, from dimension `inner` on.
 */
function copyDimension(
  source: usize,
  target: usize,
  layout: usize,
  rank: i32,
  dimension: i32,
  inner: i32,
  elementBytes: usize,
  run: usize,
): void {
  if (dimension == inner) {
    copyRun(source, target, run);
    return;
  }
  const size = load<i32>(layout + dimension * 4);
  const sourceStep = load<i32>(layout + (rank + dimension) * 4) * elementBytes;
  const targetStep = load<i32>(layout + (2 * rank + dimension) * 4) * elementBytes;
  if (dimension + 2 == rank && rank == inner && elementBytes == 4) {
    const sourceStride = load<i32>(layout + (rank + dimension + 1) * 4);
    const targetStride = load<i32>(layout + (2 * rank + dimension + 1) * 4);
    if (sourceStep == 4 && targetStride == 1) {
      const columns = load<i32>(layout + (dimension + 1) * 4);
      transpose(source, target, size, columns, sourceStride * 4, targetStep as i32);
      return;
    }
  }
  const isElement = dimension + 1 == inner && run == elementBytes;
  for (let i = 0; i < size; i++) {
    if (isElement) {
      copyElement(source, target, elementBytes);
    } else {
      copyDimension(
        source,
        target,
        layout,
        rank,
        dimension + 1,
        inner,
        elementBytes,
        run,
      );
    }
    source += sourceStep;
    target += targetStep;
  }
}

/**
 * Copies a strided view to another. The two do not overlap.
 *
 * @param source, target first element of each view.
 * @param elementBytes 1, 2, 4, or the bytes of a block.
 * @param rank 0 (one element) and more.
 * @param layout int32 [3, rank]: sizes, strides of the source, strides of the target; in elements,
 *   outermost dimension first. Strides may be 0 in the source, and negative in both.
 */
export function copyStrided(
  source: usize,
  target: usize,
  elementBytes: i32,
  rank: i32,
  layout: usize,
): void {
  // Inner dimensions that are contiguous in both views are one run.
  let inner = rank;
  let elements = 1;
  while (inner > 0) {
    const size = load<i32>(layout + (inner - 1) * 4);
    if (size == 0) return;
    const sourceStride = load<i32>(layout + (rank + inner - 1) * 4);
    const targetStride = load<i32>(layout + (2 * rank + inner - 1) * 4);
    if (size != 1 && (sourceStride != elements || targetStride != elements)) break;
    elements *= size;
    inner--;
  }
  copyDimension(
    source,
    target,
    layout,
    rank,
    0,
    inner,
    elementBytes,
    elements * elementBytes,
  );
}
