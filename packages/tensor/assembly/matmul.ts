import { panelBytes } from "./dot-products";
import { multiplyAdd } from "./simd";

/** Columns of `b` that a tile covers. */
const tileColumns: i32 = 8;

/** Columns of `b` that a tile of a single row covers. */
const wideColumns: i32 = 32;

/** Rows of `a` that a tile covers. */
const tileRows: i32 = 4;

/** Rows of `a` that a tall tile covers. */
const tallRows: i32 = 6;

/** Rows of `a` from which packing `b` to panels pays. */
const packThreshold: i32 = 16;

const columnBytes: usize = tileColumns * 4;

/**
 * Bytes of the rows of `a` that meet a group of panels before the next rows do: they stay in the L2
 * cache. Otherwise all of `a` is read from beyond it for every panel.
 */
const rowBlockBytes: i32 = 1 << 18;

/** Panels that share a block of rows. */
const groupPanels: i32 = wideColumns / tileColumns;

/** Rows of a block. */
@inline
function blockRows(k: i32): i32 {
  const rows = rowBlockBytes / 4 / max(k, 1);
  return max(packThreshold, rows - (rows % (tileRows * tallRows)));
}

/** Bytes of scratch that `matmul` and `matmulTransposed` need. */
export function matmulScratchBytes(m: i32, k: i32, n: i32): i32 {
  const panels = m > blockRows(k) ? groupPanels : 1;
  return max((k * panels + tileRows) * (columnBytes as i32), panelBytes(k));
}

/** Copies up to eight columns of `b` to a panel of eight, padded with zeros. */
function packColumns(b: usize, bStride: usize, k: i32, columns: i32, panel: usize): void {
  for (let row = 0; row < k; row++) {
    if (columns == tileColumns) {
      v128.store(panel, v128.load(b));
      v128.store(panel, v128.load(b, 16), 16);
    } else {
      for (let column = 0; column < tileColumns; column++) {
        const value: f32 = column < columns ? load<f32>(b + column * 4) : 0;
        store<f32>(panel + column * 4, value);
      }
    }
    b += bStride;
    panel += columnBytes;
  }
}

/** Four rows of `a` times eight columns of `b`. */
function multiplyFourRows(
  a0: usize,
  a1: usize,
  a2: usize,
  a3: usize,
  b: usize,
  bStride: usize,
  k: i32,
  out0: usize,
  out1: usize,
  out2: usize,
  out3: usize,
  accumulate: bool,
): void {
  const zero = f32x4.splat(0);
  let s0 = zero, s1 = zero, s2 = zero, s3 = zero;
  let t0 = zero, t1 = zero, t2 = zero, t3 = zero;
  if (accumulate) {
    s0 = v128.load(out0);
    t0 = v128.load(out0, 16);
    s1 = v128.load(out1);
    t1 = v128.load(out1, 16);
    s2 = v128.load(out2);
    t2 = v128.load(out2, 16);
    s3 = v128.load(out3);
    t3 = v128.load(out3, 16);
  }
  const end = a0 + k * 4;
  while (a0 < end) {
    const left = v128.load(b);
    const right = v128.load(b, 16);
    let x = v128.load32_splat(a0);
    s0 = multiplyAdd(x, left, s0);
    t0 = multiplyAdd(x, right, t0);
    x = v128.load32_splat(a1);
    s1 = multiplyAdd(x, left, s1);
    t1 = multiplyAdd(x, right, t1);
    x = v128.load32_splat(a2);
    s2 = multiplyAdd(x, left, s2);
    t2 = multiplyAdd(x, right, t2);
    x = v128.load32_splat(a3);
    s3 = multiplyAdd(x, left, s3);
    t3 = multiplyAdd(x, right, t3);
    a0 += 4;
    a1 += 4;
    a2 += 4;
    a3 += 4;
    b += bStride;
  }
  v128.store(out0, s0);
  v128.store(out0, t0, 16);
  v128.store(out1, s1);
  v128.store(out1, t1, 16);
  v128.store(out2, s2);
  v128.store(out2, t2, 16);
  v128.store(out3, s3);
  v128.store(out3, t3, 16);
}

/**
 * Whether the next tile of `rows` rows has six: not if a low one would remain, which cannot hide the
 * latency of adding, and not without a fused multiply-add, where the product needs a register that
 * twelve sums do not leave.
 */
@inline
function isTall(rows: i32): bool {
  return ASC_FEATURE_RELAXED_SIMD && (rows >= 12 || rows == 6 || rows == 9 || rows == 10);
}

