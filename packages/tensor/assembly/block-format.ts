/**
 * How weights lie in memory. The block formats are those of GGUF: a block holds 32 consecutive
 * weights of a row and starts with a float16 scale d:
 *
 * | format | bytes | after d | weight |
 * |---|---|---|---|
 * | Q4_0 | 18 | 16 bytes of nibbles | d (q - 8) |
 * | Q4_1 | 20 | float16 m, 16 bytes of nibbles | d q + m |
 * | Q8_0 | 34 | 32 signed bytes | d q |
 *
 * Byte i of the nibbles holds weight i in its low half and weight 16 + i in its high half.
 */
export namespace BlockFormat {
  export const Q4_0: i32 = 0;
  export const Q4_1: i32 = 1;
  export const Q8_0: i32 = 2;
  /** Not blocks: one float32, or one float16, after the other. */
  export const Float32: i32 = 3;
  export const Float16: i32 = 4;
  export const BFloat16: i32 = 5;
  /** Blocks of 256 in eight parts, see `super-blocks.ts`. */
  export const Q4_K: i32 = 6;
  export const Q5_K: i32 = 7;
  export const Q6_K: i32 = 8;
}

/**
 * What an instruction says of a product: the format of its weights, and above that in how many planes
 * of bytes its activations are, see `byte-planes.ts`; 0 for words.
 */
export namespace ProductFormat {
  @inline
  export function weights(product: i32): i32 {
    return product & 15;
  }
  @inline
  export function planes(product: i32): i32 {
    return product >> 4;
  }
}

/** Weights in a block. */
export const blockSize: i32 = 32;

/** Bytes of a block. */
@inline
export function blockBytes(format: i32): i32 {
  if (format == BlockFormat.Q4_0) return 18;
  if (format == BlockFormat.Q4_1) return 20;
  return 34;
}

/** Bytes of a block before its weights. */
@inline
export function headerBytes(format: i32): i32 {
  return format == BlockFormat.Q4_1 ? 4 : 2;
}
