import { panelColumns } from "./panels";
import { multiplyAdd } from "./simd";

/** Stores `left` and `right`, plus the `count` floats at `add` if there are any. */
@inline
export function storeColumns(target: usize, add: usize, left: v128, right: v128, count: i32): void {
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

/** `rows` (1 to 6) rows of 8 columns, from the first row of the panel on. Strides in bytes. */
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
  let c00 = v128.load(panel);
  let c01 = v128.load(panel, 16);
  panel += 32;
  let c10 = c00;
  let c11 = c01;
  let c20 = c00;
  let c21 = c01;
  let c30 = c00;
  let c31 = c01;
  let c40 = c00;
  let c41 = c01;
  let c50 = c00;
  let c51 = c01;
  let a1 = a + aStride;
  let a2 = a1 + aStride;
  let a3 = a2 + aStride;
  let a4 = a3 + aStride;
  let a5 = a4 + aStride;
  const end = a + ((<usize>inner) << 2);
  for (; a < end; a += 4) {
    const left = v128.load(panel);
    const right = v128.load(panel, 16);
    panel += 32;
    const value = v128.load32_splat(a);
    c00 = multiplyAdd(value, left, c00);
    c01 = multiplyAdd(value, right, c01);
    if (rows > 1) {
      const value = v128.load32_splat(a1);
      c10 = multiplyAdd(value, left, c10);
      c11 = multiplyAdd(value, right, c11);
      a1 += 4;
    }
    if (rows > 2) {
      const value = v128.load32_splat(a2);
      c20 = multiplyAdd(value, left, c20);
      c21 = multiplyAdd(value, right, c21);
      a2 += 4;
    }
    if (rows > 3) {
      const value = v128.load32_splat(a3);
      c30 = multiplyAdd(value, left, c30);
      c31 = multiplyAdd(value, right, c31);
      a3 += 4;
    }
    if (rows > 4) {
      const value = v128.load32_splat(a4);
      c40 = multiplyAdd(value, left, c40);
      c41 = multiplyAdd(value, right, c41);
      a4 += 4;
    }
    if (rows > 5) {
      const value = v128.load32_splat(a5);
      c50 = multiplyAdd(value, left, c50);
      c51 = multiplyAdd(value, right, c51);
      a5 += 4;
    }
  }
  storeColumns(out, add, c00, c01, count);
  if (rows > 1) storeColumns(out + outStride, add ? add + addStride : 0, c10, c11, count);
  if (rows > 2) storeColumns(out + 2 * outStride, add ? add + 2 * addStride : 0, c20, c21, count);
  if (rows > 3) storeColumns(out + 3 * outStride, add ? add + 3 * addStride : 0, c30, c31, count);
  if (rows > 4) storeColumns(out + 4 * outStride, add ? add + 4 * addStride : 0, c40, c41, count);
  if (rows > 5) storeColumns(out + 5 * outStride, add ? add + 5 * addStride : 0, c50, c51, count);
}

/**
 * Rows of the highest tile. 12 sums, 2 vectors of weights and 1 of the input fill the 15 registers
 * that V8 leaves; without a fused multiply-add, the product needs one as well.
 */
@inline
function tileRows(): i32 {
  return ASC_FEATURE_RELAXED_SIMD ? 6 : 4;
}

/**
 * out = a · panels + bias (+ add): `[rows, inner] x [inner, columns]`, rows without gaps.
 *
 * @param panels of 8 columns with the bias, from {@link pack}.
 * @param add `[rows, columns]`, or 0 for none; may be `out`.
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
    let at = a;
    let offset = (<usize>column) << 2;
    // Tiles of about the same height: a low one cannot hide the latency of adding.
    for (let tiles = (rows + tileRows() - 1) / tileRows(), rest = rows; tiles > 0; tiles--) {
      const height = (rest + tiles - 1) / tiles;
      const sum = add ? add + offset : 0;
      const to = out + offset;
      if (height == 6) tile(6, at, aStride, inner, panels, sum, stride, to, stride, count);
      else if (height == 5) tile(5, at, aStride, inner, panels, sum, stride, to, stride, count);
      else if (height == 4) tile(4, at, aStride, inner, panels, sum, stride, to, stride, count);
      else if (height == 3) tile(3, at, aStride, inner, panels, sum, stride, to, stride, count);
      else if (height == 2) tile(2, at, aStride, inner, panels, sum, stride, to, stride, count);
      else tile(1, at, aStride, inner, panels, sum, stride, to, stride, count);
      rest -= height;
      at += <usize>height * aStride;
      offset += <usize>height * stride;
    }
    panels += (<usize>((inner + 1) * panelColumns)) << 2;
  }
}
