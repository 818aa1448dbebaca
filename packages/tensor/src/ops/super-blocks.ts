import { decodeHalf } from "./packed-weights";

/**
 * gpu.js source that unpacks the "K" formats of GGUF: blocks of 256 weights in eight parts of 32,
 * whose scales are small integers times one half-precision number of the block.
 *
 * `q4_k`: d, dmin, 12 bytes of six-bit scales and minimums, 128 bytes of nibbles. `q5_k` has 32 bytes
 * of fifth bits before the nibbles. `q6_k`: 128 bytes of nibbles, 64 of bit pairs, 16 signed scales
 * (one to 16 weights), d.
 */
export type SuperBlockDType = "q4_k" | "q5_k" | "q6_k";

/** Weights in a block. */
export const superBlockSize = 256;

/** 16-bit words of a block. */
const superBlockWords: Readonly<Record<SuperBlockDType, number>> = {
  q4_k: 72,
  q5_k: 88,
  q6_k: 105,
};

/** Statements that set `variable` to byte `index` (an expression) of the block at word `first`. */
function readByte(variable: string, index: string): string {
  return `
    const ${variable}Index = ${index};
    const ${variable}Word = weight[row][first + Math.floor(${variable}Index / 2 + 0.25)];
    let ${variable} = ${variable}Word % 256;
    if (${variable}Index % 2 > 0.5) { ${variable} = Math.floor(${variable}Word / 256 + 0.001); }`;
}

/** Bits `shift` to `shift + width` of `value`. All are expressions of whole numbers. */
function bitsOf(value: string, shift: string, width: number): string {
  return `(Math.floor(${value} / Math.pow(2, ${shift}) + 0.001) % ${2 ** width})`;
}

/** Where in a row and in a block the weight of `column` is. */
function locate(dtype: SuperBlockDType): string {
  return `
    const block = Math.floor((column + 0.5) / 256);
    const first = block * ${superBlockWords[dtype]};
    const index = column - block * 256;
    const part = Math.floor((index + 0.5) / 32);
    const within = index - part * 32;`;
}

function unpackFiveBits(dtype: "q4_k" | "q5_k"): string {
  const nibbles = dtype === "q4_k" ? 16 : 48;
  return `
    ${locate(dtype)}
    const pair = Math.floor((part + 0.5) / 2);
    ${readByte("packed", `${nibbles} + pair * 32 + within`)}
    let value = ${bitsOf("packed", "(part - pair * 2) * 4", 4)};
    ${dtype === "q5_k" ? `${readByte("fifth", "16 + within")}\nvalue += ${bitsOf("fifth", "part", 1)} * 16;` : ""}
    let near = part;
    if (part > 3.5) { near = part - 4; }
    ${readByte("low", "4 + near")}
    ${readByte("middle", "8 + near")}
    ${readByte("high", "12 + near")}
    let partScale = low % 64;
    let partMinimum = middle % 64;
    if (part > 3.5) {
      partScale = high % 16 + ${bitsOf("low", "6", 2)} * 16;
      partMinimum = ${bitsOf("high", "4", 4)} + ${bitsOf("middle", "6", 2)} * 16;
    }
    ${decodeHalf("scale", "weight[row][first]")}
    ${decodeHalf("minimum", "weight[row][first + 1]")}
    const element = scale * partScale * value - minimum * partMinimum;`;
}

function unpackSixBits(): string {
  return `
    ${locate("q6_k")}
    const half = Math.floor((part + 0.5) / 4);
    const quarter = part - half * 4;
    const upper = Math.floor((quarter + 0.5) / 2);
    ${readByte("packed", "half * 64 + (quarter - upper * 2) * 32 + within")}
    ${readByte("pairs", "128 + half * 32 + within")}
    ${readByte("partScale", "192 + Math.floor((index + 0.5) / 16)")}
    if (partScale > 127) { partScale = partScale - 256; }
    const value = ${bitsOf("packed", "upper * 4", 4)} + ${bitsOf("pairs", "quarter * 2", 2)} * 16 - 32;
    ${decodeHalf("scale", "weight[row][first + 104]")}
    const element = scale * partScale * value;`;
}

/** Statements that set `element` to `weight[row][column]` of a table stored as `dtype`. */
export function unpackSuperBlockElement(dtype: SuperBlockDType): string {
  return dtype === "q6_k" ? unpackSixBits() : unpackFiveBits(dtype);
}
