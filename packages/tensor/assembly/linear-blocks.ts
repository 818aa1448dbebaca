import { BlockFormat, blockBytes, blockSize } from "./block-format";
import { multiplyPanel, multiplyTwoPanels, panelRows, unpackPanel } from "./block-panels";
import { multiplyRows } from "./block-rows";
import { interleavePairs, quantizedBlockBytes, quantizeRow } from "./quantized-activations";
import { groupCount, groupDistance, groupStart } from "./row-groups";
import { storeLanes } from "./simd";

/** Activation rows that share a pass over the weights; their integers stay in the L2 cache. */
const chunkRows: i32 = 64;

/** Below this many rows, unpacking weights to a panel costs more than it saves. */
const panelThreshold: i32 = 4;

/** Bytes of a block's scales, or offsets, for the four rows of a panel. */
const scaleBytes: usize = panelRows * 4;

/** Bytes of a block's integers for the four rows of a panel. */
const integerBytes: usize = panelRows * quantizedBlockBytes;

/** Bytes of the products of one weight panel with two activation panels. */
const productBytes: usize = 2 * panelRows * panelRows * 4;

/** Rows of a chunk that go through panels; the others, at most three, multiply packed weights. */
@inline
function panelledRows(rows: i32): i32 {
  if (rows < panelThreshold) return 0;
  const rest = rows % panelRows;
  // A panel of three rows and a copy costs as much as three single rows.
  return rest == 3 ? rows : rows - rest;
}

/** Bytes of scratch for `m` rows of `blocks` blocks. */
export function blockScratchBytes(m: i32, blocks: i32): i32 {
  // Of each: four rows to interleave, three single rows, a weight panel, and the chunk's panels.
  const panels = (min(m, chunkRows) + panelRows - 1) / panelRows;
  const ofPanel: i32 = integerBytes + 2 * scaleBytes;
  return blocks * (integerBytes + ofPanel + ofPanel + panels * ofPanel) + productBytes;
}

/**
 * Columns `rowBegin` to `rowEnd` of out = x · weightᵀ, for weights in a block format.
 *
 * Rows of x become 16-bit integers first. Groups of four then share four weight rows that are
 * unpacked once; single rows multiply the packed weights. Both add the same integers, and then the
 * same float32 terms in the same order, so an element does not depend on the way it took.
 */
