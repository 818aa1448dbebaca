import { multiplyByRows } from "./matmul-transposed";

/**
 * Columns `rowBegin` to `rowEnd` of out[m, n] = x[m, k] · weight[n, k]ᵀ.
 *
 * Error of an element: at most (k / 4 + 3) 2^-24 Σ|x w|, to first order; it does not depend on `m`
 * or the range. Scratch: `panelBytes(k)`.
 */
export function linearFloat32(
  x: usize,
  weight: usize,
  out: usize,
  m: i32,
  k: i32,
  n: i32,
  rowBegin: i32,
  rowEnd: i32,
  scratch: usize,
): void {
  const rowBytes: usize = k * 4;
  multiplyByRows(
    x,
    rowBytes,
    m,
    weight + rowBegin * rowBytes,
    rowBytes,
    rowEnd - rowBegin,
    k,
    out + rowBegin * 4,
    n * 4,
    scratch,
  );
}
