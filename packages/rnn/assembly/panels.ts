import { storeTransposed } from "./simd";

/** Columns of a panel for several rows: two vectors. */
export const panelColumns: i32 = 8;

/** Columns of a panel for a single row: eight vectors. */
export const widePanelColumns: i32 = 32;

/** Bytes of {@link pack}'s result, whatever the width. */
export function packedBytes(inner: i32, columns: i32): usize {
  const padded = (columns + widePanelColumns - 1) & -widePanelColumns;
  return (<usize>((inner + 1) * padded)) << 2;
}

/**
 * Copies a matrix `[inner, columns]` into panels of `width` columns, so that a product reads it in
 * order: each `[1 + inner][width]`, first the bias, padded with zeros.
 *
 * @param bias `[columns]`, or 0 for none.
 * @param rowStride elements between neighbours of a column; `columnStride` between those of a row.
 * @param width a multiple of 4.
 */
export function pack(
  source: usize,
  rowStride: i32,
  columnStride: i32,
  inner: i32,
  columns: i32,
  bias: usize,
  width: i32,
  target: usize,
): void {
  const padded = (columns + width - 1) / width * width;
  for (let column = 0; column < padded; column += 4) {
    const first = column % width;
    const count = columns - column;
    const widthBytes = (<usize>width) << 2;
    const place = target + ((<usize>((column - first) * (inner + 1) + first)) << 2);
    if (bias) packFourColumns(bias + ((<usize>column) << 2), 0, 4, 1, count, place, widthBytes);
    else v128.store(place, f32x4.splat(0));
    packFourColumns(
      source + ((<usize>(column * columnStride)) << 2),
      (<usize>rowStride) << 2,
      (<usize>columnStride) << 2,
      inner,
      count,
      place + widthBytes,
      widthBytes,
    );
  }
}

/** Strides in bytes. Columns from `count` on are zeros. */
function packFourColumns(
  source: usize,
  rowStride: usize,
  columnStride: usize,
  inner: i32,
  count: i32,
  target: usize,
  targetStride: usize,
): void {
  let k = 0;
  if (count >= 4 && rowStride == 4) {
    for (; k + 4 <= inner; k += 4) {
      storeTransposed(
        target,
        targetStride,
        v128.load(source),
        v128.load(source + columnStride),
        v128.load(source + 2 * columnStride),
        v128.load(source + 3 * columnStride),
      );
      source += 16;
      target += 4 * targetStride;
    }
  }
  for (; k < inner; k++) {
    if (count >= 4 && columnStride == 4) {
      v128.store(target, v128.load(source));
    } else {
      for (let j = 0; j < 4; j++) {
        const value: f32 = j < count ? f32.load(source + <usize>j * columnStride) : 0;
        f32.store(target + ((<usize>j) << 2), value);
      }
    }
    source += rowStride;
    target += targetStride;
  }
}
