import { type DType, dtypeLayout } from "../dtype";

/**
 * gpu.js source that unpacks weights. Packed rows reach a kernel as 16-bit words, since float32,
 * which carries every value in gpu.js, holds those exactly.
 *
 * The layouts are GGUF's: `q4_0` is a half scale and 16 bytes of nibbles, `q4_1` adds a half
 * minimum, `q8_0` is a half scale and 32 signed bytes. In a nibble block, element `i` below 16 is
 * the low nibble of byte `i`, element `16 + i` the high one.
 */

/** Words of a row of `columns` elements; float32 rows are counted in elements. */
export function wordsPerRow(dtype: DType, columns: number): number {
  return (columns / elementsPerBlock(dtype)) * wordsPerBlock(dtype);
}

/** Elements per block, 1 for plain dtypes. */
function elementsPerBlock(dtype: DType): number {
  return dtypeLayout(dtype).blockSize;
}

/** 16-bit words per block; float32 counts one word per element. */
export function wordsPerBlock(dtype: DType): number {
  const { blockSize, blockBytes } = dtypeLayout(dtype);
  return blockSize === 1 ? 1 : blockBytes / 2;
}

/**
 * Statements that decode the half-precision pattern `bits` (an expression) into a new variable.
 * Infinities and NaN, which no checkpoint stores, decode to large finite numbers.
 */
export function decodeHalf(variable: string, bits: string): string {
  return `
    const ${variable}Bits = ${bits};
    const ${variable}Exponent = (${variable}Bits >> 10) & 31;
    const ${variable}Mantissa = ${variable}Bits & 1023;
    let ${variable} = ${variable}Mantissa * ${2 ** -24};
    if (${variable}Exponent > 0) {
      ${variable} = (1024 + ${variable}Mantissa) * Math.pow(2, ${variable}Exponent - 25);
    }
    if (${variable}Bits >= 32768) { ${variable} = -${variable}; }`;
}

/** As {@link decodeHalf}, for the pattern of a bfloat16: the upper half of a float32. */
export function decodeBrainFloat(variable: string, bits: string): string {
  return `
    const ${variable}Bits = ${bits};
    const ${variable}Exponent = (${variable}Bits >> 7) & 255;
    const ${variable}Mantissa = ${variable}Bits & 127;
    const ${variable}Half = Math.floor(${variable}Exponent / 2);
    let ${variable} = ${variable}Mantissa * ${2 ** -100} * ${2 ** -33};
    if (${variable}Exponent > 0) {
      // 2^(exponent - 134) in two factors, each within float32.
      ${variable} = (128 + ${variable}Mantissa) * Math.pow(2, ${variable}Half - 67)
        * Math.pow(2, ${variable}Exponent - ${variable}Half - 67);
    }
    if (${variable}Bits >= 32768) { ${variable} = -${variable}; }`;
}
