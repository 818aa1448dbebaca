/** Bits of a code. */
export type QuantizedBits = 8 | 4 | 2;

/** Bytes loaded at once by the kernel. */
const unitBytes = 8;

/**
 * Codes of `bits` bits each, packed so that one load of 8 bytes, shifted and masked, gives codes
 * that are neighbours: byte `j` of a unit holds codes `j`, `j + 8`, `j + 16` …, lowest bits first. A
 * last unit may be shorter.
 *
 * @param codes - `n` codes, `n · bits` a multiple of 8.
 * @param target - `n · bits / 8` bytes.
 */
export function packCodes(codes: Uint8Array, bits: QuantizedBits, target: Uint8Array): void {
  const perByte = 8 / bits;
  for (let start = 0; start < target.length; start += unitBytes) {
    const width = Math.min(unitBytes, target.length - start);
    for (let byte = 0; byte < width; byte++) {
      let packed = 0;
      for (let part = 0; part < perByte; part++) {
        const code = codes[start * perByte + byte + part * width] ?? 0;
        packed |= code << (part * bits);
      }
      target[start + byte] = packed;
    }
  }
}

/** The codes that {@link packCodes} packed. */
export function unpackCodes(packed: Uint8Array, bits: QuantizedBits, codes: Uint8Array): void {
  const perByte = 8 / bits;
  const mask = 2 ** bits - 1;
  for (let start = 0; start < packed.length; start += unitBytes) {
    const width = Math.min(unitBytes, packed.length - start);
    for (let byte = 0; byte < width; byte++) {
      const value = packed[start + byte] ?? 0;
      for (let part = 0; part < perByte; part++) {
        codes[start * perByte + byte + part * width] = (value >> (part * bits)) & mask;
      }
    }
  }
}

/** A group's step and smallest element: code `q` stands for `scale · q + minimum`. */
export interface GroupScale {
  readonly scale: number;
  readonly minimum: number;
}

/**
 * Asymmetric rounding (KIVI: Liu et al. 2024, arXiv 2402.02750, section 3.1): `scale = (max - min) /
 * (2^bits - 1)`. A constant group has scale 0 and is exact. Both numbers are float32, and the codes
 * are chosen for the rounded ones.
 */
export function groupScale(minimum: number, maximum: number, bits: QuantizedBits): GroupScale {
  const low = Math.fround(minimum);
  return { scale: Math.fround((maximum - low) / (2 ** bits - 1)), minimum: low };
}

/** The code nearest to `value`. */
export function codeOf(value: number, { scale, minimum }: GroupScale, bits: QuantizedBits): number {
  if (scale === 0) return 0;
  return Math.min(2 ** bits - 1, Math.max(0, Math.round((value - minimum) / scale)));
}
