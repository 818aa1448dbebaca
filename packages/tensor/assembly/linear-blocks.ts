import { BlockFormat, blockBytes, blockSize } from "./block-format";
import { multiplyPanelByPlanes, unpackBytePanel } from "./byte-planes";
import { multiplyPanel, multiplyTwoPanels, unpackPanel } from "./block-panels";
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
import { multiplyRows, multiplyStreams, streamCount, streamsPay } from "./row-streams";
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
 * Products of rows that are too few for a panel with weight rows that lie `distance` apart, the first
 * of them `begin` to `end`.
 */
@inline
function multiplySingles(
  x: usize,
  weight: usize,
  out: usize,
  m: i32,
  k: i32,
  n: i32,
  begin: i32,
  end: i32,
  distance: i32,
  products: usize,
  format: i32,
  planes: i32,
): void {
  const blocks = k / blockSize;
  const weightRowBytes: usize = blocks * blockBytes(format);
  const integerRowBytes: usize = blocks * quantizedBlockBytes(planes);
  const scaleRowBytes: usize = blocks * 4;
  const scales = x + m * integerRowBytes;
  const offsets = scales + m * scaleRowBytes;
  for (let start = begin; start < end; start++) {
    for (let row = 0; row < m; row++) {
      multiplyStreams(
        x + row * integerRowBytes,
        scales + row * scaleRowBytes,
        offsets + row * scaleRowBytes,
        weight + start * weightRowBytes,
        distance * weightRowBytes,
        streamCount / 4,
        blocks,
        products,
        format,
        planes,
      );
      let target = out + (row * n + start) * 4;
      for (let quad = 0; quad < streamCount / 4; quad++) {
        storeLanes(target, v128.load(products + quad * 16), 4, distance * 4);
        target += distance * 16;
      }
    }
  }
}

/**
 * Columns `rowBegin` to `rowEnd` of out[m, n] = x[m, k] · weight[n, k]ᵀ, for weights in a block
 * format.
 *
 * Groups of four rows of x share four weight rows that are unpacked once; single rows multiply the
 * packed weights. Both add the same integers, and then the same float32 terms in the same order, so
 * an element does not depend on the way it took.
 *
 * Where streams pay, a range takes its share of each stream instead of its columns. Ranges that cover
 * all columns compute them all either way; they begin at multiples of 16.
 *
 * @param x what `quantizeRows` made of the activations for this format.
 * @param superFormat which of them when `format` is `superBlocks`.
 * @param planes of bytes that the activations are in, 0 for words; for Q4_0, Q4_1 and Q8_0 alone.
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
  planes: i32,
): void {
  const isSuper = format == superBlocks;
  const hasMinimums =
    format == BlockFormat.Q4_1 || (isSuper && superFormat != BlockFormat.Q6_K);
  const blocks = k / blockSize;
  const weightRowBytes: usize = isSuper
    ? superRowBytes(k, superFormat)
    : blocks * blockBytes(format);
  const integerRowBytes: usize = blocks * quantizedBlockBytes(planes);
  const scaleRowBytes: usize = blocks * 4;
  const panelIntegerBytes: usize = panelRows * integerRowBytes;
  const panelRowScaleBytes: usize = blocks * panelScaleBytes;

  const weightIntegers = scratch;
  const weightScales = weightIntegers + blocks * panelBlockBytes;
  const weightMinimums = weightScales + panelRowScaleBytes;
  const products = weightMinimums + panelRowScaleBytes;

  let rows = rowEnd - rowBegin;
  if (!isSuper && panelCount(m) == 0 && streamsPay(format, planes)) {
    const distance = n / streamCount;
    const begin = rowBegin / streamCount;
    const end = rowEnd / streamCount;
    multiplySingles(x, weight, out, m, k, n, begin, end, distance, products, format, planes);
    if (rowEnd < n) return;
    // What the streams leave over is the last range's.
    rows = n % streamCount;
    rowBegin = n - rows;
  }
  weight += rowBegin * weightRowBytes;
  out += rowBegin * 4;
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
      } else if (panels > 0 && planes > 0) {
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
        if (planes > 0) {
          const parts = planes == 1 ? 1 : min(panels - panel, 2);
          // A panel without a second one is its own, with the products thrown away.
          const next = min(panels - 1, panel + 1) - panel;
          for (let part = 0; part < parts; part++) {
            multiplyPanelByPlanes(
              integers + part * panelIntegerBytes,
              integers + next * panelIntegerBytes,
              scales + part * panelRowScaleBytes,
              scales + next * panelRowScaleBytes,
              offsets + part * panelRowScaleBytes,
              offsets + next * panelRowScaleBytes,
              weightIntegers,
              weightScales,
              weightMinimums,
              products + part * (panelRows * panelRows * 4),
              blocks,
              format,
              planes,
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
        if (isSuper) {
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
            planes,
          );
        }
        storeLanes(target, product, count, distance * 4);
        target += n * 4;
      }
    }
    x += segmentBytes(chunk, blocks, planes);
    out += segmentRows * n * 4;
  }
}

/** `multiplyBlocks`, compiled apart for each number of planes. */
@inline
function multiplyByPlanes(
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
  planes: i32,
): void {
  if (ASC_FEATURE_RELAXED_SIMD && planes == 1) {
    multiplyBlocks(x, weight, out, m, k, n, rowBegin, rowEnd, scratch, format, 0, 1);
  } else if (ASC_FEATURE_RELAXED_SIMD && planes == 2) {
    multiplyBlocks(x, weight, out, m, k, n, rowBegin, rowEnd, scratch, format, 0, 2);
  } else {
    multiplyBlocks(x, weight, out, m, k, n, rowBegin, rowEnd, scratch, format, 0, 0);
  }
}

/**
 * Columns `rowBegin` to `rowEnd` of out[m, n] = x[m, k] · weight[n, k]ᵀ, weights in Q4_0.
 *
 * `k` is a multiple of 32; row i of the weights starts at `weight + i * (k / 32) * 18`. Scales are
 * finite. A row of activations with infinity or NaN gives NaN. Scratch: `blockScratchBytes(k)`.
 *
 * Error of an element: at most Σ_blocks max|x| Σ|w| / 65278 (activations have 16 bits; 254 for 65278
 * where they have 8), and (k / 32 + 3) 2^-24 Σ|x w| from rounding. It does not depend on `m` or the
 * range.
 *
 * @param x the activations, from `quantizeRows`.
 * @param planes of bytes that they are in, 0 for words.
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
  planes: i32,
): void {
  const format = BlockFormat.Q4_0;
  multiplyByPlanes(x, weight, out, m, k, n, rowBegin, rowEnd, scratch, format, planes);
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
  planes: i32,
): void {
  const format = BlockFormat.Q4_1;
  multiplyByPlanes(x, weight, out, m, k, n, rowBegin, rowEnd, scratch, format, planes);
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
  planes: i32,
): void {
  const format = BlockFormat.Q8_0;
  multiplyByPlanes(x, weight, out, m, k, n, rowBegin, rowEnd, scratch, format, planes);
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
  multiplyBlocks(x, weight, out, m, k, n, rowBegin, rowEnd, scratch, superBlocks, format, 0);
}
