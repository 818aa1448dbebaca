import { BlockFormat, blockSize } from "./block-format";
import { interleaveRows, quantizedBlockBytes, quantizeRow, wordBlockBytes } from "./quantized-activations";

/**
 * A matrix of activations as integers, laid out for the products with packed weights.
 *
 * Rows come in segments of 64, whose integers stay in the L2 cache. Within a segment, groups of
 * four rows are interleaved to panels that share one unpacking of the weights; up to three rows that
 * are left over stand alone. A segment holds, one after another: the panels' integers, scales and
 * offsets, then the single rows' integers, scales and offsets.
 */

/** Rows of activations in a panel. */
export const panelRows: i32 = 4;

/** Rows in a segment. */
export const segmentRows: i32 = 64;

/** Bytes of a block's scales, or offsets, for the rows of a panel. */
export const panelScaleBytes: usize = panelRows * 4;

/** Bytes of a block of words, for the rows of a panel. */
export const panelBlockBytes: usize = panelRows * wordBlockBytes;

/** Rows of a segment that go through panels; the others, at most three, multiply packed weights. */
@inline
export function panelledRows(rows: i32): i32 {
  if (rows < panelRows) return 0;
  const rest = rows % panelRows;
  // A panel of three rows and a copy costs as much as three single rows.
  return rest == 3 ? rows : rows - rest;
}

/** Panels of a segment of `rows` rows. */
@inline
export function panelCount(rows: i32): i32 {
  return (panelledRows(rows) + panelRows - 1) / panelRows;
}

/** Bytes of a segment of `rows` rows. */
@inline
export function segmentBytes(rows: i32, blocks: i32, planes: i32): usize {
  const ofSingle: usize = quantizedBlockBytes(planes) + 8;
  const ofPanel = panelRows * ofSingle;
  const panels = panelCount(rows);
  const singles = rows - panelledRows(rows);
  return (blocks as usize) * ((panels as usize) * ofPanel + (singles as usize) * ofSingle);
}

/** Most bytes of `m` rows of `k` activations, in words or planes; `k` a multiple of 32. */
export function quantizedRowsBytes(m: i32, k: i32): usize {
  const blocks = k / blockSize;
  const whole = m / segmentRows;
  const rest = segmentBytes(m % segmentRows, blocks, 0);
  return (whole as usize) * segmentBytes(segmentRows, blocks, 0) + rest;
}

/** Bytes of scratch that {@link quantizeRows} needs. */
export function quantizeScratchBytes(k: i32): usize {
  return (k / blockSize) * panelBlockBytes;
}

/**
 * Quantizes rows `rowBegin` to `rowEnd` of x[m, k] into their places.
 *
 * @param rowBegin a multiple of 4; the range lies within one segment.
 * @param rowEnd a multiple of 4, or `m`.
 * @param planes of bytes, for the kernels of `byte-planes.ts`; 0 for words.
 * @param target `quantizedRowsBytes(m, k)` bytes, of which the rows' own are written.
 */
export function quantizeRows(
  x: usize,
  target: usize,
  m: i32,
  k: i32,
  rowBegin: i32,
  rowEnd: i32,
  scratch: usize,
  format: i32,
  planes: i32,
): void {
  const blocks = k / blockSize;
  const segment = rowBegin / segmentRows;
  const first = segment * segmentRows;
  const rows = min(m - first, segmentRows);
  const panelled = panelledRows(rows);
  const panels = panelCount(rows);
  const integerRowBytes: usize = blocks * quantizedBlockBytes(planes);
  const panelIntegerBytes = panelRows * integerRowBytes;
  const panelIntegers = target + segment * segmentBytes(segmentRows, blocks, planes);
  const panelScales = panelIntegers + panels * panelIntegerBytes;
  const panelOffsets = panelScales + panels * blocks * panelScaleBytes;
  const singles = rows - panelled;
  const singleIntegers = panelOffsets + panels * blocks * panelScaleBytes;
  const singleScales = singleIntegers + singles * integerRowBytes;
  const singleOffsets = singleScales + singles * blocks * 4;

  for (let row = rowBegin - first; row < rowEnd - first; row++) {
    const source = x + ((first + row) as usize) * k * 4;
    if (row < panelled) {
      const panel = row / panelRows;
      let member = row % panelRows;
      const last = row == panelled - 1;
      // The last row of an incomplete panel is repeated.
      do {
        quantizeRow(
          source,
          scratch + member * integerRowBytes,
          panelScales + panel * blocks * panelScaleBytes + member * 4,
          panelOffsets + panel * blocks * panelScaleBytes + member * 4,
          panelScaleBytes,
          blocks,
          format,
          planes,
        );
        member++;
      } while (last && member < panelRows);
      if (member == panelRows) {
        interleaveRows(scratch, panelIntegers + panel * panelIntegerBytes, integerRowBytes);
      }
    } else {
      const single = row - panelled;
      quantizeRow(
        source,
        singleIntegers + single * integerRowBytes,
        singleScales + single * blocks * 4,
        singleOffsets + single * blocks * 4,
        4,
        blocks,
        format,
        planes,
      );
    }
  }
}
