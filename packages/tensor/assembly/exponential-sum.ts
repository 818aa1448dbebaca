import { loadPart, multiplyAdd, storeLanes, sumLanes } from "./simd";
import { constant } from "./unary-exponential";

/** As `roundingShift`, with the bias of the exponent: the low bits hold n + 127, ready to be shifted. */
const biasedShift: f32 = 12583039;

/** Below it n is -127, whose bits as an exponent are those of the factor 0. */
const lowestExponent: f32 = -88;

/**
 * e^t for t <= 0, with 0 below 8.3e-39: subnormal results are slow.
 *
 * As in `unary-exponential.ts`, but 2^n is one factor, and e^r the best 1 + r Q(r) of degree 5 by its
 * relative error, 9.2e-8: two operations and a constant less than one that is exact to float32.
 */
@inline
function power(
  t: v128,
  lowest: v128,
  log2e: v128,
  biased: v128,
  ln2High: v128,
  ln2Low: v128,
  c5: v128,
  c4: v128,
  c3: v128,
  c2: v128,
  c1: v128,
): v128 {
  // The argument order lets NaN pass.
  const bounded = f32x4.pmax(t, lowest);
  const rounded = multiplyAdd(bounded, log2e, biased);
  const whole = f32x4.sub(rounded, biased);
  const scale = i32x4.shl(rounded, 23);
  const r = multiplyAdd(whole, ln2Low, multiplyAdd(whole, ln2High, bounded));
  let p = multiplyAdd(c5, r, c4);
  p = multiplyAdd(p, r, c3);
  p = multiplyAdd(p, r, c2);
  p = multiplyAdd(p, r, c1);
  return multiplyAdd(p, f32x4.mul(r, scale), scale);
}

/**
 * out[i] = e^(x[i] - shift) for x[i] <= shift, relative error at most 2e-7, or 1.2e-38 absolute.
 * `out` may be `x`. Two vectors at once hide the latency of each.
 *
 * @returns the sum of the results.
 */
@inline
export function sumOfExponentials(x: usize, shift: f32, out: usize, n: i32): f32 {
  const lowest = constant(lowestExponent, n);
  const log2e = constant(1.44269504088896341, n);
  const biased = constant(biasedShift, n);
  const ln2High = constant(-0.693359375, n);
  const ln2Low = constant(2.1219444e-4, n);
  const c5 = constant(8.2903066105e-3, n);
  const c4 = constant(4.1897978062e-2, n);
  const c3 = constant(1.6667636593e-1, n);
  const c2 = constant(4.9999149173e-1, n);
  const c1 = constant(9.9999970701e-1, n);
  const shifts = f32x4.splat(shift);
  let first = f32x4.splat(0);
  let second = first;
  const pairs = x + (n & -8) * 4;
  while (x < pairs) {
    const s = f32x4.sub(v128.load(x), shifts);
    const t = f32x4.sub(v128.load(x, 16), shifts);
    const p = power(s, lowest, log2e, biased, ln2High, ln2Low, c5, c4, c3, c2, c1);
    const q = power(t, lowest, log2e, biased, ln2High, ln2Low, c5, c4, c3, c2, c1);
    v128.store(out, p);
    v128.store(out, q, 16);
    first = f32x4.add(first, p);
    second = f32x4.add(second, q);
    x += 32;
    out += 32;
  }
  for (let rest = n & 7; rest > 0; rest -= 4) {
    const absent = f32x4.splat(f32.NEGATIVE_INFINITY);
    const value = rest >= 4 ? v128.load(x) : loadPart(x, rest, absent);
    const s = f32x4.sub(value, shifts);
    const p = power(s, lowest, log2e, biased, ln2High, ln2Low, c5, c4, c3, c2, c1);
    if (rest >= 4) v128.store(out, p);
    else storeLanes(out, p, rest, 4);
    first = f32x4.add(first, p);
    x += 16;
    out += 16;
  }
  return sumLanes(f32x4.add(first, second));
}
