import { loadPart } from "./simd";

/**
 * Reductions of rows and of columns.
 *
 * Sums and products take float32 steps within blocks and add the blocks in float64, so that the
 * result does not drift with the length: error at most 40 · 2^-24 Σ|x| for sums.
 */
namespace Form {
  export const Sum: i32 = 0;
  export const Product: i32 = 1;
  export const Maximum: i32 = 2;
  export const Minimum: i32 = 3;
  export const SumIntegers: i32 = 4;
  export const MaximumOfIntegers: i32 = 5;
  export const MinimumOfIntegers: i32 = 6;
}

/** Elements that are folded in float32 before float64 takes over. */
const blockSize: i32 = 512;

/** Rows that are folded in float32 before float64 takes over. */
const blockRows: i32 = 32;

@inline
function isInteger(form: i32): bool {
  return form >= Form.SumIntegers;
}

/** Lanes that leave a fold as it is. */
@inline
function neutral(form: i32): v128 {
  if (form == Form.Product) return f32x4.splat(1);
  if (form == Form.Maximum) return f32x4.splat(f32.NEGATIVE_INFINITY);
  if (form == Form.Minimum) return f32x4.splat(f32.POSITIVE_INFINITY);
  if (form == Form.MaximumOfIntegers) return i32x4.splat(i32.MIN_VALUE);
  if (form == Form.MinimumOfIntegers) return i32x4.splat(i32.MAX_VALUE);
  return i32x4.splat(0);
}

/** NaN wins: it fails the comparison, and is kept by the order of the operands. */
@inline
function fold(form: i32, sum: v128, x: v128): v128 {
  if (form == Form.Sum) return f32x4.add(sum, x);
  if (form == Form.Product) return f32x4.mul(sum, x);
  if (form == Form.Maximum) return f32x4.max(sum, x);
  if (form == Form.Minimum) return f32x4.min(sum, x);
  if (form == Form.SumIntegers) return i32x4.add(sum, x);
  if (form == Form.MaximumOfIntegers) return i32x4.max_s(sum, x);
  return i32x4.min_s(sum, x);
}

/** Folds up to `n` elements to four lanes. */
@inline
function foldBlock(form: i32, x: usize, n: i32): v128 {
  const start = neutral(form);
  let s0 = start, s1 = start, s2 = start, s3 = start;
  let end = x + (n & -16) * 4;
  while (x < end) {
    s0 = fold(form, s0, v128.load(x));
    s1 = fold(form, s1, v128.load(x, 16));
    s2 = fold(form, s2, v128.load(x, 32));
    s3 = fold(form, s3, v128.load(x, 48));
    x += 64;
  }
  end = x + (n & 12) * 4;
  while (x < end) {
    s0 = fold(form, s0, v128.load(x));
    x += 16;
  }
  const rest = n & 3;
  if (rest > 0) s1 = fold(form, s1, loadPart(x, rest, start));
  return fold(form, fold(form, s0, s1), fold(form, s2, s3));
}

@inline
function foldLanes(form: i32, a: v128): v128 {
  a = fold(form, a, v128.shuffle<f32>(a, a, 2, 3, 0, 1));
  return fold(form, a, v128.shuffle<f32>(a, a, 1, 0, 3, 2));
}

@inline
function reduceRows(form: i32, x: usize, out: usize, rows: i32, n: i32, rowBytes: i32): void {
  for (let row = 0; row < rows; row++) {
    if (form == Form.Sum || form == Form.Product) {
      let low = f64x2.splat(form == Form.Sum ? 0 : 1);
      let high = low;
      for (let i = 0; i < n; i += blockSize) {
        const lanes = foldBlock(form, x + i * 4, min(n - i, blockSize));
        const a = f64x2.promote_low_f32x4(lanes);
        const b = f64x2.promote_low_f32x4(v128.shuffle<f32>(lanes, lanes, 2, 3, 2, 3));
        low = form == Form.Sum ? f64x2.add(low, a) : f64x2.mul(low, a);
        high = form == Form.Sum ? f64x2.add(high, b) : f64x2.mul(high, b);
      }
      low = form == Form.Sum ? f64x2.add(low, high) : f64x2.mul(low, high);
      const first = f64x2.extract_lane(low, 0);
      const second = f64x2.extract_lane(low, 1);
      store<f32>(out, (form == Form.Sum ? first + second : first * second) as f32);
    } else {
      v128.store_lane<i32>(out, foldLanes(form, foldBlock(form, x, n)), 0);
    }
    x += rowBytes;
    out += 4;
  }
}

