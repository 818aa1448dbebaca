import { orderKey, orderKeys } from "./order";

/** Four elements, negated where the smallest is wanted. */
@inline
function loadFour(x: usize, isNegated: bool): v128 {
  return isNegated ? f32x4.neg(v128.load(x)) : v128.load(x);
}

@inline
function loadOne(x: usize, isNegated: bool): f32 {
  return isNegated ? -load<f32>(x) : load<f32>(x);
}

/** The largest key of a row. */
@inline
function largestKey(x: usize, n: i32, isNegated: bool): i32 {
  let largest = i32x4.splat(i32.MIN_VALUE);
  let i = 0;
  for (; i + 4 <= n; i += 4) largest = i32x4.max_s(largest, orderKeys(loadFour(x + i * 4, isNegated)));
  let key = max(
    max(i32x4.extract_lane(largest, 0), i32x4.extract_lane(largest, 1)),
    max(i32x4.extract_lane(largest, 2), i32x4.extract_lane(largest, 3)),
  );
  for (; i < n; i++) key = max(key, orderKey(loadOne(x + i * 4, isNegated)));
  return key;
}

/** The first element of a row whose key is `key`. */
@inline
function firstWithKey(x: usize, n: i32, key: i32, isNegated: bool): i32 {
  const wanted = i32x4.splat(key);
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const found = i32x4.bitmask(i32x4.eq(orderKeys(loadFour(x + i * 4, isNegated)), wanted));
    if (found != 0) return i + ctz(found);
  }
  while (orderKey(loadOne(x + i * 4, isNegated)) != key) i++;
  return i;
}

/**
 * Index of the largest element of each row, as int32. The first of equals wins; NaN is larger than
 * any number, as in PyTorch. `n` is at least 1.
 */
export function argmax(x: usize, out: usize, rows: i32, n: i32): void {
  for (let row = 0; row < rows; row++) {
    store<i32>(out, firstWithKey(x, n, largestKey(x, n, false), false));
    x += n * 4;
    out += 4;
  }
}

/** As `argmax`, of the smallest element; NaN is smaller than any number. */
export function argmin(x: usize, out: usize, rows: i32, n: i32): void {
  for (let row = 0; row < rows; row++) {
    store<i32>(out, firstWithKey(x, n, largestKey(x, n, true), true));
    x += n * 4;
    out += 4;
  }
}
