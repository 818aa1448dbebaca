import { multiplyAdd, sumLanes, sumLanesOfFour } from "./simd";

/** Columns of a panel: two vectors, so that 4 rows fill 8 accumulators. */
const panelColumns: i32 = 8;

/** Bytes of {@link pack}'s result. */
export function packedBytes(inner: i32, columns: i32): usize {
  const panels = (columns + panelColumns - 1) / panelColumns;
  return ((<usize>panels * inner * panelColumns) << 2) + 64;
}

/**
 * Copies a matrix `[inner, columns]` into panels of 8 columns, each `[inner][8]`, padded with zeros,
 * so that the tile reads it in order.
 *
 * @param rowStride elements between neighbours of a column; `columnStride` between those of a row.
 */
export function pack(
  source: usize,
  rowStride: i32,
  columnStride: i32,
  inner: i32,
  columns: i32,
  target: usize,
): void {
  for (let column = 0; column < columns; column += panelColumns) {
    const count = min(panelColumns, columns - column);
    for (let k = 0; k < inner; k++) {
      const row = source + ((<usize>(k * rowStride + column * columnStride)) << 2);
      if (columnStride == 1 && count == panelColumns) {
        v128.store(target, v128.load(row));
        v128.store(target, v128.load(row, 16), 16);
      } else {
        for (let j = 0; j < panelColumns; j++) {
          const value: f32 = j < count ? f32.load(row + ((<usize>(j * columnStride)) << 2)) : 0;
          f32.store(target + ((<usize>j) << 2), value);
        }
      }
      target += panelColumns << 2;
    }
  }
}

/** Stores `left` and `right`, plus the `count` floats at `add` if there are any. */
@inline
function storeColumns(target: usize, add: usize, left: v128, right: v128, count: i32): void {
  if (count >= panelColumns) {
    v128.store(target, add ? f32x4.add(left, v128.load(add)) : left);
    v128.store(target, add ? f32x4.add(right, v128.load(add, 16)) : right, 16);
    return;
  }
  for (let j = 0; j < count; j++) {
    const sum: f32 = add ? f32.load(add + ((<usize>j) << 2)) : 0;
    f32.store(target + ((<usize>j) << 2), sum + f32x4.extract_lane(left, 0));
    // The next lane moves to the front.
    left = v128.shuffle<f32>(left, right, 1, 2, 3, 4);
    right = v128.shuffle<f32>(right, right, 1, 2, 3, 3);
  }
}

/** `rows` (1 to 4) rows of 8 columns. Strides in bytes. */
@inline
function tile(
  rows: i32,
  a: usize,
  aStride: usize,
  inner: i32,
  panel: usize,
  add: usize,
  addStride: usize,
  out: usize,
  outStride: usize,
  count: i32,
): void {
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  const end = a + ((<usize>inner) << 2);
  for (let at = a; at < end; at += 4) {
    const left = v128.load(panel);
    const right = v128.load(panel, 16);
    panel += 32;
    const a0 = v128.load32_splat(at);
    c00 = multiplyAdd(a0, left, c00);
    c01 = multiplyAdd(a0, right, c01);
    if (rows > 1) {
      const a1 = v128.load32_splat(at + aStride);
      c10 = multiplyAdd(a1, left, c10);
      c11 = multiplyAdd(a1, right, c11);
    }
    if (rows > 2) {
      const a2 = v128.load32_splat(at + 2 * aStride);
      c20 = multiplyAdd(a2, left, c20);
      c21 = multiplyAdd(a2, right, c21);
    }
    if (rows > 3) {
      const a3 = v128.load32_splat(at + 3 * aStride);
      c30 = multiplyAdd(a3, left, c30);
      c31 = multiplyAdd(a3, right, c31);
    }
  }
  storeColumns(out, add, c00, c01, count);
  if (rows > 1) storeColumns(out + outStride, add ? add + addStride : 0, c10, c11, count);
  if (rows > 2) storeColumns(out + 2 * outStride, add ? add + 2 * addStride : 0, c20, c21, count);
  if (rows > 3) storeColumns(out + 3 * outStride, add ? add + 3 * addStride : 0, c30, c31, count);
}

/**
 * out = a · panels (+ add): `[rows, inner] x [inner, columns]`, rows without gaps.
 *
 * @param panels from {@link pack}. @param add `[rows, columns]`, or 0 for none; may be `out`.
 */
