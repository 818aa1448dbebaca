/**
 * Comparisons, over rows as in `binary.ts`; results are bytes, 1 where the comparison holds (less
 * is greater with the operands exchanged). Also the choice by such bytes. Operands are float32, int32, or bytes widened to int32 as they are read.
 */
namespace Form {
  export const Equal: i32 = 0;
  export const NotEqual: i32 = 1;
  export const Greater: i32 = 2;
  export const GreaterEqual: i32 = 3;
  export const And: i32 = 4;
  export const Or: i32 = 5;
  export const Xor: i32 = 6;
}

/** Kinds of elements. */
namespace Element {
  export const Float: i32 = 0;
  export const Integer: i32 = 1;
  export const Byte: i32 = 2;
}

/** Four lanes of ones where the comparison holds. */
@inline
function compare(form: i32, element: i32, x: v128, y: v128): v128 {
  const zero = i32x4.splat(0);
  if (element == Element.Float) {
    if (form == Form.Equal) return f32x4.eq(x, y);
    if (form == Form.NotEqual) return f32x4.ne(x, y);
    if (form == Form.Greater) return f32x4.gt(x, y);
    if (form == Form.GreaterEqual) return f32x4.ge(x, y);
    const left = f32x4.ne(x, zero);
    const right = f32x4.ne(y, zero);
    if (form == Form.And) return v128.and(left, right);
    if (form == Form.Or) return v128.or(left, right);
    return v128.xor(left, right);
  }
  if (form == Form.Equal) return i32x4.eq(x, y);
  if (form == Form.NotEqual) return i32x4.ne(x, y);
  if (form == Form.Greater) return i32x4.gt_s(x, y);
  if (form == Form.GreaterEqual) return i32x4.ge_s(x, y);
  const left = i32x4.ne(x, zero);
  const right = i32x4.ne(y, zero);
  if (form == Form.And) return v128.and(left, right);
  if (form == Form.Or) return v128.or(left, right);
  return v128.xor(left, right);
}

/** Four elements; a repeated one in all lanes. */
@inline
function loadFour(element: i32, pointer: usize, step: i32): v128 {
  if (element == Element.Byte) {
    if (step == 0) return i32x4.splat(load<u8>(pointer));
    const bytes = v128.load32_zero(pointer);
    return i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(bytes));
  }
  return step == 0 ? v128.load32_splat(pointer) : v128.load(pointer);
}

@inline
function loadOne(element: i32, pointer: usize): v128 {
  return element == Element.Byte ? i32x4.splat(load<u8>(pointer)) : v128.load32_splat(pointer);
}

/** Sixteen truth values as bytes 0 and 1. */
@inline
function pack(a: v128, b: v128, c: v128, d: v128): v128 {
  const low = i16x8.narrow_i32x4_s(a, b);
  const high = i16x8.narrow_i32x4_s(c, d);
  return v128.and(i8x16.narrow_i16x8_s(low, high), i8x16.splat(1));
}

/** `element` is a constant for float32, and read as it goes for the others, which share the loop. */
@inline
function compareRows(
  form: i32,
  element: i32,
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
  const bytes: i32 = element == Element.Byte ? 1 : 4;
  const aDistance: usize = aStep * bytes;
  const bDistance: usize = bStep * bytes;
  for (let row = 0; row < rows; row++) {
    let left = a;
    let right = b;
    let target = out;
    let i = 0;
    for (; i + 16 <= n; i += 16) {
      const m0 = compare(form, element, loadFour(element, left, aStep), loadFour(element, right, bStep));
      left += 4 * aDistance;
      right += 4 * bDistance;
      const m1 = compare(form, element, loadFour(element, left, aStep), loadFour(element, right, bStep));
      left += 4 * aDistance;
      right += 4 * bDistance;
      const m2 = compare(form, element, loadFour(element, left, aStep), loadFour(element, right, bStep));
      left += 4 * aDistance;
      right += 4 * bDistance;
      const m3 = compare(form, element, loadFour(element, left, aStep), loadFour(element, right, bStep));
      left += 4 * aDistance;
      right += 4 * bDistance;
      v128.store(target, pack(m0, m1, m2, m3));
      target += 16;
    }
    for (; i < n; i++) {
      const holds = compare(form, element, loadOne(element, left), loadOne(element, right));
      store<u8>(target, i32x4.extract_lane(holds, 0) & 1);
      left += aDistance;
      right += bDistance;
      target++;
    }
    a += aRow;
    b += bRow;
    out += n;
  }
}

