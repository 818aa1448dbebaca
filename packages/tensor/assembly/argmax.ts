import { orderKey, orderKeys } from "./order";

/** The largest key of a row. */
@inline
function largestKey(x: usize, n: i32): i32 {
  let largest = i32x4.splat(i32.MIN_VALUE);
  let i = 0;
  for (; i + 4 <= n; i += 4) largest = i32x4.max_s(largest, orderKeys(v128.load(x + i * 4)));
  let key = max(
    max(i32x4.extract_lane(largest, 0), i32x4.extract_lane(largest, 1)),
    max(i32x4.extract_lane(largest, 2), i32x4.extract_lane(largest, 3)),
  );
  for (; i < n; i++) key = max(key, orderKey(load<f32>(x + i * 4)));
  return key;
}

/** The first element of a row whose key is `key`. */
@inline
function firstWithKey(x: usize, n: i32, key: i32): i32 {
  const wanted = i32x4.splat(key);
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const found = i32x4.bitmask(i32x4.eq(orderKeys(v128.load(x + i * 4)), wanted));
    if (found != 0) return i + ctz(found);
  }
  while (orderKey(load<f32>(x + i * 4)) != key) i++;
  return i;
}

/**
 * Index of the largest element of each row, as int32. The first of equals wins; NaN is larger than
 * any number, as in PyTorch. `n` is at least 1.
 */
export function argmax(x: usize, out: usize, rows: i32, n: i32): void {
  for (let row = 0; row < rows; row++) {
    store<i32>(out, firstWithKey(x, n, largestKey(x, n)));
    x += n * 4;
    out += 4;
  }
}
