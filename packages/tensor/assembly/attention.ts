import { cacheBytes, contiguousTokens, slotOf } from "./cache-slots";
import { panelBytes } from "./dot-products";
import { matmulColumns, matmulScratchBytes } from "./matmul";
import { multiplyByRows } from "./matmul-transposed";
import { operand } from "./program/instruction";
import { softmax } from "./softmax";

/** Keys, or values, that several heads read one after the other: they stay in the L1 cache. */
const mostKeys: i32 = 64;

/** Bytes of scratch for `rows` queries of `headSize` elements over `length` keys. */
export function attentionScratchBytes(rows: i32, length: i32, headSize: i32): i32 {
  const inner = max(
    matmulScratchBytes(rows, length, headSize),
    matmulScratchBytes(rows, headSize, length),
  );
  return rows * (length + headSize) * 4 + max(inner, panelBytes(headSize));
}

/**
 * `rows` consecutive queries of `count` neighbouring heads over the keys and values that these
 * heads share.
 *
 * @param queries, out of the first row and head; rows are `rowBytes` bytes apart.
 * @param keys, values of the head, slot 0.
 * @param position of the first row.
 */
@inline
function attend(
  queries: usize,
  out: usize,
  rowBytes: usize,
  rows: i32,
  count: i32,
  cache: usize,
  keys: usize,
  values: usize,
  position: i32,
  headSize: i32,
  scale: f32,
  scratch: usize,
): void {
  const headBytes: usize = headSize * 4;
  const length = position + rows;
  const scoreBytes: usize = length * 4;
  const scores = scratch; // [rows, count, length]
  const scaled = scores + rows * count * scoreBytes; // [rows, count, D]
  const inner = scaled + rows * count * headBytes;

  const most = count > 1 ? mostKeys : length;

  const factor = f32x4.splat(scale);
  for (let row = 0; row < rows; row++) {
    const source = queries + row * rowBytes;
    const target = scaled + row * count * headBytes;
    for (let at: usize = 0; at < (count as usize) * headBytes; at += 16) {
      v128.store(target + at, f32x4.mul(v128.load(source + at), factor));
    }
  }
  for (let first = 0; first < length; ) {
    const keyCount = min(contiguousTokens(cache, first, length), most);
    const slots = keys + slotOf(cache, first) * headBytes;
    for (let head = 0; head < count; head++) {
      multiplyByRows(
        scaled + head * headBytes,
        count * headBytes,
        rows,
        slots,
        headBytes,
        keyCount,
        headSize,
        scores + head * scoreBytes + first * 4,
        count * scoreBytes,
        inner,
      );
    }
    first += keyCount;
  }
  for (let row = 0; row < rows; row++) {
    const visible = position + row + 1;
    for (let head = 0; head < count; head++) {
      const rowScores = scores + (row * count + head) * scoreBytes;
      softmax(rowScores, rowScores, 1, visible);
      memory.fill(rowScores + visible * 4, 0, (length - visible) * 4);
    }
  }
  for (let first = 0; first < length; ) {
    const keyCount = min(contiguousTokens(cache, first, length), most);
    const slots = values + slotOf(cache, first) * headBytes;
    for (let head = 0; head < count; head++) {
      matmulColumns(
        scores + head * scoreBytes + first * 4,
        slots,
        out + head * headBytes,
        rows,
        keyCount,
        0,
        headSize,
        count * length,
        headSize,
        (rowBytes as i32) / 4,
        inner,
        first > 0,
      );
    }
    first += keyCount;
  }
}

/**
 * Causal softmax attention of a block of consecutive queries of one sequence over the sequence's
 * cache, in place, whichever slots hold it; groups of heads share keys and values (Ainslie et al.
 * 2023).
 *
 * Every score is one inner product and every output one sum over the keys in their order, so the
 * result of a query depends on neither the block table nor the other queries, bit by bit.
 *
 * Operands: queries [rows, H, D], out [rows, H, D], caches (see `cache-slots.ts`), blocks, heads,
 * heads of keys, head size, scale as bits, heads per chunk, most rows of a block. A block is
 * described by four int32: its first row, its number of rows, its sequence, and the position of its
 * first row. Chunk = block * H / heads per chunk + part. The heads of a chunk share keys and values;
 * together they read those once if their rows are no more than those of the largest block.
 */
export function attention(instruction: usize, chunk: i32, scratch: usize): void {
  const heads = operand(instruction, 4);
  const headSize = operand(instruction, 6);
  const scale = reinterpret<f32>(operand(instruction, 7));
  const headsPerChunk = operand(instruction, 8);
  const parts = heads / headsPerChunk;
  const firstHead = (chunk % parts) * headsPerChunk;
  const block = (operand(instruction, 3) as usize) + (chunk / parts) * 16;
  const firstRow = load<i32>(block);
  const rows = load<i32>(block, 4);
  const cache = (operand(instruction, 2) as usize) + load<i32>(block, 8) * cacheBytes;
  const position = load<i32>(block, 12);
  const kvHead = firstHead / (heads / operand(instruction, 5));
  const keys = load<usize>(cache) + kvHead * load<usize>(cache, 8);
  const values = load<usize>(cache, 4) + kvHead * load<usize>(cache, 8);
  const count = rows * headsPerChunk <= operand(instruction, 9) ? headsPerChunk : 1;
  const rowBytes: usize = heads * headSize * 4;
  for (let head = firstHead; head < firstHead + headsPerChunk; head += count) {
    const offset = firstRow * rowBytes + head * headSize * 4;
    attend(
      (operand(instruction, 0) as usize) + offset,
      (operand(instruction, 1) as usize) + offset,
      rowBytes,
      rows,
      count,
      cache,
      keys,
      values,
      position,
      headSize,
      scale,
      scratch,
    );
  }
}