/** a = b. `element`: 0 float32, 1 int32, 2 bytes. */
export function equal(
  element: i32,
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
  if (element == Element.Float) {
    compareRows(Form.Equal, Element.Float, a, b, out, rows, n, aRow, bRow, aStep, bStep);
  } else {
    compareRows(Form.Equal, element, a, b, out, rows, n, aRow, bRow, aStep, bStep);
  }
}

/** a ≠ b. `element`: 0 float32, 1 int32, 2 bytes. */
export function notEqual(
  element: i32,
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
  if (element == Element.Float) {
    compareRows(Form.NotEqual, Element.Float, a, b, out, rows, n, aRow, bRow, aStep, bStep);
  } else {
    compareRows(Form.NotEqual, element, a, b, out, rows, n, aRow, bRow, aStep, bStep);
  }
}

/** a > b. `element`: 0 float32, 1 int32, 2 bytes. */
export function greater(
  element: i32,
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
  if (element == Element.Float) {
    compareRows(Form.Greater, Element.Float, a, b, out, rows, n, aRow, bRow, aStep, bStep);
  } else {
    compareRows(Form.Greater, element, a, b, out, rows, n, aRow, bRow, aStep, bStep);
  }
}

/** a ≥ b. `element`: 0 float32, 1 int32, 2 bytes. */
export function greaterEqual(
  element: i32,
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
  if (element == Element.Float) {
    compareRows(Form.GreaterEqual, Element.Float, a, b, out, rows, n, aRow, bRow, aStep, bStep);
  } else {
    compareRows(Form.GreaterEqual, element, a, b, out, rows, n, aRow, bRow, aStep, bStep);
  }
}

/** a ≠ 0 and b ≠ 0. `element`: 0 float32, 1 int32, 2 bytes. */
export function logicalAnd(
  element: i32,
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
  if (element == Element.Float) {
    compareRows(Form.And, Element.Float, a, b, out, rows, n, aRow, bRow, aStep, bStep);
  } else {
    compareRows(Form.And, element, a, b, out, rows, n, aRow, bRow, aStep, bStep);
  }
}

/** a ≠ 0 or b ≠ 0. `element`: 0 float32, 1 int32, 2 bytes. */
export function logicalOr(
  element: i32,
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
  if (element == Element.Float) {
    compareRows(Form.Or, Element.Float, a, b, out, rows, n, aRow, bRow, aStep, bStep);
  } else {
    compareRows(Form.Or, element, a, b, out, rows, n, aRow, bRow, aStep, bStep);
  }
}

/** One of a ≠ 0 and b ≠ 0. `element`: 0 float32, 1 int32, 2 bytes. */
export function logicalXor(
  element: i32,
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
  if (element == Element.Float) {
    compareRows(Form.Xor, Element.Float, a, b, out, rows, n, aRow, bRow, aStep, bStep);
  } else {
    compareRows(Form.Xor, element, a, b, out, rows, n, aRow, bRow, aStep, bStep);
  }
}

/**
 * Where the byte `condition` is not 0 `a`, else `b`: elements of four bytes, rows as in `binary.ts`.
 */
export function choose(
  condition: usize,
  a: usize,
  b: usize,
  out: usize,
  rows: i32,
  n: i32,
  conditionRow: i32,
  aRow: i32,
  bRow: i32,
  conditionStep: i32,
  aStep: i32,
  bStep: i32,
): void {
  for (let row = 0; row < rows; row++) {
    let left = a;
    let right = b;
    let test = condition;
    let i = 0;
    for (; i + 4 <= n; i += 4) {
      const isRight = i32x4.eq(loadFour(Element.Byte, test, conditionStep), i32x4.splat(0));
      const x = loadFour(Element.Float, left, aStep);
      const y = loadFour(Element.Float, right, bStep);
      v128.store(out, v128.bitselect(y, x, isRight));
      test += 4 * conditionStep;
      left += 16 * aStep;
      right += 16 * bStep;
      out += 16;
    }
    for (; i < n; i++) {
      store<u32>(out, load<u8>(test) != 0 ? load<u32>(left) : load<u32>(right));
      test += conditionStep;
      left += 4 * aStep;
      right += 4 * bStep;
      out += 4;
    }
    condition += conditionRow;
    a += aRow;
    b += bRow;
  }
}
