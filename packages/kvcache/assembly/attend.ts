import { exponential } from "./exponential";
import { addFloatValues, addPackedValues, sumOf } from "./mixture";
import { floatScores, packedScores } from "./scores";

/** Bytes that {@link attend} takes at `scratch`. */
export function attendScratchBytes(blocks: i32, groupSize: i32, residual: i32, headDim: i32): i32 {
  const entries = blocks * groupSize + residual + 8;
  return entries * 4 + (max(headDim, groupSize) + 8) * 6 + 32;
}

/**
 * Attention of one token over packed blocks and the float32 rows behind them, head by head: scores,
 * softmax, mean of the values.
 *
 * @param queries `[heads, D]` float32, scaled by 1/√D.
 * @param table `blocks` times two int32: address of the block, tokens of it that count.
 * @param rows float32 `[kvHeads, rowCapacity, D]` keys, then values.
 * @param rowCount rows that count.
 * @param out `[heads, D]` float32.
 */
export function attend(
  queries: usize,
  heads: i32,
  kvHeads: i32,
  headDim: i32,
  bits: i32,
  groupSize: i32,
  valueGroup: i32,
  table: usize,
  blocks: i32,
  rows: usize,
  rowCapacity: i32,
  rowCount: i32,
  scratch: usize,
  out: usize,
): void {
  const codeBytes = (groupSize * headDim * bits) / 8;
  const valueCodes = kvHeads * codeBytes;
  const keyScales = 2 * valueCodes;
  const keyMinima = keyScales + 4 * kvHeads * headDim;
  const valueScales = keyMinima + 4 * kvHeads * headDim;
  const valueGroups = headDim / valueGroup;
  const valueMinima = valueScales + 4 * kvHeads * groupSize * valueGroups;

  const entries = blocks * groupSize + rowCount;
  const padded = (entries + 3) & ~3;
  const scores = scratch;
  const folded = scratch + padded * 4;
  const integers = folded + (max(headDim, groupSize) + 8) * 4;
  const rowBytes = rowCapacity * headDim * 4;

  for (let head = 0; head < heads; head++) {
    const kvHead = (head * kvHeads) / heads;
    const query = queries + head * headDim * 4;
    let at = scores;
    for (let index = 0; index < blocks; index++, at += groupSize * 4) {
      const block: usize = load<u32>(table + index * 8);
      const tokens = load<i32>(table + index * 8, 4);
      packedScores(
        query,
        headDim,
        bits,
        block + kvHead * codeBytes,
        block + keyScales + kvHead * headDim * 4,
        block + keyMinima + kvHead * headDim * 4,
        tokens,
        folded,
        integers,
        at,
      );
      fillAbsent(at + tokens * 4, groupSize - tokens);
    }
    floatScores(query, headDim, rows + kvHead * rowBytes, rowCount, at);
    fillAbsent(scores + entries * 4, padded - entries);

    const inverse = softmax(scores, padded);
    const target = out + head * headDim * 4;
    memory.fill(target, 0, headDim * 4);
    at = scores;
    for (let index = 0; index < blocks; index++, at += groupSize * 4) {
      const block: usize = load<u32>(table + index * 8);
      addPackedValues(
        at,
        groupSize,
        headDim,
        bits,
        valueGroup,
        block + valueCodes + kvHead * codeBytes,
        block + valueScales + kvHead * groupSize * valueGroups * 4,
        block + valueMinima + kvHead * groupSize * valueGroups * 4,
        folded,
        integers,
        target,
      );
    }
    const values = rows + (kvHeads + kvHead) * rowBytes;
    addFloatValues(at, rowCount, headDim, values, target);
    const factor = f32x4.splat(inverse);
    for (let byte: usize = 0; byte < <usize>headDim * 4; byte += 16) {
      v128.store(target + byte, f32x4.mul(v128.load(target + byte), factor));
    }
  }
}

/** Scores of what does not count. */
function fillAbsent(at: usize, count: i32): void {
  for (let index = 0; index < count; index++) store<f32>(at + index * 4, f32.NEGATIVE_INFINITY);
}

/** e^(x - max) in place, `n` a multiple of 4. Returns 1 / Σ. */
function softmax(x: usize, n: i32): f32 {
  let largest = v128.load(x);
  for (let at = 16; at < n * 4; at += 16) largest = f32x4.pmax(largest, v128.load(x + at));
  const highest = max(
    max(f32x4.extract_lane(largest, 0), f32x4.extract_lane(largest, 1)),
    max(f32x4.extract_lane(largest, 2), f32x4.extract_lane(largest, 3)),
  );
  const shift = f32x4.splat(highest);
  for (let at = 0; at < n * 4; at += 16) {
    v128.store(x + at, exponential(f32x4.sub(v128.load(x + at), shift)));
  }
  return 1 / sumOf(x, n);
}
