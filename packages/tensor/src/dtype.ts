import { DTypeError } from "./errors";

/**
 * Element types. `float32` computes; `int32` indexes; `bool` masks; the others store: weights stay
 * packed in memory and kernels unpack them as they go. `q4_0`, `q4_1` and `q8_0` are the block
 * formats of GGUF: 32 consecutive elements of a row share one scale. `q4_k`, `q5_k` and `q6_k` are
 * its "K" formats: blocks of 256 in parts with scales of their own.
 */
export type DType =
  | "float32"
  | "int32"
  | "bool"
  | "float16"
  | "bfloat16"
  | "q4_0"
  | "q4_1"
  | "q8_0"
  | "q4_k"
  | "q5_k"
  | "q6_k";

/** How a dtype lies in memory. */
export interface DTypeLayout {
  /** Elements per block; 1 for plain types. */
  readonly blockSize: number;
  /** Bytes per block. */
  readonly blockBytes: number;
}

const layouts: Readonly<Record<DType, DTypeLayout>> = {
  float32: { blockSize: 1, blockBytes: 4 },
  int32: { blockSize: 1, blockBytes: 4 },
  bool: { blockSize: 1, blockBytes: 1 },
  float16: { blockSize: 1, blockBytes: 2 },
  bfloat16: { blockSize: 1, blockBytes: 2 },
  q4_0: { blockSize: 32, blockBytes: 18 },
  q4_1: { blockSize: 32, blockBytes: 20 },
  q8_0: { blockSize: 32, blockBytes: 34 },
  q4_k: { blockSize: 256, blockBytes: 144 },
  q5_k: { blockSize: 256, blockBytes: 176 },
  q6_k: { blockSize: 256, blockBytes: 210 },
};

/** The memory layout of `dtype`. */
export function dtypeLayout(dtype: DType): DTypeLayout {
  const layout = layouts[dtype];
  if (layout === undefined) {
    const known = Object.keys(layouts).join(", ");
    throw new DTypeError(`unknown dtype "${dtype}"; use one of ${known}`, { dtype });
  }
  return layout;
}

/** Whether `dtype` packs several elements into a block. */
export function isBlockDType(dtype: DType): boolean {
  return dtypeLayout(dtype).blockSize > 1;
}

/**
 * Bytes that a tensor of `shape` takes.
 *
 * @throws {DTypeError} when the last dimension of a block format is not a multiple of its block.
 */
export function byteLengthOf(dtype: DType, shape: readonly number[]): number {
  const { blockSize, blockBytes } = dtypeLayout(dtype);
  const elements = shape.reduce((product, size) => product * size, 1);
  const lastSize = shape.at(-1) ?? 1;
  if (lastSize % blockSize !== 0) {
    throw new DTypeError(
      `${dtype} packs ${blockSize} elements to a block, but the last dimension is ${lastSize}; use a multiple of ${blockSize}`,
      { dtype, shape },
    );
  }
  return (elements / blockSize) * blockBytes;
}
