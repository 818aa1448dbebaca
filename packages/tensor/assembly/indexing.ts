/** Picking and adding by index; elements of four bytes, indexes int32 and checked by the caller. */

/** out[row, i] = x[row, index[row, i]]: rows of `columns` and of `width` elements. */
export function gather(
  x: usize,
  index: usize,
  out: usize,
  rows: i32,
  columns: i32,
  width: i32,
): void {
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < width; i++) {
      store<u32>(out + i * 4, load<u32>(x + load<i32>(index + i * 4) * 4));
    }
    x += columns * 4;
    index += width * 4;
    out += width * 4;
  }
}

/** Rows `ids` of a table of rows of `rowBytes` bytes. */
export function takeRows(table: usize, ids: usize, out: usize, count: i32, rowBytes: i32): void {
  for (let i = 0; i < count; i++) {
    memory.copy(out, table + load<i32>(ids + i * 4) * rowBytes, rowBytes);
    out += rowBytes;
  }
}

/** out[row] is 0, plus source[row, i] at index[row, i]: float32, added in order. */
export function scatterAdd(
  index: usize,
  source: usize,
  out: usize,
  rows: i32,
  width: i32,
  columns: i32,
): void {
  memory.fill(out, 0, rows * columns * 4);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < width; i++) {
      const place = out + load<i32>(index + i * 4) * 4;
      store<f32>(place, load<f32>(place) + load<f32>(source + i * 4));
    }
    index += width * 4;
    source += width * 4;
    out += columns * 4;
  }
}

/** As `scatterAdd`, of int32. */
export function scatterAddIntegers(
  index: usize,
  source: usize,
  out: usize,
  rows: i32,
  width: i32,
  columns: i32,
): void {
  memory.fill(out, 0, rows * columns * 4);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < width; i++) {
      const place = out + load<i32>(index + i * 4) * 4;
      store<i32>(place, load<i32>(place) + load<i32>(source + i * 4));
    }
    index += width * 4;
    source += width * 4;
    out += columns * 4;
  }
}

/** A table of `rows` rows of 0, with row i of `source` added to row ids[i]: float32, in order. */
export function scatterAddRows(
  ids: usize,
  source: usize,
  out: usize,
  count: i32,
  rows: i32,
  n: i32,
): void {
  memory.fill(out, 0, rows * n * 4);
  for (let i = 0; i < count; i++) {
    const target = out + load<i32>(ids + i * 4) * n * 4;
    let at = 0;
    for (; at + 4 <= n; at += 4) {
      const place = target + at * 4;
      v128.store(place, f32x4.add(v128.load(place), v128.load(source + at * 4)));
    }
    for (; at < n; at++) {
      const place = target + at * 4;
      store<f32>(place, load<f32>(place) + load<f32>(source + at * 4));
    }
    source += n * 4;
  }
}

/** Sums up to each element of a row, in float64. `out` may be `x`. */
export function cumulativeSum(x: usize, out: usize, rows: i32, n: i32): void {
  for (let row = 0; row < rows; row++) {
    let sum: f64 = 0;
    for (let i = 0; i < n; i++) {
      sum += load<f32>(x) as f64;
      store<f32>(out, sum as f32);
      x += 4;
      out += 4;
    }
  }
}

/** As `cumulativeSum`, of int32. */
export function cumulativeSumIntegers(x: usize, out: usize, rows: i32, n: i32): void {
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let i = 0; i < n; i++) {
      sum += load<i32>(x);
      store<i32>(out, sum);
      x += 4;
      out += 4;
    }
  }
}

/**
 * Copies rows with 0 on one side of a diagonal. Elements of matrices of `height` rows stay where
 * column - row - diagonal is at most 0, or for `isUpper` at least 0.
 */
export function triangle(
  x: usize,
  out: usize,
  rows: i32,
  n: i32,
  height: i32,
  diagonal: i32,
  isUpper: i32,
): void {
  for (let row = 0; row < rows; row++) {
    const place = (row % height) + diagonal;
    // The elements before `cut` are on the lower side.
    const cut = max(0, min(n, isUpper != 0 ? place : place + 1));
    const lower: usize = cut * 4;
    const upper: usize = (n - cut) * 4;
    if (isUpper != 0) {
      memory.fill(out, 0, lower);
      memory.copy(out + lower, x + lower, upper);
    } else {
      memory.copy(out, x, lower);
      memory.fill(out + lower, 0, upper);
    }
    x += n * 4;
    out += n * 4;
  }
}

/** Copies `rows` runs of `bytes` bytes, `sourceStride` and `targetStride` bytes apart. */
export function copyRows(
  source: usize,
  target: usize,
  rows: i32,
  bytes: i32,
  sourceStride: i32,
  targetStride: i32,
): void {
  for (let row = 0; row < rows; row++) {
    memory.copy(target, source, bytes);
    source += sourceStride;
    target += targetStride;
  }
}
