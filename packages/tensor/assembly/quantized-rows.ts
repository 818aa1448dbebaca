import { BlockFormat, blockSize } from "./block-format";
import { interleavePairs, quantizedBlockBytes, quantizeRow } from "./quantized-activations";

/**
 * A matrix of activations as 16-bit integers, laid out for the products with packed weights.
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

/** Bytes of a block's integers for the rows of a panel. */
export const panelBlockBytes: usize = panelRows * quantizedBlockBytes;

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
export function segmentBytes(rows: i32, blocks: i32): usize {
  const ofPanel = panelBlockBytes + 2 * panelScaleBytes;
  const ofSingle: usize = quantizedBlockBytes + 8;
  const panels = panelCount(rows);
  const singles = rows - panelledRows(rows);
  return (blocks as usize) * ((panels as usize) * ofPanel + (singles as usize) * ofSingle);
}

/** Bytes of `m` rows of `k` activations, `k` a multiple of 32. */
export function quantizedRowsBytes(m: i32, k: i32): usize {
  const blocks = k / blockSize;
  const whole = m / segmentRows;
  return (whole as usize) * segmentBytes(segmentRows, blocks) + segmentBytes(m % segmentRows, blocks);
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
 * @param planes for the kernels of `byte-planes.ts`.
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
  planes: bool,
): void {
  const blocks = k / blockSize;
  const segment = rowBegin / segmentRows;
  const first = segment * segmentRows;
  const rows = min(m - first, segmentRows);
  const panelled = panelledRows(rows);
  const panels = panelCount(rows);
  const integerRowBytes: usize = blocks * quantizedBlockBytes;
  const panelIntegers = target + segment * segmentBytes(segmentRows, blocks);
  const panelScales = panelIntegers + panels * blocks * panelBlockBytes;
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
        interleavePairs(scratch, panelIntegers + panel * blocks * panelBlockBytes, k);
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