/** Six rows of `a` times eight columns of `b`: 43 instead of 39 GFLOP/s at 512³. */
function multiplySixRows(
  a0: usize,
  aStride: usize,
  b: usize,
  bStride: usize,
  k: i32,
  out: usize,
  outStride: usize,
  accumulate: bool,
): void {
  const out1 = out + outStride;
  const out2 = out1 + outStride;
  const out3 = out2 + outStride;
  const out4 = out3 + outStride;
  const out5 = out4 + outStride;
  const zero = f32x4.splat(0);
  let s0 = zero, s1 = zero, s2 = zero, s3 = zero, s4 = zero, s5 = zero;
  let t0 = zero, t1 = zero, t2 = zero, t3 = zero, t4 = zero, t5 = zero;
  if (accumulate) {
    s0 = v128.load(out);
    t0 = v128.load(out, 16);
    s1 = v128.load(out1);
    t1 = v128.load(out1, 16);
    s2 = v128.load(out2);
    t2 = v128.load(out2, 16);
    s3 = v128.load(out3);
    t3 = v128.load(out3, 16);
    s4 = v128.load(out4);
    t4 = v128.load(out4, 16);
    s5 = v128.load(out5);
    t5 = v128.load(out5, 16);
  }
  let a1 = a0 + aStride;
  let a2 = a1 + aStride;
  let a3 = a2 + aStride;
  let a4 = a3 + aStride;
  let a5 = a4 + aStride;
  const end = a0 + k * 4;
  while (a0 < end) {
    const left = v128.load(b);
    const right = v128.load(b, 16);
    let x = v128.load32_splat(a0);
    s0 = multiplyAdd(x, left, s0);
    t0 = multiplyAdd(x, right, t0);
    x = v128.load32_splat(a1);
    s1 = multiplyAdd(x, left, s1);
    t1 = multiplyAdd(x, right, t1);
    x = v128.load32_splat(a2);
    s2 = multiplyAdd(x, left, s2);
    t2 = multiplyAdd(x, right, t2);
    x = v128.load32_splat(a3);
    s3 = multiplyAdd(x, left, s3);
    t3 = multiplyAdd(x, right, t3);
    x = v128.load32_splat(a4);
    s4 = multiplyAdd(x, left, s4);
    t4 = multiplyAdd(x, right, t4);
    x = v128.load32_splat(a5);
    s5 = multiplyAdd(x, left, s5);
    t5 = multiplyAdd(x, right, t5);
    a0 += 4;
    a1 += 4;
    a2 += 4;
    a3 += 4;
    a4 += 4;
    a5 += 4;
    b += bStride;
  }
  v128.store(out, s0);
  v128.store(out, t0, 16);
  v128.store(out1, s1);
  v128.store(out1, t1, 16);
  v128.store(out2, s2);
  v128.store(out2, t2, 16);
  v128.store(out3, s3);
  v128.store(out3, t3, 16);
  v128.store(out4, s4);
  v128.store(out4, t4, 16);
  v128.store(out5, s5);
  v128.store(out5, t5, 16);
}

/** One row of `a` times eight columns of `b`. */
function multiplyOneRow(
  a: usize,
  b: usize,
  bStride: usize,
  k: i32,
  out: usize,
  accumulate: bool,
): void {
  let s = f32x4.splat(0);
  let t = s;
  if (accumulate) {
    s = v128.load(out);
    t = v128.load(out, 16);
  }
  const end = a + k * 4;
  while (a < end) {
    const x = v128.load32_splat(a);
    s = multiplyAdd(x, v128.load(b), s);
    t = multiplyAdd(x, v128.load(b, 16), t);
    a += 4;
    b += bStride;
  }
  v128.store(out, s);
  v128.store(out, t, 16);
}

/** One row of `a` times 32 columns of `b`: enough sums at once to hide the latency of adding. */
function multiplyOneRowWide(
  a: usize,
  b: usize,
  bStride: usize,
  k: i32,
  out: usize,
  accumulate: bool,
): void {
  const zero = f32x4.splat(0);
  let s0 = zero, s1 = zero, s2 = zero, s3 = zero;
  let s4 = zero, s5 = zero, s6 = zero, s7 = zero;
  if (accumulate) {
    s0 = v128.load(out);
    s1 = v128.load(out, 16);
    s2 = v128.load(out, 32);
    s3 = v128.load(out, 48);
    s4 = v128.load(out, 64);
    s5 = v128.load(out, 80);
    s6 = v128.load(out, 96);
    s7 = v128.load(out, 112);
  }
  const end = a + k * 4;
  while (a < end) {
    const x = v128.load32_splat(a);
    s0 = multiplyAdd(x, v128.load(b), s0);
    s1 = multiplyAdd(x, v128.load(b, 16), s1);
    s2 = multiplyAdd(x, v128.load(b, 32), s2);
    s3 = multiplyAdd(x, v128.load(b, 48), s3);
    s4 = multiplyAdd(x, v128.load(b, 64), s4);
    s5 = multiplyAdd(x, v128.load(b, 80), s5);
    s6 = multiplyAdd(x, v128.load(b, 96), s6);
    s7 = multiplyAdd(x, v128.load(b, 112), s7);
    a += 4;
    b += bStride;
  }
  v128.store(out, s0);
  v128.store(out, s1, 16);
  v128.store(out, s2, 32);
  v128.store(out, s3, 48);
  v128.store(out, s4, 64);
  v128.store(out, s5, 80);
  v128.store(out, s6, 96);
  v128.store(out, s7, 112);
}

