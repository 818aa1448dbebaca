import { dotRows } from "./dot-tile";

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
  const outRowBytes: usize = n * 4;
  const quarter = (rowEnd - rowBegin + 3) / 4;
  const quarterBytes: usize = quarter * rowBytes;
  for (let row = rowBegin; row < rowBegin + quarter; row++) {
    const rows = (rowEnd - row + quarter - 1) / quarter;
    const row0 = weight + row * rowBytes;
    const row1 = row0 + min(1, rows - 1) * quarterBytes;
    const row2 = row0 + min(2, rows - 1) * quarterBytes;
    const row3 = row0 + min(3, rows - 1) * quarterBytes;
    dotRows(x, rowBytes, m, row0, row1, row2, row3, k, out + row * 4, outRowBytes, quarter * 4, rows);
  }
}
