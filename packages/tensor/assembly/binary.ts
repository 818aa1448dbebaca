import { loadPart, storeLanes } from "./simd";

/**
 * Functions of two operands, over rows: out[row, i] = f(a[row, i], b[row, i]).
 *
 * An operand's rows are `aRow` or `bRow` bytes apart; 0 repeats a row. A step of 0 repeats one
 * element along each row, 1 walks it; not both operands repeat. Results are correctly rounded,
 * `mod` up to the rounding of its quotient in float64. `out` may be an operand.
 */
namespace Form {
  export const Add: i32 = 0;
  export const Subtract: i32 = 1;
  export const Multiply: i32 = 2;
  export const Divide: i32 = 3;
  export const Modulo: i32 = 4;
  export const Minimum: i32 = 5;
  export const Maximum: i32 = 6;
  export const AddIntegers: i32 = 7;
  export const SubtractIntegers: i32 = 8;
  export const MultiplyIntegers: i32 = 9;
  export const MinimumOfIntegers: i32 = 10;
  export const MaximumOfIntegers: i32 = 11;
}

/** x - ⌊x / y⌋ y of two lanes; the quotient in float64, so that it is not rounded up to the next integer. */
@inline
function moduloOfTwo(x: v128, y: v128): v128 {
  const a = f64x2.promote_low_f32x4(x);
  const b = f64x2.promote_low_f32x4(y);
  const quotient = f64x2.floor(f64x2.div(a, b));
  return f32x4.demote_f64x2_zero(f64x2.sub(a, f64x2.mul(quotient, b)));
}

@inline
function combine(form: i32, x: v128, y: v128): v128 {
  if (form == Form.Add) return f32x4.add(x, y);
  if (form == Form.Subtract) return f32x4.sub(x, y);
  if (form == Form.Multiply) return f32x4.mul(x, y);
  if (form == Form.Divide) return f32x4.div(x, y);
  if (form == Form.Modulo) {
    const low = moduloOfTwo(x, y);
    const high = moduloOfTwo(
      v128.shuffle<f32>(x, x, 2, 3, 2, 3),
      v128.shuffle<f32>(y, y, 2, 3, 2, 3),
    );
    return v128.shuffle<f32>(low, high, 0, 1, 4, 5);
  }
  // Of equal elements, such as -0 and 0, the left; NaN where either is.
  if (form == Form.Minimum) {
    return v128.bitselect(f32x4.pmin(x, y), y, f32x4.eq(y, y));
  }
  if (form == Form.Maximum) {
    return v128.bitselect(f32x4.pmax(x, y), y, f32x4.eq(y, y));
  }
  if (form == Form.AddIntegers) return i32x4.add(x, y);
  if (form == Form.SubtractIntegers) return i32x4.sub(x, y);
  if (form == Form.MultiplyIntegers) return i32x4.mul(x, y);
  if (form == Form.MinimumOfIntegers) return i32x4.min_s(x, y);
  return i32x4.max_s(x, y);
}

@inline
function combineRow(form: i32, a: usize, b: usize, out: usize, n: i32): void {
  const rest = n & 3;
  let end = out + (n & -16) * 4;
  while (out < end) {
    const r0 = combine(form, v128.load(a), v128.load(b));
    const r1 = combine(form, v128.load(a, 16), v128.load(b, 16));
    const r2 = combine(form, v128.load(a, 32), v128.load(b, 32));
    const r3 = combine(form, v128.load(a, 48), v128.load(b, 48));
    v128.store(out, r0);
    v128.store(out, r1, 16);
    v128.store(out, r2, 32);
    v128.store(out, r3, 48);
    a += 64;
    b += 64;
    out += 64;
  }
  end = out + (n & 12) * 4;
  while (out < end) {
    v128.store(out, combine(form, v128.load(a), v128.load(b)));
    a += 16;
    b += 16;
    out += 16;
  }
  if (rest == 0) return;
  const one = f32x4.splat(1);
  storeLanes(out, combine(form, loadPart(a, rest, one), loadPart(b, rest, one)), rest, 4);
}

/** `isLeft`: whether the repeated element is the left operand. */
@inline
function combineElement(form: i32, row: usize, element: v128, isLeft: bool, out: usize, n: i32): void {
  const rest = n & 3;
  const end = out + (n - rest) * 4;
  while (out < end) {
    const other = v128.load(row);
    v128.store(out, isLeft ? combine(form, element, other) : combine(form, other, element));
    row += 16;
    out += 16;
  }
  if (rest == 0) return;
  const other = loadPart(row, rest, f32x4.splat(1));
  const part = isLeft ? combine(form, element, other) : combine(form, other, element);
  storeLanes(out, part, rest, 4);
}