/** `m` rows of `a` times eight columns of `b`. */
function multiplyRows(
  a: usize,
  aStride: usize,
  m: i32,
  b: usize,
  bStride: usize,
  k: i32,
  out: usize,
  outStride: usize,
  accumulate: bool,
): void {
  let row = 0;
  for (; isTall(m - row); row += tallRows) {
    multiplySixRows(a, aStride, b, bStride, k, out, outStride, accumulate);
    a += tallRows * aStride;
    out += tallRows * outStride;
  }
  for (; row < m; row += tileRows) {
    const last = min(m - row, tileRows) - 1;
    if (last == 0) {
      multiplyOneRow(a, b, bStride, k, out, accumulate);
      return;
    }
    // A row that is missing repeats the last one, and writes the same numbers to the same place.
    const second = min(last, 2);
    multiplyFourRows(
      a,
      a + aStride,
      a + second * aStride,
      a + last * aStride,
      b,
      bStride,
      k,
      out,
      out + outStride,
      out + second * outStride,
      out + last * outStride,
      accumulate,
    );
    a += tileRows * aStride;
    out += tileRows * outStride;
  }
}

/** Copies `rows` × `columns` float32, at most 4 × 8. */
function copyTile(
  source: usize,
  sourceStride: usize,
  target: usize,
  targetStride: usize,
  rows: i32,
  columns: i32,
): void {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      store<f32>(target + column * 4, load<f32>(source + column * 4));
    }
    source += sourceStride;
    target += targetStride;
  }
}

/**
 * Columns `begin` to `end` of out[m, n] = a[m, k] · b[k, n].
 *
 * Strides are in elements; rows of all three are contiguous. `out` may not overlap `a` or `b`.
 * Scratch: `matmulScratchBytes(m, k, n)`.
 *
 * Every element is summed over k in order, whatever the range. Error: at most (k + 1) 2^-24 Σ|a b|,
 * to first order.
 *
 * @param begin a multiple of 32, or the range is the whole matrix.
 * @param accumulate whether sums go on from what `out` holds: a product over k cut in pieces is that
 *   over k at once, bit by bit.
 */
export function matmulColumns(
  a: usize,
  b: usize,
  out: usize,
  m: i32,
  k: i32,
  begin: i32,
  end: i32,
  aRowStride: i32,
  bRowStride: i32,
  outRowStride: i32,
  scratch: usize,
  accumulate: bool,
): void {
  const aStride: usize = aRowStride * 4;
  const bStride: usize = bRowStride * 4;
  const outStride: usize = outRowStride * 4;
  const panel = scratch + tileRows * columnBytes;
  let column = begin;
  if (m == 1) {
    for (; column + wideColumns <= end; column += wideColumns) {
      multiplyOneRowWide(a, b + column * 4, bStride, k, out + column * 4, accumulate);
    }
  }
  const most = blockRows(k);
  if (m > most) {
    const panelStride = k * columnBytes;
    for (; column + wideColumns <= end; column += wideColumns) {
      for (let index = 0; index < groupPanels; index++) {
        const source = b + column * 4 + index * columnBytes;
        packColumns(source, bStride, k, tileColumns, panel + index * panelStride);
      }
      for (let first = 0; first < m; first += most) {
        const rows = min(most, m - first);
        const target = out + first * outStride + column * 4;
        for (let index = 0; index < groupPanels; index++) {
          multiplyRows(
            a + first * aStride,
            aStride,
            rows,
            panel + index * panelStride,
            columnBytes,
            k,
            target + index * columnBytes,
            outStride,
            accumulate,
          );
        }
      }
    }
  }
  for (; column < end; column += tileColumns) {
    const columns = min(end - column, tileColumns);
    const source = b + column * 4;
    const target = out + column * 4;
    if (columns == tileColumns && m < packThreshold) {
      multiplyRows(a, aStride, m, source, bStride, k, target, outStride, accumulate);
      continue;
    }
    packColumns(source, bStride, k, columns, panel);
    if (columns == tileColumns) {
      multiplyRows(a, aStride, m, panel, columnBytes, k, target, outStride, accumulate);
      continue;
    }
    for (let row = 0; row < m; row += tileRows) {
      const rows = min(m - row, tileRows);
      const tile = target + row * outStride;
      if (accumulate) copyTile(tile, outStride, scratch, columnBytes, rows, columns);
      multiplyRows(
        a + row * aStride,
        aStride,
        rows,
        panel,
        columnBytes,
        k,
        scratch,
        columnBytes,
        accumulate,
      );
      copyTile(scratch, columnBytes, tile, outStride, rows, columns);
    }
  }
}
