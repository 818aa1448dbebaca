import { BlockFormat, blockBytes, blockSize } from "./block-format";
import { multiplyPanelByPlanes, multiplyRowsByPlanes, unpackBytePanel } from "./byte-planes";
import { multiplyPanel, multiplyTwoPanels, unpackPanel } from "./block-panels";
import { multiplyRows } from "./block-rows";
import { quantizedBlockBytes } from "./quantized-activations";
import {
  panelBlockBytes,
  panelCount,
  panelledRows,
  panelRows,
  panelScaleBytes,
  segmentBytes,
  segmentRows,
} from "./quantized-rows";
import { groupCount, groupDistance, groupStart } from "./row-groups";
import { storeLanes } from "./simd";
import { multiplySuperRows, partBytes, superRowBytes, unpackSuperPanel } from "./super-blocks";

/** Stands for the formats of `super-blocks.ts`, which share one compiled kernel. */
const superBlocks: i32 = -1;

/**
 * Bytes of the products of one weight panel with two activation panels, or of one unpacked part of
 * each row of the panel.
 */
const productBytes: usize = max(2 * panelRows * panelRows * 4, panelRows * partBytes);

/** Bytes of scratch for rows of `k` weights: one panel of them, and its products. */
export function blockScratchBytes(k: i32): usize {
  return (k / blockSize) * (panelBlockBytes + 2 * panelScaleBytes) + productBytes;
}

/**
 * Columns `rowBegin` to `rowEnd` of out[m, n] = x[m, k] · weight[n, k]ᵀ, for weights in a block
 * format.
 *
 * Groups of four rows of x share four weight rows that are unpacked once; single rows multiply the
 * packed weights. Both add the same integers, and then the same float32 terms in the same order, so
 * an element does not depend on the way it took.
 *
 * @param x what `quantizeRows` made of the activations for this format.
 * @param superFormat which of them when `format` is `superBlocks`.
 * @param planes whether the activations are in byte planes; for Q4_0 and Q4_1 alone.
 */