@inline
function combineRows(
  form: i32,
  a: usize,
  b: usize,
  out: usize,
  rows: i32,
  n: i32,
  aRow: i32,
  bRow: i32,
  aStep: i32,
  bStep: i32,
): void {
  for (let row = 0; row < rows; row++) {
    if (bStep == 0) combineElement(form, a, v128.load32_splat(b), false, out, n);
    else if (aStep == 0) combineElement(form, b, v128.load32_splat(a), true, out, n);
    else combineRow(form, a, b, out, n);
    a += aRow;
    b += bRow;
    out += n * 4;
  }
}

/** a + b. */
export function add(
  a: usize,
  b: usize,
  out: usize,
  rows: i32,
  n: i32,
  aRow: i32,
  bRow: i32,
  aStep: i32,
  bStep: i32,
): void {
  combineRows(Form.Add, a, b, out, rows, n, aRow, bRow, aStep, bStep);
}

/** a - b. */
export function subtract(
  a: usize,
  b: usize,
  out: usize,
  rows: i32,
  n: i32,
  aRow: i32,
  bRow: i32,
  aStep: i32,
  bStep: i32,
): void {
  combineRows(Form.Subtract, a, b, out, rows, n, aRow, bRow, aStep, bStep);
}

/** a b. */
export function multiply(
  a: usize,
  b: usize,
  out: usize,
  rows: i32,
  n: i32,
  aRow: i32,
  bRow: i32,
  aStep: i32,
  bStep: i32,
): void {
  combineRows(Form.Multiply, a, b, out, rows, n, aRow, bRow, aStep, bStep);
}

/** a / b. */
export function divide(
  a: usize,
  b: usize,
  out: usize,
  rows: i32,
  n: i32,
  aRow: i32,
  bRow: i32,
  aStep: i32,
  bStep: i32,
): void {
  combineRows(Form.Divide, a, b, out, rows, n, aRow, bRow, aStep, bStep);
}

/** a - ⌊a / b⌋ b. */
export function modulo(
  a: usize,
  b: usize,
  out: usize,
  rows: i32,
  n: i32,
  aRow: i32,
  bRow: i32,
  aStep: i32,
  bStep: i32,
): void {
  combineRows(Form.Modulo, a, b, out, rows, n, aRow, bRow, aStep, bStep);
}

/** The smaller. */
export function minimum(
  a: usize,
  b: usize,
  out: usize,
  rows: i32,
  n: i32,
  aRow: i32,
  bRow: i32,
  aStep: i32,
  bStep: i32,
): void {
  combineRows(Form.Minimum, a, b, out, rows, n, aRow, bRow, aStep, bStep);
}

/** The larger. */
export function maximum(
  a: usize,
  b: usize,
  out: usize,
  rows: i32,
  n: i32,
  aRow: i32,
  bRow: i32,
  aStep: i32,
  bStep: i32,
): void {
  combineRows(Form.Maximum, a, b, out, rows, n, aRow, bRow, aStep, bStep);
}

/** a + b of int32. */
export function addIntegers(
  a: usize,
  b: usize,
  out: usize,
  rows: i32,
  n: i32,
  aRow: i32,
  bRow: i32,
  aStep: i32,
  bStep: i32,
): void {
  combineRows(Form.AddIntegers, a, b, out, rows, n, aRow, bRow, aStep, bStep);
}

/** a - b of int32. */
export function subtractIntegers(
  a: usize,
  b: usize,
  out: usize,
  rows: i32,
  n: i32,
  aRow: i32,
  bRow: i32,
  aStep: i32,
  bStep: i32,
): void {
  combineRows(Form.SubtractIntegers, a, b, out, rows, n, aRow, bRow, aStep, bStep);
}

/** a b of int32. */
export function multiplyIntegers(
  a: usize,
  b: usize,
  out: usize,
  rows: i32,
  n: i32,
  aRow: i32,
  bRow: i32,
  aStep: i32,
  bStep: i32,
): void {
  combineRows(Form.MultiplyIntegers, a, b, out, rows, n, aRow, bRow, aStep, bStep);
}

/** The smaller int32. */
export function minimumOfIntegers(
  a: usize,
  b: usize,
  out: usize,
  rows: i32,
  n: i32,
  aRow: i32,
  bRow: i32,
  aStep: i32,
  bStep: i32,
): void {
  combineRows(Form.MinimumOfIntegers, a, b, out, rows, n, aRow, bRow, aStep, bStep);
}

/** The larger int32. */
export function maximumOfIntegers(
  a: usize,
  b: usize,
  out: usize,
  rows: i32,
  n: i32,
  aRow: i32,
  bRow: i32,
  aStep: i32,
  bStep: i32,
): void {
  combineRows(Form.MaximumOfIntegers, a, b, out, rows, n, aRow, bRow, aStep, bStep);
}
