import { lanes, quad } from "./pack";
import { multiplyAdd } from "./simd";

/** Distance of the steps of a left operand that lies in quads. */
@unmanaged
export class QuadStep {
  low: f64;
  high: f64;
}

/** Distance of the steps of a left operand that is half of a panel. */
@unmanaged
export class PanelStep {
  first: f64;
  second: f64;
  third: f64;
  fourth: f64;
}

/**
 * The one matrix product that all kernels are made of: four rows by eight columns, which leaves
 * room for both operands in the sixteen registers of x86.
 *
 * c[4, 8] (+)= scale · a[4, k] · b[k, 8], with a[i, s] at `a + s * offsetof<Step>() + i * 4`, and
 * `b` in rows of eight.
 *
 * The step is a type because offsets of loads must be constants; so each is a loop of its own. Unrolling
 * makes it slower: 31 instead of 34 GFLOP/s in baseline SIMD, 40 instead of 46 in relaxed SIMD
 * (Zen 3, Node 24), as does any other shape of the tile that was tried.
 */
@inline
export function multiply<Step>(
  a: usize,
  b: usize,
  k: i32,
  c: usize,
  cRow: usize,
  accumulate: bool,
  scale: f32,
): void {
  const c1 = c + cRow;
  const c2 = c1 + cRow;
  const c3 = c2 + cRow;
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  let t0 = s0, t1 = s0, t2 = s0, t3 = s0;
  if (accumulate) {
    s0 = v128.load(c);
    t0 = v128.load(c, 16);
    s1 = v128.load(c1);
    t1 = v128.load(c1, 16);
    s2 = v128.load(c2);
    t2 = v128.load(c2, 16);
    s3 = v128.load(c3);
    t3 = v128.load(c3, 16);
  }
  const end = b + k * 32;
  while (b < end) {
    const left = v128.load(b);
    const right = v128.load(b, 16);
    let x = v128.load32_splat(a);
    s0 = multiplyAdd(x, left, s0);
    t0 = multiplyAdd(x, right, t0);
    x = v128.load32_splat(a, 4);
    s1 = multiplyAdd(x, left, s1);
    t1 = multiplyAdd(x, right, t1);
    x = v128.load32_splat(a, 8);
    s2 = multiplyAdd(x, left, s2);
    t2 = multiplyAdd(x, right, t2);
    x = v128.load32_splat(a, 12);
    s3 = multiplyAdd(x, left, s3);
    t3 = multiplyAdd(x, right, t3);
    a += offsetof<Step>();
    b += 32;
  }
  if (!accumulate) {
    const factor = f32x4.splat(scale);
    s0 = f32x4.mul(s0, factor);
    t0 = f32x4.mul(t0, factor);
    s1 = f32x4.mul(s1, factor);
    t1 = f32x4.mul(t1, factor);
    s2 = f32x4.mul(s2, factor);
    t2 = f32x4.mul(t2, factor);
    s3 = f32x4.mul(s3, factor);
    t3 = f32x4.mul(t3, factor);
  }
  v128.store(c, s0);
  v128.store(c, t0, 16);
  v128.store(c1, s1);
  v128.store(c1, t1, 16);
  v128.store(c2, s2);
  v128.store(c2, t2, 16);
  v128.store(c3, s3);
  v128.store(c3, t3, 16);
}

/**
 * For the eight lanes of a panel: target[lane, :] += Σ_key weights[key, lane] rows[key, :].
 *
 * @param rows - Panels `[size / 8][tileKeys][8]`.
 * @param size - Elements of a row of `target`, a multiple of 8.
 */
export function addRows(
  weights: usize,
  rows: usize,
  keys: i32,
  tileKeys: i32,
  target: usize,
  size: i32,
): void {
  const row: usize = size * 4;
  for (let column = 0; column < size; column += lanes) {
    const cell = target + column * 4;
    multiply<PanelStep>(weights, rows, keys, cell, row, true, 1);
    multiply<PanelStep>(weights + quad * 4, rows, keys, cell + quad * row, row, true, 1);
    rows += tileKeys * lanes * 4;
  }
}

/**
 * For four keys: target[4, 8] += Σ_row weights[row, key] rows[row, 8], over whole panels of rows.
 *
 * @param weights - Of the first key in the first panel, `[panels][keys][8]`.
 * @param panelBytes - Distance of the panels.
 * @param rows - Eight columns of the rows, `[rows][8]`.
 */
@inline
function addLanesOfQuad(
  weights: usize,
  panelBytes: usize,
  panels: i32,
  rows: usize,
  c: usize,
  cRow: usize,
): void {
  const c1 = c + cRow;
  const c2 = c1 + cRow;
  const c3 = c2 + cRow;
  let s0 = v128.load(c), t0 = v128.load(c, 16);
  let s1 = v128.load(c1), t1 = v128.load(c1, 16);
  let s2 = v128.load(c2), t2 = v128.load(c2, 16);
  let s3 = v128.load(c3), t3 = v128.load(c3, 16);
  for (let panel = 0; panel < panels; panel++) {
    let a = weights;
    const end = a + lanes * 4;
    while (a < end) {
      const left = v128.load(rows);
      const right = v128.load(rows, 16);
      let x = v128.load32_splat(a);
      s0 = multiplyAdd(x, left, s0);
      t0 = multiplyAdd(x, right, t0);
      x = v128.load32_splat(a, 32);
      s1 = multiplyAdd(x, left, s1);
      t1 = multiplyAdd(x, right, t1);
      x = v128.load32_splat(a, 64);
      s2 = multiplyAdd(x, left, s2);
      t2 = multiplyAdd(x, right, t2);
      x = v128.load32_splat(a, 96);
      s3 = multiplyAdd(x, left, s3);
      t3 = multiplyAdd(x, right, t3);
      a += 4;
      rows += 32;
    }
    weights += panelBytes;
  }
  v128.store(c, s0);
  v128.store(c, t0, 16);
  v128.store(c1, s1);
  v128.store(c1, t1, 16);
  v128.store(c2, s2);
  v128.store(c2, t2, 16);
  v128.store(c3, s3);
  v128.store(c3, t3, 16);
}

/**
 * For whole quads of keys: target[key, :] += Σ_row weights[row, key] rows[row, :].
 *
 * @param rows - Panels `[size / 8][totalRows][8]`, from the first row on.
 * @param size - Elements of a row of `target`, a multiple of 8.
 */
export function addLanes(
  weights: usize,
  panelBytes: usize,
  panels: i32,
  keys: i32,
  rows: usize,
  totalRows: i32,
  target: usize,
  size: i32,
): void {
  const row: usize = size * 4;
  for (let column = 0; column < size; column += lanes) {
    let cell = target + column * 4;
    let quadWeights = weights;
    for (let key = 0; key < keys; key += quad) {
      addLanesOfQuad(quadWeights, panelBytes, panels, rows, cell, row);
      cell += quad * row;
      quadWeights += quad * lanes * 4;
    }
    rows += totalRows * lanes * 4;
  }
}