@inline
function multiplyBlocks(
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
  superFormat: i32,
  planes: bool,
): void {
  const isSuper = format == superBlocks;
  const hasMinimums =
    format == BlockFormat.Q4_1 || (isSuper && superFormat != BlockFormat.Q6_K);
  const blocks = k / blockSize;
  const weightRowBytes: usize = isSuper
    ? superRowBytes(k, superFormat)
    : blocks * blockBytes(format);
  const integerRowBytes: usize = blocks * quantizedBlockBytes;
  const scaleRowBytes: usize = blocks * 4;
  const panelIntegerBytes: usize = blocks * panelBlockBytes;
  const panelRowScaleBytes: usize = blocks * panelScaleBytes;

  const weightIntegers = scratch;
  const weightScales = weightIntegers + panelIntegerBytes;
  const weightMinimums = weightScales + panelRowScaleBytes;
  const products = weightMinimums + panelRowScaleBytes;

  weight += rowBegin * weightRowBytes;
  out += rowBegin * 4;
  const rows = rowEnd - rowBegin;
  const groups = (rows + panelRows - 1) / panelRows;

  for (let first = 0; first < m; first += segmentRows) {
    const chunk = min(m - first, segmentRows);
    const panelled = panelledRows(chunk);
    const panels = panelCount(chunk);
    const panelIntegers = x;
    const panelScales = panelIntegers + panels * panelIntegerBytes;
    const panelOffsets = panelScales + panels * panelRowScaleBytes;
    const singleIntegers = panelOffsets + panels * panelRowScaleBytes;
    const singleScales = singleIntegers + (chunk - panelled) * integerRowBytes;
    const singleOffsets = singleScales + (chunk - panelled) * scaleRowBytes;

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
      if (panels > 0 && isSuper) {
        unpackSuperPanel(
          row0,
          row1,
          row2,
          row3,
          blocks,
          weightIntegers,
          weightScales,
          weightMinimums,
          superFormat,
          products,
        );
      } else if (panels > 0 && planes) {
        unpackBytePanel(
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
      } else if (panels > 0) {
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
        const scales = panelScales + panel * panelRowScaleBytes;
        const offsets = panelOffsets + panel * panelRowScaleBytes;
        if (planes) {
          for (let part = 0; part < min(panels - panel, 2); part++) {
            multiplyPanelByPlanes(
              integers + part * panelIntegerBytes,
              scales + part * panelRowScaleBytes,
              offsets + part * panelRowScaleBytes,
              weightIntegers,
              weightScales,
              weightMinimums,
              products + part * (panelRows * panelRows * 4),
              blocks,
              format,
            );
          }
        } else if (panel + 1 < panels) {
          multiplyTwoPanels(
            integers,
            panelIntegerBytes,
            scales,
            offsets,
            panelRowScaleBytes,
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
        const integers = singleIntegers + row * integerRowBytes;
        const scales = singleScales + row * scaleRowBytes;
        const offsets = singleOffsets + row * scaleRowBytes;
        let product: v128;
        if (planes) {
          product = multiplyRowsByPlanes(
            integers,
            scales,
            offsets,
            row0,
            row1,
            row2,
            row3,
            blocks,
            format,
          );
        } else if (isSuper) {
          product = multiplySuperRows(
            integers,
            scales,
            offsets,
            row0,
            row1,
            row2,
            row3,
            blocks,
            superFormat,
            products,
          );
        } else {
          product = multiplyRows(
            integers,
            scales,
            offsets,
            row0,
            row1,
            row2,
            row3,
            blocks,
            format,
          );
        }
        storeLanes(target, product, count, distance * 4);
        target += n * 4;
      }
    }
    x += segmentBytes(chunk, blocks);
    out += segmentRows * n * 4;
  }
}

/**
 * Columns `rowBegin` to `rowEnd` of out[m, n] = x[m, k] · weight[n, k]ᵀ, weights in Q4_0.
 *
 * `k` is a multiple of 32; row i of the weights starts at `weight + i * (k / 32) * 18`. Scales are
 * finite. A row of activations with infinity or NaN gives NaN. Scratch: `blockScratchBytes(k)`.
 *
 * Error of an element: at most Σ_blocks max|x| Σ|w| / 65278 (activations have 16 bits), and
 * (k / 32 + 3) 2^-24 Σ|x w| from rounding. It does not depend on `m` or the range.
 *
 * @param x the activations, from `quantizeRows`.
 * @param planes whether they are in byte planes.
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
  planes: bool,
): void {
  if (ASC_FEATURE_RELAXED_SIMD && planes) {
    multiplyBlocks(x, weight, out, m, k, n, rowBegin, rowEnd, scratch, BlockFormat.Q4_0, 0, true);
  } else {
    multiplyBlocks(x, weight, out, m, k, n, rowBegin, rowEnd, scratch, BlockFormat.Q4_0, 0, false);
  }
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
  planes: bool,
): void {
  if (ASC_FEATURE_RELAXED_SIMD && planes) {
    multiplyBlocks(x, weight, out, m, k, n, rowBegin, rowEnd, scratch, BlockFormat.Q4_1, 0, true);
  } else {
    multiplyBlocks(x, weight, out, m, k, n, rowBegin, rowEnd, scratch, BlockFormat.Q4_1, 0, false);
  }
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
  multiplyBlocks(x, weight, out, m, k, n, rowBegin, rowEnd, scratch, BlockFormat.Q8_0, 0, false);
}

/**
 * The same for weights in Q4_K, Q5_K or Q6_K, `k` a multiple of 256. For Q6_K activations have 14
 * bits, so the bound has 16382 for 65278.
 */
export function linearSuperBlocks(
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
  multiplyBlocks(x, weight, out, m, k, n, rowBegin, rowEnd, scratch, superBlocks, format, false);
}