export function multiply(
  a: usize,
  rows: i32,
  inner: i32,
  panels: usize,
  columns: i32,
  add: usize,
  out: usize,
): void {
  const aStride = (<usize>inner) << 2;
  const stride = (<usize>columns) << 2;
  for (let column = 0; column < columns; column += panelColumns) {
    const count = min(panelColumns, columns - column);
    const shift = (<usize>column) << 2;
    let row = 0;
    for (; row + 4 <= rows; row += 4) {
      const offset = <usize>row * stride + shift;
      const at = a + <usize>row * aStride;
      const sum = add ? add + offset : 0;
      tile(4, at, aStride, inner, panels, sum, stride, out + offset, stride, count);
    }
    const offset = <usize>row * stride + shift;
    const at = a + <usize>row * aStride;
    const sum = add ? add + offset : 0;
    const rest = rows - row;
    if (rest == 1) tile(1, at, aStride, inner, panels, sum, stride, out + offset, stride, count);
    if (rest == 2) tile(2, at, aStride, inner, panels, sum, stride, out + offset, stride, count);
    if (rest == 3) tile(3, at, aStride, inner, panels, sum, stride, out + offset, stride, count);
    panels += (<usize>inner * panelColumns) << 2;
  }
}

/**
 * out = weight · x + add: one row times the rows of `weight [columns, inner]`, which is not packed.
 * Eight rows at a time: eight sums hide the latency of the adder.
 *
 * @param fromEnd whether to begin with the last rows. A caller that alternates finds half of a weight
 * that exceeds the cache still there from its last call.
 */
export function multiplyRow(
  x: usize,
  inner: i32,
  weight: usize,
  columns: i32,
  add: usize,
  out: usize,
  fromEnd: bool,
): void {
  const stride = (<usize>inner) << 2;
  const wide = inner & ~3;
  const end = x + ((<usize>wide) << 2);
  const groups = columns >> 3;
  for (let index = 0; index < groups; index++) {
    const column = (fromEnd ? groups - 1 - index : index) << 3;
    let a = f32x4.splat(0);
    let b = a;
    let c = a;
    let d = a;
    let e = a;
    let f = a;
    let g = a;
    let h = a;
    let low = weight + (<usize>column) * stride;
    let high = low + 4 * stride;
    for (let at = x; at < end; at += 16) {
      const value = v128.load(at);
      a = multiplyAdd(value, v128.load(low), a);
      b = multiplyAdd(value, v128.load(low + stride), b);
      c = multiplyAdd(value, v128.load(low + 2 * stride), c);
      d = multiplyAdd(value, v128.load(low + 3 * stride), d);
      e = multiplyAdd(value, v128.load(high), e);
      f = multiplyAdd(value, v128.load(high + stride), f);
      g = multiplyAdd(value, v128.load(high + 2 * stride), g);
      h = multiplyAdd(value, v128.load(high + 3 * stride), h);
      low += 16;
      high += 16;
    }
    let left = sumLanesOfFour(a, b, c, d);
    let right = sumLanesOfFour(e, f, g, h);
    for (let at = end; at < x + stride; at += 4) {
      const value = v128.load32_splat(at);
      left = multiplyAdd(value, column4(low, stride), left);
      right = multiplyAdd(value, column4(high, stride), right);
      low += 4;
      high += 4;
    }
    const offset = (<usize>column) << 2;
    v128.store(out + offset, add ? f32x4.add(left, v128.load(add + offset)) : left);
    v128.store(out + offset, add ? f32x4.add(right, v128.load(add + offset, 16)) : right, 16);
  }
  weight += (<usize>(groups << 3)) * stride;
  for (let column = groups << 3; column < columns; column++) {
    let sums = f32x4.splat(0);
    for (let k = 0; k < wide; k += 4) {
      const offset = (<usize>k) << 2;
      sums = multiplyAdd(v128.load(x + offset), v128.load(weight + offset), sums);
    }
    let sum = sumLanes(sums);
    for (let k = wide; k < inner; k++) {
      const offset = (<usize>k) << 2;
      sum += f32.load(x + offset) * f32.load(weight + offset);
    }
    const offset = (<usize>column) << 2;
    f32.store(out + offset, add ? sum + f32.load(add + offset) : sum);
    weight += stride;
  }
}

/** One element of each of four rows. */
@inline
function column4(row: usize, stride: usize): v128 {
  let lanes = v128.load32_splat(row);
  lanes = v128.load32_lane(row + stride, lanes, 1);
  lanes = v128.load32_lane(row + 2 * stride, lanes, 2);
  return v128.load32_lane(row + 3 * stride, lanes, 3);
}