@inline
function linearBlocks(
  x: usize,
  weight: usize,
  out: usize,
  m: i32,
  k: i32,
  n: i32,
  rowBegin: i32,
  rowEnd: i32,
  scratch: usize,
  format: i32,
): void {
  const hasMinimums = format == BlockFormat.Q4_1;
  const blocks = k / blockSize;
  const weightRowBytes: usize = blocks * blockBytes(format);
  const integerRowBytes: usize = blocks * quantizedBlockBytes;
  const scaleRowBytes: usize = blocks * 4;
  const panelIntegerBytes: usize = blocks * integerBytes;
  const panelScaleBytes: usize = blocks * scaleBytes;

  const rowsToInterleave = scratch;
  const singleIntegers = rowsToInterleave + panelIntegerBytes;
  const singleScales = singleIntegers + panelIntegerBytes;
  const singleOffsets = singleScales + panelScaleBytes;
  const weightIntegers = singleOffsets + panelScaleBytes;
  const weightScales = weightIntegers + panelIntegerBytes;
  const weightMinimums = weightScales + panelScaleBytes;
  const products = weightMinimums + panelScaleBytes;
  const panelIntegers = products + productBytes;

  weight += rowBegin * weightRowBytes;
  out += rowBegin * 4;
  const rows = rowEnd - rowBegin;
  const groups = (rows + panelRows - 1) / panelRows;

  for (let first = 0; first < m; first += chunkRows) {
    const chunk = min(m - first, chunkRows);
    const panelled = panelledRows(chunk);
    const panels = (panelled + panelRows - 1) / panelRows;
    const panelScales = panelIntegers + panels * panelIntegerBytes;
    const panelOffsets = panelScales + panels * panelScaleBytes;

    for (let row = 0; row < panels * panelRows; row++) {
      const panel = row / panelRows;
      const member = row % panelRows;
      quantizeRow(
        x + min(row, panelled - 1) * k * 4,
        rowsToInterleave + member * integerRowBytes,
        panelScales + panel * panelScaleBytes + member * 4,
        panelOffsets + panel * panelScaleBytes + member * 4,
        scaleBytes,
        blocks,
        format,
      );
      if (member == panelRows - 1) {
        interleavePairs(rowsToInterleave, panelIntegers + panel * panelIntegerBytes, k);
      }
    }
    for (let row = panelled; row < chunk; row++) {
      quantizeRow(
        x + row * k * 4,
        singleIntegers + (row - panelled) * integerRowBytes,
        singleScales + (row - panelled) * scaleRowBytes,
        singleOffsets + (row - panelled) * scaleRowBytes,
        4,
        blocks,
        format,
      );
    }

    for (let group = 0; group < groups; group++) {
      const count = groupCount(group, rows, panelRows);
      const distance = groupDistance(group, rows, panelRows);
      const start = groupStart(group, rows, panelRows);
      const step = distance * weightRowBytes;
      const row0 = weight + start * weightRowBytes;
      const row1 = row0 + min(1, count - 1) * step;
      const row2 = row0 + min(2, count - 1) * step;
      const row3 = row0 + min(3, count - 1) * step;
      let target = out + start * 4;
      if (panels > 0) {
        unpackPanel(
          row0,
          row1,
          row2,
          row3,
          blocks,
          weightIntegers,
          weightScales,
          weightMinimums,
          format,
        );
      }
      for (let panel = 0; panel < panels; panel += 2) {
        const integers = panelIntegers + panel * panelIntegerBytes;
        const scales = panelScales + panel * panelScaleBytes;
        const offsets = panelOffsets + panel * panelScaleBytes;
        if (panel + 1 < panels) {
          multiplyTwoPanels(
            integers,
            panelIntegerBytes,
            scales,
            offsets,
            panelScaleBytes,
            weightIntegers,
            weightScales,
            weightMinimums,
            products,
            blocks,
            hasMinimums,
          );
        } else {
          multiplyPanel(
            integers,
            scales,
            offsets,
            weightIntegers,
            weightScales,
            weightMinimums,
            products,
            blocks,
            hasMinimums,
          );
        }
        const valid = min(panelled - panel * panelRows, 2 * panelRows);
        for (let row = 0; row < valid; row++) {
          storeLanes(target, v128.load(products + row * 16), count, distance * 4);
          target += n * 4;
        }
      }
      for (let row = 0; row < chunk - panelled; row++) {
        const product = multiplyRows(
          singleIntegers + row * integerRowBytes,
          singleScales + row * scaleRowBytes,
          singleOffsets + row * scaleRowBytes,
          row0,
          row1,
          row2,
          row3,
          blocks,
          format,
        );
        storeLanes(target, product, count, distance * 4);
        target += n * 4;
      }
    }
    x += chunkRows * k * 4;
    out += chunkRows * n * 4;
  }
}

/**
 * Columns `rowBegin` to `rowEnd` of out[m, n] = x[m, k] · weight[n, k]ᵀ, weights in Q4_0.
 *
 * `k` is a multiple of 32; row i of the weights starts at `weight + i * (k / 32) * 18`. Scales are
 * finite. A row of x with infinity or NaN gives NaN. Scratch: `linearScratchBytes(m, k)`.
 *
 * Error of an element: at most Σ_blocks max|x| Σ|w| / 65534 (activations have 16 bits), and
 * (k / 32 + 3) 2^-24 Σ|x w| from rounding. It does not depend on `m` or the range.
 */
export function linearQ4_0(
  x: usize,
  weight: usize,
  out: usize,
  m: i32,
  k: i32,
  n: i32,
  rowBegin: i32,
  rowEnd: i32,
  scratch: usize,
): void {
  linearBlocks(x, weight, out, m, k, n, rowBegin, rowEnd, scratch, BlockFormat.Q4_0);
}

/**
 * The same for weights in Q4_1, 20 bytes a block. Here the rounding error is relative to the parts
 * d q and m of a weight: (k / 16 + 3) 2^-24 Σ|x| (|d q| + |m|).
 */
export function linearQ4_1(
  x: usize,
  weight: usize,
  out: usize,
  m: i32,
  k: i32,
  n: i32,
  rowBegin: i32,
  rowEnd: i32,
  scratch: usize,
): void {
  linearBlocks(x, weight, out, m, k, n, rowBegin, rowEnd, scratch, BlockFormat.Q4_1);
}

/** The same for weights in Q8_0, 34 bytes a block, with the error of Q4_0. */
export function linearQ8_0(
  x: usize,
  weight: usize,
  out: usize,
  m: i32,
  k: i32,
  n: i32,
  rowBegin: i32,
  rowEnd: i32,
  scratch: usize,
): void {
  linearBlocks(x, weight, out, m, k, n, rowBegin, rowEnd, scratch, BlockFormat.Q8_0);
}
