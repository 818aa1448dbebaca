/** Formats in which a cache may hold its rows; the host's list is in `src/problem.ts`. */
export namespace Storage {
  export const Float32: i32 = 0;
  export const Float16: i32 = 1;
  export const Q8_0: i32 = 2;
  export const Q4_0: i32 = 3;
  export const Q4_1: i32 = 4;
}

/** Elements of a block that share a scale. */
const blockSize: i32 = 32;

/** The float16 number in the low 16 bits: shifted in place it is too small by 2^112. */
function half(bits: u32): f32 {
  const finite =
    reinterpret<f32>((((bits << 16) as i32) >> 3) & (0x8fffe000 as i32)) *
    reinterpret<f32>((112 + 127) << 23);
  const isSpecial = (bits & 0x7c00) == 0x7c00;
  return isSpecial ? reinterpret<f32>(reinterpret<i32>(finite) | 0x7f800000) : finite;
}

@inline
function storeBytes(target: usize, bytes: v128, scale: v128, offset: v128): void {
  const low = i16x8.extend_low_i8x16_s(bytes);
  const high = i16x8.extend_high_i8x16_s(bytes);
  storeQuarter(target, i32x4.extend_low_i16x8_s(low), scale, offset);
  storeQuarter(target + 16, i32x4.extend_high_i16x8_s(low), scale, offset);
  storeQuarter(target + 32, i32x4.extend_low_i16x8_s(high), scale, offset);
  storeQuarter(target + 48, i32x4.extend_high_i16x8_s(high), scale, offset);
}

@inline
function storeQuarter(target: usize, integers: v128, scale: v128, offset: v128): void {
  const product = f32x4.mul(f32x4.convert_i32x4_s(integers), scale);
  v128.store(target, f32x4.add(product, offset));
}

/** Writes the `n` float32 that the row at `source` stands for to `target`. */
export function unpackRow(storage: i32, source: usize, target: usize, n: i32): void {
  if (storage == Storage.Float16) {
    for (let i = 0; i < n; i++) store<f32>(target + i * 4, half(load<u16>(source + i * 2)));
    return;
  }
  const nibble = i8x16.splat(15);
  for (let i = 0; i < n; i += blockSize) {
    const scale = f32x4.splat(half(load<u16>(source)));
    if (storage == Storage.Q8_0) {
      const none = f32x4.splat(0);
      storeBytes(target, v128.load(source + 2), scale, none);
      storeBytes(target + 64, v128.load(source + 18), scale, none);
      source += 34;
    } else {
      let offset = f32x4.mul(scale, f32x4.splat(-8));
      let bytes = v128.load(source + 2);
      if (storage == Storage.Q4_1) {
        offset = f32x4.splat(half(load<u16>(source + 2)));
        bytes = v128.load(source + 4);
      }
      storeBytes(target, v128.and(bytes, nibble), scale, offset);
      storeBytes(target + 64, i8x16.shr_u(bytes, 4), scale, offset);
      source += storage == Storage.Q4_1 ? 20 : 18;
    }
    target += blockSize * 4;
  }
}
