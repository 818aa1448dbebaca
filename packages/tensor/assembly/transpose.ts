import { storeTransposedRows } from "./simd";

/** Rows of the result that a pass makes: as many as a cache line of the source holds. */
const passRows: i32 = 16;

/**
 * Transposes a matrix of 4-byte elements: target[row, column] = source[column, row].
 *
 * @param sourceStride, targetStride bytes between neighbours of `column` in the source and of `row`
 *   in the target; the other dimension of each is contiguous.
 */
export function transpose(
  source: usize,
  target: usize,
  rows: i32,
  columns: i32,
  sourceStride: i32,
  targetStride: i32,
): void {
  for (let pass = 0; pass < rows; pass += passRows) {
    const end = min(rows, pass + passRows);
    let column = 0;
    for (; column + 4 <= columns; column += 4) {
      const from = source + column * sourceStride;
      const to = target + column * 4;
      let row = pass;
      for (; row + 4 <= end; row += 4) {
        const at = from + row * 4;
        storeTransposedRows(
          to + row * targetStride,
          targetStride,
          v128.load(at),
          v128.load(at + sourceStride),
          v128.load(at + 2 * sourceStride),
          v128.load(at + 3 * sourceStride),
        );
      }
      for (; row < end; row++) {
        const at = from + row * 4;
        const place = to + row * targetStride;
        store<u32>(place, load<u32>(at));
        store<u32>(place, load<u32>(at + sourceStride), 4);
        store<u32>(place, load<u32>(at + 2 * sourceStride), 8);
        store<u32>(place, load<u32>(at + 3 * sourceStride), 12);
      }
    }
    for (; column < columns; column++) {
      for (let row = pass; row < end; row++) {
        const value = load<u32>(source + column * sourceStride + row * 4);
        store<u32>(target + row * targetStride + column * 4, value);
      }
    }
  }
}
