import { widePanelColumns } from "./panels";
import { multiplyAdd, sumLanes, sumLanesOfFour } from "./simd";

/** out = a · weightᵀ + bias (+ add): few rows, by {@link multiplyRow}. */
export function multiplyRows(
  a: usize,
  rows: i32,
  inner: i32,
  weight: usize,
  columns: i32,
  bias: usize,
  add: usize,
  out: usize,
  fromEnd: bool,
): void {
  for (let row: usize = 0; row < <usize>rows; row++) {
    const offset = (row * columns) << 2;
    const sum = add ? add + offset : 0;
    const isOdd = (row & 1) == 1;
    const at = a + ((row * inner) << 2);
    multiplyRow(at, inner, weight, columns, bias, sum, out + offset, fromEnd != isOdd);
  }
}

/**
 * out = weight · x + bias (+ add): one row times the rows of `weight [columns, inner]`, which is not
 * packed.
 * Eight rows at a time: eight sums hide the latency of the adder.
 *
 * @param fromEnd whether to begin with the last rows. A caller that alternates finds half of a weight
 * that exceeds the cache still there from its last call.
 */
function multiplyRow(
  x: usize,
  inner: i32,
  weight: usize,
  columns: i32,
  bias: usize,
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
    left = f32x4.add(left, v128.load(bias + offset));
    right = f32x4.add(right, v128.load(bias + offset, 16));
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
    sum += f32.load(bias + offset);
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

/**
 * One row times a panel, from its bias on, and `add` if there is one. `inner` is a multiple of 4: a
 * second loop, for a rest, would make the V8 of Node 20 keep the sums in memory.
 */
@inline
function wideProduct(x: usize, inner: i32, panel: usize, add: usize, out: usize): void {
  let a = v128.load(panel);
  let b = v128.load(panel, 16);
  let c = v128.load(panel, 32);
  let d = v128.load(panel, 48);
  let e = v128.load(panel, 64);
  let f = v128.load(panel, 80);
  let g = v128.load(panel, 96);
  let h = v128.load(panel, 112);
  if (add) {
    a = f32x4.add(a, v128.load(add));
    b = f32x4.add(b, v128.load(add, 16));
    c = f32x4.add(c, v128.load(add, 32));
    d = f32x4.add(d, v128.load(add, 48));
    e = f32x4.add(e, v128.load(add, 64));
    f = f32x4.add(f, v128.load(add, 80));
    g = f32x4.add(g, v128.load(add, 96));
    h = f32x4.add(h, v128.load(add, 112));
  }
  panel += widePanelColumns << 2;
  const end = x + ((<usize>inner) << 2);
  if (ASC_FEATURE_RELAXED_SIMD) {
    for (; x < end; x += 4) {
      const value = v128.load32_splat(x);
      a = multiplyAdd(value, v128.load(panel), a);
      b = multiplyAdd(value, v128.load(panel, 16), b);
      c = multiplyAdd(value, v128.load(panel, 32), c);
      d = multiplyAdd(value, v128.load(panel, 48), d);
      e = multiplyAdd(value, v128.load(panel, 64), e);
      f = multiplyAdd(value, v128.load(panel, 80), f);
      g = multiplyAdd(value, v128.load(panel, 96), g);
      h = multiplyAdd(value, v128.load(panel, 112), h);
      panel += widePanelColumns << 2;
    }
  } else {
    // That V8 also moves all sums to other registers once a turn, which four steps share.
    for (; x < end; x += 16) {
      const value0 = v128.load32_splat(x);
      a = multiplyAdd(value0, v128.load(panel), a);
      b = multiplyAdd(value0, v128.load(panel, 16), b);
      c = multiplyAdd(value0, v128.load(panel, 32), c);
      d = multiplyAdd(value0, v128.load(panel, 48), d);
      e = multiplyAdd(value0, v128.load(panel, 64), e);
      f = multiplyAdd(value0, v128.load(panel, 80), f);
      g = multiplyAdd(value0, v128.load(panel, 96), g);
      h = multiplyAdd(value0, v128.load(panel, 112), h);
      const value1 = v128.load32_splat(x, 4);
      a = multiplyAdd(value1, v128.load(panel, 128), a);
      b = multiplyAdd(value1, v128.load(panel, 144), b);
      c = multiplyAdd(value1, v128.load(panel, 160), c);
      d = multiplyAdd(value1, v128.load(panel, 176), d);
      e = multiplyAdd(value1, v128.load(panel, 192), e);
      f = multiplyAdd(value1, v128.load(panel, 208), f);
      g = multiplyAdd(value1, v128.load(panel, 224), g);
      h = multiplyAdd(value1, v128.load(panel, 240), h);
      const value2 = v128.load32_splat(x, 8);
      a = multiplyAdd(value2, v128.load(panel, 256), a);
      b = multiplyAdd(value2, v128.load(panel, 272), b);
      c = multiplyAdd(value2, v128.load(panel, 288), c);
      d = multiplyAdd(value2, v128.load(panel, 304), d);
      e = multiplyAdd(value2, v128.load(panel, 320), e);
      f = multiplyAdd(value2, v128.load(panel, 336), f);
      g = multiplyAdd(value2, v128.load(panel, 352), g);
      h = multiplyAdd(value2, v128.load(panel, 368), h);
      const value3 = v128.load32_splat(x, 12);
      a = multiplyAdd(value3, v128.load(panel, 384), a);
      b = multiplyAdd(value3, v128.load(panel, 400), b);
      c = multiplyAdd(value3, v128.load(panel, 416), c);
      d = multiplyAdd(value3, v128.load(panel, 432), d);
      e = multiplyAdd(value3, v128.load(panel, 448), e);
      f = multiplyAdd(value3, v128.load(panel, 464), f);
      g = multiplyAdd(value3, v128.load(panel, 480), g);
      h = multiplyAdd(value3, v128.load(panel, 496), h);
      panel += widePanelColumns << 4;
    }
  }
  v128.store(out, a);
  v128.store(out, b, 16);
  v128.store(out, c, 32);
  v128.store(out, d, 48);
  v128.store(out, e, 64);
  v128.store(out, f, 80);
  v128.store(out, g, 96);
  v128.store(out, h, 112);
}

/**
 * out = x · panels + bias (+ add), one row: as {@link multiplyRows}, for a weight that meets so many
 * rows that packing it pays.
 *
 * @param inner a multiple of 4.
 * @param panels of 32 columns with the bias, from {@link pack}.
 * @param edge place for the columns of one panel.
 */
export function multiplyPackedRow(
  x: usize,
  inner: i32,
  panels: usize,
  columns: i32,
  add: usize,
  out: usize,
  edge: usize,
  fromEnd: bool,
): void {
  const count = (columns + widePanelColumns - 1) / widePanelColumns;
  for (let index = 0; index < count; index++) {
    const column = (fromEnd ? count - 1 - index : index) * widePanelColumns;
    const panel = panels + ((<usize>(column * (inner + 1))) << 2);
    const offset = (<usize>column) << 2;
    const bytes = (<usize>min(columns - column, widePanelColumns)) << 2;
    const isWhole = columns - column >= widePanelColumns;
    const start = add ? add + offset : 0;
    if (!isWhole && add) memory.copy(edge, start, bytes);
    const from = add == 0 || isWhole ? start : edge;
    wideProduct(x, inner, panel, from, isWhole ? out + offset : edge);
    if (!isWhole) memory.copy(out + offset, edge, bytes);
  }
}