/** Folds `rows` rows of four vectors each, or of one, into `out`; the first block sets it. */
@inline
function reduceColumns(
  form: i32,
  x: usize,
  out: usize,
  rows: i32,
  n: i32,
  rowBytes: i32,
  scratch: usize,
): void {
  const isWide = form == Form.Sum || form == Form.Product;
  const start = neutral(form);
  const rest = n & 3;
  for (let row = 0; row < rows || row == 0; row += blockRows) {
    const count = min(rows - row, blockRows);
    const block = x + row * rowBytes;
    let sums = isWide ? scratch : out;
    for (let column = 0; column < n; ) {
      const width = n - column;
      let s0 = start, s1 = start, s2 = start, s3 = start;
      let at = block + column * 4;
      let lanes = 16;
      if (width >= 16) {
        for (let i = 0; i < count; i++) {
          s0 = fold(form, s0, v128.load(at));
          s1 = fold(form, s1, v128.load(at, 16));
          s2 = fold(form, s2, v128.load(at, 32));
          s3 = fold(form, s3, v128.load(at, 48));
          at += rowBytes;
        }
      } else if (width >= 4) {
        lanes = 4;
        for (let i = 0; i < count; i++) {
          s0 = fold(form, s0, v128.load(at));
          at += rowBytes;
        }
      } else {
        lanes = rest;
        for (let i = 0; i < count; i++) {
          s0 = fold(form, s0, loadPart(at, rest, start));
          at += rowBytes;
        }
      }
      const isFirst = row == 0;
      mergeColumns(form, s0, sums, min(lanes, 4), isFirst);
      if (lanes == 16) {
        const step: usize = isWide ? 32 : 16;
        mergeColumns(form, s1, sums + step, 4, isFirst);
        mergeColumns(form, s2, sums + 2 * step, 4, isFirst);
        mergeColumns(form, s3, sums + 3 * step, 4, isFirst);
      }
      sums += lanes * (isWide ? 8 : 4);
      column += lanes;
    }
  }
  if (!isWide) return;
  for (let column = 0; column < n; column++) {
    store<f32>(out + column * 4, load<f64>(scratch + column * 8) as f32);
  }
}

/** Folds four lanes into float64 sums, or into 32-bit ones for the forms that do not round. */
@inline
function mergeColumns(form: i32, lanes: v128, sums: usize, count: i32, isFirst: bool): void {
  if (form == Form.Sum || form == Form.Product) {
    let low = f64x2.promote_low_f32x4(lanes);
    let high = f64x2.promote_low_f32x4(v128.shuffle<f32>(lanes, lanes, 2, 3, 2, 3));
    if (!isFirst) {
      const a = v128.load(sums);
      const b = v128.load(sums, 16);
      low = form == Form.Sum ? f64x2.add(low, a) : f64x2.mul(low, a);
      high = form == Form.Sum ? f64x2.add(high, b) : f64x2.mul(high, b);
    }
    v128.store(sums, low);
    v128.store(sums, high, 16);
    return;
  }
  if (count == 4) {
    v128.store(sums, isFirst ? lanes : fold(form, v128.load(sums), lanes));
    return;
  }
  const merged = isFirst ? lanes : fold(form, loadPart(sums, count, neutral(form)), lanes);
  v128.store_lane<i32>(sums, merged, 0);
  if (count > 1) v128.store_lane<i32>(sums + 4, merged, 1);
  if (count > 2) v128.store_lane<i32>(sums + 8, merged, 2);
}

/** Bytes of scratch that the reductions of `n` columns need. */
export function columnsScratchBytes(n: i32): i32 {
  return n * 8 + 32;
}

/** Σ x, of each row of `n` elements; rows are `rowBytes` apart. */
export function sumRows(x: usize, out: usize, rows: i32, n: i32, rowBytes: i32): void {
  reduceRows(Form.Sum, x, out, rows, n, rowBytes);
}

/** Σ x, of each of `n` columns of `rows` elements. Scratch: `columnsScratchBytes(n)`. */
export function sumColumns(
  x: usize,
  out: usize,
  rows: i32,
  n: i32,
  rowBytes: i32,
  scratch: usize,
): void {
  reduceColumns(Form.Sum, x, out, rows, n, rowBytes, scratch);
}

/** Π x, of each row of `n` elements; rows are `rowBytes` apart. */
export function productRows(x: usize, out: usize, rows: i32, n: i32, rowBytes: i32): void {
  reduceRows(Form.Product, x, out, rows, n, rowBytes);
}

/** Π x, of each of `n` columns of `rows` elements. Scratch: `columnsScratchBytes(n)`. */
export function productColumns(
  x: usize,
  out: usize,
  rows: i32,
  n: i32,
  rowBytes: i32,
  scratch: usize,
): void {
  reduceColumns(Form.Product, x, out, rows, n, rowBytes, scratch);
}

