import { roundUp } from "./problem";
import { storeTransposed } from "./simd";

/**
 * Rows copied to the layouts that `multiply` reads with one pointer each:
 *
 * - quads, for its left operand: four rows, element by element, `[size][4]`;
 * - panels, for its right operand: eight neighbours, `[rows][8]` or, of rows turned to columns,
 *   `[size][8]`.
 *
 * What is missing at the edges is 0.
 */

/** Rows of a quad. */
export const quad: i32 = 4;
/** Lanes of a panel. */
export const lanes: i32 = 8;

/** The address listed at `index`. */
@inline
function pointerAt(pointers: usize, index: i32): usize {
  return load<u32>(pointers + index * 4) as usize;
}

/**
 * Four rows of `size` elements, turned: element i of row r goes to `target + i * stride + r * 4`.
 */
export function packFour(
  row0: usize,
  row1: usize,
  row2: usize,
  row3: usize,
  size: i32,
  target: usize,
  stride: usize,
): void {
  let i = 0;
  for (; i + 4 <= size; i += 4) {
    storeTransposed(
      target,
      stride,
      v128.load(row0),
      v128.load(row1),
      v128.load(row2),
      v128.load(row3),
    );
    row0 += 16;
    row1 += 16;
    row2 += 16;
    row3 += 16;
    target += 4 * stride;
  }
  for (; i < size; i++) {
    store<f32>(target, load<f32>(row0));
    store<f32>(target, load<f32>(row1), 4);
    store<f32>(target, load<f32>(row2), 8);
    store<f32>(target, load<f32>(row3), 12);
    row0 += 4;
    row1 += 4;
    row2 += 4;
    row3 += 4;
    target += stride;
  }
}

/**
 * `count` listed rows as quads.
 *
 * @param zeros - A row of zeros that stands for those missing in the last quad.
 */
export function packQuads(
  pointers: usize,
  count: i32,
  size: i32,
  zeros: usize,
  target: usize,
): void {
  const quadBytes: usize = size * quad * 4;
  for (let row = 0; row < count; row += quad) {
    packFour(
      pointerAt(pointers, row),
      row + 1 < count ? pointerAt(pointers, row + 1) : zeros,
      row + 2 < count ? pointerAt(pointers, row + 2) : zeros,
      row + 3 < count ? pointerAt(pointers, row + 3) : zeros,
      size,
      target,
      quad * 4,
    );
    target += quadBytes;
  }
}

/** Up to four listed rows as one half of a panel `[size][8]`. */
export function packHalf(
  pointers: usize,
  count: i32,
  size: i32,
  zeros: usize,
  target: usize,
): void {
  packFour(
    count > 0 ? pointerAt(pointers, 0) : zeros,
    count > 1 ? pointerAt(pointers, 1) : zeros,
    count > 2 ? pointerAt(pointers, 2) : zeros,
    count > 3 ? pointerAt(pointers, 3) : zeros,
    size,
    target,
    lanes * 4,
  );
}

/**
 * `count` listed rows as panels of eight columns, `[size / 8][rows][8]`, filled up with zeros to
 * `rows`, the distance of the panels.
 */
export function packPanels(
  pointers: usize,
  count: i32,
  size: i32,
  rows: i32,
  target: usize,
): void {
  const panelBytes: usize = rows * lanes * 4;
  const whole = size & -lanes;
  const panels = roundUp(size, lanes) / lanes;
  for (let row = 0; row < count; row++) {
    let source = pointerAt(pointers, row);
    let cell = target + row * lanes * 4;
    for (let column = 0; column < whole; column += lanes) {
      v128.store(cell, v128.load(source));
      v128.store(cell, v128.load(source, 16), 16);
      source += lanes * 4;
      cell += panelBytes;
    }
    if (whole < size) {
      for (let column = 0; column < lanes; column++) {
        const value: f32 = whole + column < size ? load<f32>(source + column * 4) : 0;
        store<f32>(cell + column * 4, value);
      }
    }
  }
  for (let panel = 0; panel < panels; panel++) {
    const end = target + panel * panelBytes;
    memory.fill(end + count * lanes * 4, 0, (rows - count) * lanes * 4);
  }
}
