import { decodeHalf } from "./half";
import { storeLanes } from "./simd";

/** Conversions between the plain dtypes, element by element, as the definition of `cast` has them. */

/** float32 to int32: toward zero, NaN is 0, out of range the nearest float32 within. */
export function castFloatToInteger(x: usize, out: usize, n: i32): void {
  const largest = f32x4.splat(2147483520);
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const bounded = f32x4.pmin(v128.load(x + i * 4), largest);
    v128.store(out + i * 4, i32x4.trunc_sat_f32x4_s(bounded));
  }
  for (; i < n; i++) {
    const bounded = f32x4.pmin(v128.load32_splat(x + i * 4), largest);
    storeLanes(out + i * 4, i32x4.trunc_sat_f32x4_s(bounded), 1, 4);
  }
}

/** int32 to float32. */
export function castIntegerToFloat(x: usize, out: usize, n: i32): void {
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    v128.store(out + i * 4, f32x4.convert_i32x4_s(v128.load(x + i * 4)));
  }
  for (; i < n; i++) store<f32>(out + i * 4, load<i32>(x + i * 4) as f32);
}

/** Bytes 0 and 1 to float32. */
export function castBoolToFloat(x: usize, out: usize, n: i32): void {
  for (let i = 0; i < n; i++) store<f32>(out + i * 4, load<u8>(x + i) as f32);
}

/** Bytes 0 and 1 to int32. */
export function castBoolToInteger(x: usize, out: usize, n: i32): void {
  for (let i = 0; i < n; i++) store<i32>(out + i * 4, load<u8>(x + i));
}

/** Whether a float32 is not 0, as a byte; NaN is not. */
export function castFloatToBool(x: usize, out: usize, n: i32): void {
  for (let i = 0; i < n; i++) store<u8>(out + i, load<f32>(x + i * 4) != 0 ? 1 : 0);
}

/** Whether an int32 is not 0, as a byte. */
export function castIntegerToBool(x: usize, out: usize, n: i32): void {
  for (let i = 0; i < n; i++) store<u8>(out + i, load<i32>(x + i * 4) != 0 ? 1 : 0);
}

/** float16 to float32, exactly. */
export function castHalfToFloat(x: usize, out: usize, n: i32): void {
  for (let i = 0; i < n; i++) store<f32>(out + i * 4, decodeHalf(load<u16>(x + i * 2)));
}

/** bfloat16 to float32, exactly. */
export function castBrainToFloat(x: usize, out: usize, n: i32): void {
  for (let i = 0; i < n; i++) store<u32>(out + i * 4, (load<u16>(x + i * 2) as u32) << 16);
}

/** The nearest float16, halves to even; from 65520 on infinity. */
@inline
function encodeHalf(value: f32): u32 {
  const bits = reinterpret<u32>(value);
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return 0x7e00;
  const sign = (bits >> 16) & 0x8000;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Adding a half rounds to the grain of subnormal numbers, 2^-24, and leaves them in the low bits.
    const shifted = reinterpret<f32>(magnitude) + <f32>0.5;
    return sign | (reinterpret<u32>(shifted) - 0x3f000000);
  }
  const rounded = magnitude + 0x0fff + ((magnitude >> 13) & 1);
  return sign | ((rounded - 0x38000000) >> 13);
}

/** float32 to float16. */
export function castFloatToHalf(x: usize, out: usize, n: i32): void {
  for (let i = 0; i < n; i++) store<u16>(out + i * 2, encodeHalf(load<f32>(x + i * 4)) as u16);
}

/** float32 to the nearest bfloat16, halves to even. */
export function castFloatToBrain(x: usize, out: usize, n: i32): void {
  for (let i = 0; i < n; i++) {
    const bits = load<u32>(x + i * 4);
    const isNaN = (bits & 0x7fffffff) > 0x7f800000;
    const rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    store<u16>(out + i * 2, (isNaN ? 0x7fc0 : rounded) as u16);
  }
}