/** The largest, NaN where there is one, of each row of `n` elements; rows are `rowBytes` apart. */
export function largestRows(x: usize, out: usize, rows: i32, n: i32, rowBytes: i32): void {
  reduceRows(Form.Maximum, x, out, rows, n, rowBytes);
}

/** The largest, NaN where there is one, of each of `n` columns of `rows` elements. Scratch: `columnsScratchBytes(n)`. */
export function largestColumns(
  x: usize,
  out: usize,
  rows: i32,
  n: i32,
  rowBytes: i32,
  scratch: usize,
): void {
  reduceColumns(Form.Maximum, x, out, rows, n, rowBytes, scratch);
}

/** The smallest, NaN where there is one, of each row of `n` elements; rows are `rowBytes` apart. */
export function smallestRows(x: usize, out: usize, rows: i32, n: i32, rowBytes: i32): void {
  reduceRows(Form.Minimum, x, out, rows, n, rowBytes);
}

/** The smallest, NaN where there is one, of each of `n` columns of `rows` elements. Scratch: `columnsScratchBytes(n)`. */
export function smallestColumns(
  x: usize,
  out: usize,
  rows: i32,
  n: i32,
  rowBytes: i32,
  scratch: usize,
): void {
  reduceColumns(Form.Minimum, x, out, rows, n, rowBytes, scratch);
}

/** Σ x of int32, of each row of `n` elements; rows are `rowBytes` apart. */
export function sumIntegersRows(x: usize, out: usize, rows: i32, n: i32, rowBytes: i32): void {
  reduceRows(Form.SumIntegers, x, out, rows, n, rowBytes);
}

/** Σ x of int32, of each of `n` columns of `rows` elements. Scratch: `columnsScratchBytes(n)`. */
export function sumIntegersColumns(
  x: usize,
  out: usize,
  rows: i32,
  n: i32,
  rowBytes: i32,
  scratch: usize,
): void {
  reduceColumns(Form.SumIntegers, x, out, rows, n, rowBytes, scratch);
}

/** The largest int32, of each row of `n` elements; rows are `rowBytes` apart. */
export function largestIntegerRows(x: usize, out: usize, rows: i32, n: i32, rowBytes: i32): void {
  reduceRows(Form.MaximumOfIntegers, x, out, rows, n, rowBytes);
}

/** The largest int32, of each of `n` columns of `rows` elements. Scratch: `columnsScratchBytes(n)`. */
export function largestIntegerColumns(
  x: usize,
  out: usize,
  rows: i32,
  n: i32,
  rowBytes: i32,
  scratch: usize,
): void {
  reduceColumns(Form.MaximumOfIntegers, x, out, rows, n, rowBytes, scratch);
}

/** The smallest int32, of each row of `n` elements; rows are `rowBytes` apart. */
export function smallestIntegerRows(x: usize, out: usize, rows: i32, n: i32, rowBytes: i32): void {
  reduceRows(Form.MinimumOfIntegers, x, out, rows, n, rowBytes);
}

/** The smallest int32, of each of `n` columns of `rows` elements. Scratch: `columnsScratchBytes(n)`. */
export function smallestIntegerColumns(
  x: usize,
  out: usize,
  rows: i32,
  n: i32,
  rowBytes: i32,
  scratch: usize,
): void {
  reduceColumns(Form.MinimumOfIntegers, x, out, rows, n, rowBytes, scratch);
}

/** 1 where a row of bytes has one that is not 0. */
export function anyRows(x: usize, out: usize, rows: i32, n: i32, rowBytes: i32): void {
  for (let row = 0; row < rows; row++) {
    let found = i8x16.splat(0);
    let i = 0;
    for (; i + 16 <= n; i += 16) found = v128.or(found, v128.load(x + i));
    let isFound: bool = v128.any_true(found);
    for (; i < n; i++) isFound = isFound || load<u8>(x + i) != 0;
    store<u8>(out + row, isFound ? 1 : 0);
    x += rowBytes;
  }
}

/** 1 where no byte of a row is 0. */
export function allRows(x: usize, out: usize, rows: i32, n: i32, rowBytes: i32): void {
  for (let row = 0; row < rows; row++) {
    let isTrue = true;
    let i = 0;
    for (; i + 16 <= n; i += 16) isTrue = isTrue && i8x16.all_true(v128.load(x + i));
    for (; i < n; i++) isTrue = isTrue && load<u8>(x + i) != 0;
    store<u8>(out + row, isTrue ? 1 : 0);
    x += rowBytes;
  }
}
