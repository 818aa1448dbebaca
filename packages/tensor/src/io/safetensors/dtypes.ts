/** A dtype as safetensors files name it. */
export type SafetensorsDType =
  | "BOOL"
  | "F4"
  | "F6_E2M3"
  | "F6_E3M2"
  | "U8"
  | "I8"
  | "F8_E5M2"
  | "F8_E4M3"
  | "F8_E8M0"
  | "F8_E4M3FNUZ"
  | "F8_E5M2FNUZ"
  | "I16"
  | "U16"
  | "F16"
  | "BF16"
  | "I32"
  | "U32"
  | "F32"
  | "C64"
  | "F64"
  | "I64"
  | "U64";

/** Bits of an element, narrow dtypes first, in the reference's order. */
const elementBits: Readonly<Record<SafetensorsDType, number>> = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
};

const ranks = new Map(Object.keys(elementBits).map((dtype, rank) => [dtype, rank]));

/** Whether `dtype` is one of the format. */
export function isSafetensorsDType(dtype: string): dtype is SafetensorsDType {
  return ranks.has(dtype);
}

/** Wider dtypes first, so that each tensor starts at a multiple of its element's size. */
export function compareAlignment(left: SafetensorsDType, right: SafetensorsDType): number {
  return (ranks.get(right) ?? 0) - (ranks.get(left) ?? 0);
}

/** Bytes of a tensor; `undefined` when that is not a whole number, or too large to be exact. */
export function safetensorsByteLength(
  dtype: SafetensorsDType,
  shape: readonly number[],
): number | undefined {
  let bits = elementBits[dtype];
  for (const size of shape) {
    bits *= size;
    if (!Number.isSafeInteger(bits)) return undefined;
  }
  return bits % 8 === 0 ? bits / 8 : undefined;
}
