/**
 * e^x of four lanes, x at most 0: 2^n times a polynomial of the rest, after Cephes' expf. Relative
 * error below 2e-7; what is below -87 gives 0.
 */
// @ts-ignore: decorator
@inline
export function exponential(x: v128): v128 {
  const isTiny = f32x4.lt(x, f32x4.splat(-87));
  const n = f32x4.nearest(f32x4.mul(x, f32x4.splat(1.44269504)));
  let rest = f32x4.sub(x, f32x4.mul(n, f32x4.splat(0.693359375)));
  rest = f32x4.sub(rest, f32x4.mul(n, f32x4.splat(-2.12194440e-4)));
  let sum = f32x4.splat(1.9875691500e-4);
  sum = f32x4.add(f32x4.mul(sum, rest), f32x4.splat(1.3981999507e-3));
  sum = f32x4.add(f32x4.mul(sum, rest), f32x4.splat(8.3334519073e-3));
  sum = f32x4.add(f32x4.mul(sum, rest), f32x4.splat(4.1665795894e-2));
  sum = f32x4.add(f32x4.mul(sum, rest), f32x4.splat(1.6666665459e-1));
  sum = f32x4.add(f32x4.mul(sum, rest), f32x4.splat(5.0000001201e-1));
  sum = f32x4.add(f32x4.mul(sum, f32x4.mul(rest, rest)), rest);
  sum = f32x4.add(sum, f32x4.splat(1));
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return v128.andnot(f32x4.mul(sum, power), isTiny);
}
