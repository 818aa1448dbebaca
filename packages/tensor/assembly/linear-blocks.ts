import { BlockFormat, blockBytes, blockSize } from "./block-format";
import { multiplyPanel, multiplyTwoPanels, panelRows, unpackPanel } from "./block-panels";
import { multiplyRows } from "./block-rows";
import { interleavePairs, quantizedBlockBytes, quantizeRow } from "./quantized-activations";
import { storeLanes } from "./simd";

/**
 * Activation rows that share one pass over the weights: as many as stay in the second-level cache.
 */
export const chunkRows: i32 = 64;


/** Bytes of scratch for `m` activation rows of `k` elements. */
export function linearScratchBytes(m: i32, k: i32): i32 {
  const blocks = (k + blockSize - 1) / blockSize;
  const rows = min(m + 3, chunkRows) & -panelRows;
  return 128 + blocks * (768 + 72 * rows);
}

/**
 * out = x · weightᵀ for weights in a block format.
 *
 * Three or more activation rows go through panels: four weight rows are unpacked once and shared.
 * One or two multiply the packed weights directly. Both add the same integers and then the same
 * float32 terms in the same order, so a result does not depend on which way it took.
 */
// @ts-ignore: decorator
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
  const blocks = k / blockSize;
  const rowBytes: usize = blocks * blockBytes(format);
  const rowIntegers = scratch;
  const integersBytes: usize = blocks * quantizedBlockBytes;
  const tailIntegers = rowIntegers + 4 * integersBytes;
  const scalesBytes: usize = blocks * 4;
  const tailScales = tailIntegers + 3 * integersBytes;
  const tailOffsets = tailScales + 4 * scalesBytes;
  const panel = tailOffsets + 4 * scalesBytes;
  const weightScales = panel + 4 * integersBytes;
  const weightMinimums = weightScales + 4 * scalesBytes;
  const result = weightMinimums + 4 * scalesBytes;
  const panelIntegers = result + 128;

  for (let first = 0; first < m; first += chunkRows) {
    const count = min(m - first, chunkRows);
    const remainder = count % panelRows;
    const tail = count < 4 ? count : remainder < 3 ? remainder : 0;
    const panelled = count - tail;
    const panels = (panelled + panelRows - 1) / panelRows;
    const panelScales = panelIntegers + panels * 4 * integersBytes;
    const panelOffsets = panelScales + panels * 4 * scalesBytes;
    const chunk = x + (first as usize) * k * 4;

    for (let p = 0; p < panels; p++) {
      for (let i = 0; i < panelRows; i++) {
        // A last panel of three rows holds the last of them twice.
        const row = min(p * panelRows + i, panelled - 1);
        quantizeRow(
          chunk + (row as usize) * k * 4,
          rowIntegers + i * integersBytes,
          panelScales + p * 4 * scalesBytes + i * 4,
          panelOffsets + p * 4 * scalesBytes + i * 4,
          16,
          blocks,
          format,
        );
      }
      interleavePairs(rowIntegers, panelIntegers + p * 4 * integersBytes, k);
    }
    for (let i = 0; i < tail; i++) {
      quantizeRow(
        chunk + ((panelled + i) as usize) * k * 4,
        tailIntegers + i * integersBytes,
        tailScales + i * scalesBytes,
        tailOffsets + i * scalesBytes,
        4,
        blocks,
        format,
      );
    }

    const quarter = (rowEnd - rowBegin + 3) / 4;
    const quarterBytes = quarter * rowBytes;
    for (let row = rowBegin; row < rowBegin + quarter; row++) {
      const rows = (rowEnd - row + quarter - 1) / quarter;
      const row0 = weight + row * rowBytes;
      const row1 = row0 + min(1, rows - 1) * quarterBytes;
      const row2 = row0 + min(2, rows - 1) * quarterBytes;
      const row3 = row0 + min(3, rows - 1) * quarterBytes;
      let target = out + ((first as usize) * n + row) * 4;
      if (panels > 0) {
        unpackPanel(row0, row1, row2, row3, blocks, panel, weightScales, weightMinimums, format);
        for (let p = 0; p < panels; p += 2) {
          const integers = panelIntegers + p * 4 * integersBytes;
          const scales = panelScales + p * 4 * scalesBytes;
          const offsets = panelOffsets + p * 4 * scalesBytes;
          if (p + 1 < panels) {
            multiplyTwoPanels(
              integers, 4 * integersBytes, scales, offsets, 4 * scalesBytes,
              panel, weightScales, weightMinimums, result, blocks, format == BlockFormat.Q4_1,
            );
          } else {
            multiplyPanel(
              integers, scales, offsets,
              panel, weightScales, weightMinimums, result, blocks, format == BlockFormat.Q4_1,
            );
          }
          const tokens = min(panelled - p * panelRows, 2 * panelRows);
          for (let i = 0; i < tokens; i++) {
            storeLanes(target, v128.load(result + i * 16), rows, quarter * 4);
            target += n * 4;
          }
        }
      }
      for (let i = 0; i < tail; i++) {
        const products = multiplyRows(
          tailIntegers + i * integersBytes,
          tailScales + i * scalesBytes,
          tailOffsets + i * scalesBytes,
          row0, row1, row2, row3, blocks, format,
        );
        storeLanes(target, products, rows, quarter * 4);
        target += n * 4;
      }
    }
  }
}

export function linearQ4_0(x: usize, weight: usize, out: usize, m: i32, k: i32, n: i32, rowBegin: i32, rowEnd: i32, scratch: usize): void {
  linearBlocks(x, weight, out, m, k, n, rowBegin, rowEnd, scratch, BlockFormat.Q4_0);
}
export function linearQ4_1(x: usize, weight: usize, out: usize, m: i32, k: i32, n: i32, rowBegin: i32, rowEnd: i32, scratch: usize): void {
  linearBlocks(x, weight, out, m, k, n, rowBegin, rowEnd, scratch, BlockFormat.Q4_1);
}
export function linearQ8_0(x: usize, weight: usize, out: usize, m: i32, k: i32, n: i32, rowBegin: i32, rowEnd: i32, scratch: usize): void {
  linearBlocks(x, weight, out, m, k, n, rowBegin, rowEnd, scratch, BlockFormat.Q8_0);
}
