import type { QuantizedBits } from "./codes";

/** What the layout of a packed block depends on. */
export interface BlockShape {
  /** `Hkv`. */
  readonly kvHeads: number;
  /** `D`. */
  readonly headDim: number;
  readonly bits: QuantizedBits;
  /** `G`: tokens of a block, which share a scale per channel of the keys. Even. */
  readonly groupSize: number;
  /** Channels of a value that share a scale; divides `D`. */
  readonly valueGroup: number;
}

/**
 * Where the parts of a block lie, in bytes from its start. A block holds `G` tokens:
 *
 * | part | layout |
 * |---|---|
 * | key codes | `[Hkv, G, D]`, packed along `D` |
 * | value codes | `[Hkv, G/2, D, 2]`: two tokens side by side, packed along the last two |
 * | key scales, key minima | float32 `[Hkv, D]` each |
 * | value scales, value minima | float32 `[Hkv, D / valueGroup, G]` each |
 *
 * Two tokens side by side are what one multiply-add instruction of 16-bit pairs sums.
 */
export interface BlockLayout {
  readonly keyCodes: number;
  readonly valueCodes: number;
  readonly keyScales: number;
  readonly keyMinima: number;
  readonly valueScales: number;
  readonly valueMinima: number;
  /** Bytes of the block. */
  readonly byteLength: number;
  /** Bytes of one token's key codes in one head. */
  readonly rowBytes: number;
  /** Bytes of two tokens' value codes in one head. */
  readonly pairBytes: number;
}

/** The layout of a block, also the one that the kernel assumes. */
export function blockLayout({
  kvHeads,
  headDim,
  bits,
  groupSize,
  valueGroup,
}: BlockShape): BlockLayout {
  const rowBytes = (headDim * bits) / 8;
  const codeBytes = kvHeads * groupSize * rowBytes;
  const keyFloats = 4 * kvHeads * headDim;
  const valueFloats = 4 * kvHeads * groupSize * (headDim / valueGroup);
  const keyScales = 2 * codeBytes;
  const valueScales = keyScales + 2 * keyFloats;
  return {
    keyCodes: 0,
    valueCodes: codeBytes,
    keyScales,
    keyMinima: keyScales + keyFloats,
    valueScales,
    valueMinima: valueScales + valueFloats,
    byteLength: valueScales + 2 * valueFloats,
    rowBytes,
    pairBytes: 2 * rowBytes,
  };
}
