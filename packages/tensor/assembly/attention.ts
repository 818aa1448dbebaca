import { cacheBytes, contiguousTokens, slotOf } from "./cache-slots";
import { panelBytes } from "./dot-products";
import { matmulColumns, matmulScratchBytes } from "./matmul";
import { multiplyByRows } from "./matmul-transposed";
import { operand } from "./program/instruction";
import { softmax } from "./softmax";

/** Bytes of scratch for `rows` queries of `headSize` elements over `length` keys. */
export function attentionScratchBytes(rows: i32, length: i32, headSize: i32): i32 {
  const inner = max(
    matmulScratchBytes(rows, length, headSize),
    matmulScratchBytes(rows, headSize, length),
  );
  return rows * (length + headSize) * 4 + max(inner, panelBytes(headSize));
}

/**
 * Causal softmax attention of a block of consecutive queries of one sequence and one head over the
 * sequence's cache, in place, whichever slots hold it; groups of heads share keys and values
 * (Ainslie et al. 2023).
 *
 * Every score is one inner product and every output one sum over the keys in their order, so the
 * result of a query depends on neither the block table nor the other queries, bit by bit.
 *
 * Operands: queries [rows, H, D], out [rows, H, D], caches (see `cache-slots.ts`), blocks, heads,
 * heads of keys, head size, scale as bits. A block is described by four int32: its first row, its
 * number of rows, its sequence, and the position of its first row. Chunk = block * H + head.
 */
export function attention(instruction: usize, chunk: i32, scratch: usize): void {
  const heads = operand(instruction, 4);
  const headSize = operand(instruction, 6);
  const scale = reinterpret<f32>(operand(instruction, 7));
  const head = chunk % heads;
  const block = (operand(instruction, 3) as usize) + (chunk / heads) * 16;
  const firstRow = load<i32>(block);
  const rows = load<i32>(block, 4);
  const cache = (operand(instruction, 2) as usize) + load<i32>(block, 8) * cacheBytes;
  const position = load<i32>(block, 12);
  const kvHead = head / (heads / operand(instruction, 5));
  const keys = load<usize>(cache) + kvHead * load<usize>(cache, 8);
  const values = load<usize>(cache, 4) + kvHead * load<usize>(cache, 8);
  const length = position + rows;

  const rowBytes: usize = heads * headSize * 4;
  const headBytes: usize = headSize * 4;
  const scores = scratch;
  const scoreBytes: usize = length * 4;
  const queries = scores + rows * scoreBytes;
  const inner = queries + rows * headBytes;

  const offset = firstRow * rowBytes + head * headBytes;
  const source = (operand(instruction, 0) as usize) + offset;
  const out = (operand(instruction, 1) as usize) + offset;
  const factor = f32x4.splat(scale);
  for (let row = 0; row < rows; row++) {
    for (let at: usize = 0; at < headBytes; at += 16) {
      v128.store(
        queries + row * headBytes + at,
        f32x4.mul(v128.load(source + row * rowBytes + at), factor),
      );
    }
  }
  for (let first = 0; first < length; ) {
    const count = contiguousTokens(cache, first, length);
    multiplyByRows(
      queries,
      headBytes,
      rows,
      keys + slotOf(cache, first) * headBytes,
      headBytes,
      count,
      headSize,
      scores + first * 4,
      scoreBytes,
      inner,
    );
    first += count;
  }
  for (let row = 0; row < rows; row++) {
    const visible = position + row + 1;
    const rowScores = scores + row * scoreBytes;
    softmax(rowScores, rowScores, 1, visible);
    memory.fill(rowScores + visible * 4, 0, (length - visible) * 4);
  }
  for (let first = 0; first < length; ) {
    const count = contiguousTokens(cache, first, length);
    matmulColumns(
      scores + first * 4,
      values + slotOf(cache, first) * headBytes,
      out,
      rows,
      count,
      0,
      headSize,
      length,
      headSize,
      heads * headSize,
      inner,
      first > 0,
    );
    first += count;
  }
}
