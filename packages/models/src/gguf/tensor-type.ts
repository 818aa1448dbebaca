/** How a GGUF tensor type lies in the file. */
export interface GgufTensorLayout {
  /** Number that the file holds for the type. */
  readonly id: number;
  /** Elements of a row that share a block; 1 for plain types. */
  readonly blockSize: number;
  /** Bytes per block. */
  readonly blockBytes: number;
}

/** `enum ggml_type` and the block structures of ggml. Types that ggml has removed are absent. */
const layouts = {
  F32: { id: 0, blockSize: 1, blockBytes: 4 },
  F16: { id: 1, blockSize: 1, blockBytes: 2 },
  Q4_0: { id: 2, blockSize: 32, blockBytes: 18 },
  Q4_1: { id: 3, blockSize: 32, blockBytes: 20 },
  Q5_0: { id: 6, blockSize: 32, blockBytes: 22 },
  Q5_1: { id: 7, blockSize: 32, blockBytes: 24 },
  Q8_0: { id: 8, blockSize: 32, blockBytes: 34 },
  Q8_1: { id: 9, blockSize: 32, blockBytes: 36 },
  Q2_K: { id: 10, blockSize: 256, blockBytes: 84 },
  Q3_K: { id: 11, blockSize: 256, blockBytes: 110 },
  Q4_K: { id: 12, blockSize: 256, blockBytes: 144 },
  Q5_K: { id: 13, blockSize: 256, blockBytes: 176 },
  Q6_K: { id: 14, blockSize: 256, blockBytes: 210 },
  Q8_K: { id: 15, blockSize: 256, blockBytes: 292 },
  IQ2_XXS: { id: 16, blockSize: 256, blockBytes: 66 },
  IQ2_XS: { id: 17, blockSize: 256, blockBytes: 74 },
  IQ3_XXS: { id: 18, blockSize: 256, blockBytes: 98 },
  IQ1_S: { id: 19, blockSize: 256, blockBytes: 50 },
  IQ4_NL: { id: 20, blockSize: 32, blockBytes: 18 },
  IQ3_S: { id: 21, blockSize: 256, blockBytes: 110 },
  IQ2_S: { id: 22, blockSize: 256, blockBytes: 82 },
  IQ4_XS: { id: 23, blockSize: 256, blockBytes: 136 },
  I8: { id: 24, blockSize: 1, blockBytes: 1 },
  I16: { id: 25, blockSize: 1, blockBytes: 2 },
  I32: { id: 26, blockSize: 1, blockBytes: 4 },
  I64: { id: 27, blockSize: 1, blockBytes: 8 },
  F64: { id: 28, blockSize: 1, blockBytes: 8 },
  IQ1_M: { id: 29, blockSize: 256, blockBytes: 56 },
  BF16: { id: 30, blockSize: 1, blockBytes: 2 },
  TQ1_0: { id: 34, blockSize: 256, blockBytes: 54 },
  TQ2_0: { id: 35, blockSize: 256, blockBytes: 66 },
  MXFP4: { id: 39, blockSize: 32, blockBytes: 17 },
} as const satisfies Readonly<Record<string, GgufTensorLayout>>;

/** Element types of GGUF tensors, by the names that ggml gives them. */
export type GgufTensorType = keyof typeof layouts;

const typesById = new Map<number, GgufTensorType>();
for (const [type, layout] of Object.entries(layouts)) {
  typesById.set(layout.id, type as GgufTensorType);
}

/** The block layout of `type`. */
export function ggufTensorLayout(type: GgufTensorType): GgufTensorLayout {
  return layouts[type];
}

/** The type that a file calls `id`; `undefined` when ggml has none. */
export function ggufTensorTypeOf(id: number): GgufTensorType | undefined {
  return typesById.get(id);
}
