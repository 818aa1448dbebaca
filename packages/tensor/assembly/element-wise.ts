import { loadPart, storeLanes } from "./simd";

/**
 * Arithmetic on float32, correctly rounded. `out` may be an operand.
 */

namespace Operation {
  export const Add: i32 = 0;
  export const Subtract: i32 = 1;
  export const Multiply: i32 = 2;
  export const Divide: i32 = 3;
}

@inline
function combine(operation: i32, a: v128, b: v128): v128 {
  if (operation == Operation.Add) return f32x4.add(a, b);
  if (operation == Operation.Subtract) return f32x4.sub(a, b);
  if (operation == Operation.Multiply) return f32x4.mul(a, b);
  return f32x4.div(a, b);
}

@inline
function combineTensors(operation: i32, a: usize, b: usize, out: usize, n: i32): void {
  const rest = n & 3;
  const end: usize = (n - rest) * 4;
  let at: usize = 0;
  while (at < end) {
    v128.store(out + at, combine(operation, v128.load(a + at), v128.load(b + at)));
    at += 16;
  }
  if (rest > 0) {
    const one = f32x4.splat(1);
    const left = loadPart(a + at, rest, one);
    storeLanes(out + at, combine(operation, left, loadPart(b + at, rest, one)), rest, 4);
  }
}

@inline
function combineScalar(operation: i32, a: usize, b: f32, out: usize, n: i32): void {
  const scalar = f32x4.splat(b);
  const rest = n & 3;
  const end: usize = (n - rest) * 4;
  let at: usize = 0;
  while (at < end) {
    v128.store(out + at, combine(operation, v128.load(a + at), scalar));
    at += 16;
  }
  if (rest > 0) {
    const left = loadPart(a + at, rest, f32x4.splat(1));
    storeLanes(out + at, combine(operation, left, scalar), rest, 4);
  }
}

@inline
function combineRow(operation: i32, a: usize, b: usize, out: usize, rows: i32, n: i32): void {
  const rowBytes: usize = n * 4;
  for (let row = 0; row < rows; row++) {
    combineTensors(operation, a, b, out, n);
    a += rowBytes;
    out += rowBytes;
  }
}

/** out[i] = a[i] + b[i]. */
export function add(a: usize, b: usize, out: usize, n: i32): void {
  combineTensors(Operation.Add, a, b, out, n);
}

/** out[i] = a[i] - b[i]. */
export function subtract(a: usize, b: usize, out: usize, n: i32): void {
  combineTensors(Operation.Subtract, a, b, out, n);
}

/** out[i] = a[i] b[i]. */
export function multiply(a: usize, b: usize, out: usize, n: i32): void {
  combineTensors(Operation.Multiply, a, b, out, n);
}

/** out[i] = a[i] / b[i]. */
export function divide(a: usize, b: usize, out: usize, n: i32): void {
  combineTensors(Operation.Divide, a, b, out, n);
}

/** out[i] = a[i] + b. */
export function addScalar(a: usize, b: f32, out: usize, n: i32): void {
  combineScalar(Operation.Add, a, b, out, n);
}

/** out[i] = a[i] - b. */
export function subtractScalar(a: usize, b: f32, out: usize, n: i32): void {
  combineScalar(Operation.Subtract, a, b, out, n);
}

/** out[i] = a[i] b. */
export function multiplyScalar(a: usize, b: f32, out: usize, n: i32): void {
  combineScalar(Operation.Multiply, a, b, out, n);
}

/** out[i] = a[i] / b. */
export function divideScalar(a: usize, b: f32, out: usize, n: i32): void {
  combineScalar(Operation.Divide, a, b, out, n);
}

/** out[row, i] = a[row, i] + b[i]. */
export function addRow(a: usize, b: usize, out: usize, rows: i32, n: i32): void {
  combineRow(Operation.Add, a, b, out, rows, n);
}

/** out[row, i] = a[row, i] - b[i]. */
export function subtractRow(a: usize, b: usize, out: usize, rows: i32, n: i32): void {
  combineRow(Operation.Subtract, a, b, out, rows, n);
}

/** out[row, i] = a[row, i] b[i]. */
export function multiplyRow(a: usize, b: usize, out: usize, rows: i32, n: i32): void {
  combineRow(Operation.Multiply, a, b, out, rows, n);
}

/** out[row, i] = a[row, i] / b[i]. */
export function divideRow(a: usize, b: usize, out: usize, rows: i32, n: i32): void {
  combineRow(Operation.Divide, a, b, out, rows, n);
}
