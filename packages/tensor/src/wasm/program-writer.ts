import type { DType } from "../dtype";
import { DTypeError } from "../errors";

/** The kernels of a program, as `assembly/program/instruction.ts` numbers them. */
const opcodes = {
  end: 0,
  embedding: 1,
  rmsNorm: 2,
  quantize: 3,
  linear: 4,
  rotary: 5,
  attention: 6,
  siluMultiply: 7,
  add: 8,
  matmul: 9,
} as const;

/** Weight formats, as `assembly/block-format.ts` numbers them. */
const formats: Readonly<Partial<Record<DType, number>>> = {
  q4_0: 0,
  q4_1: 1,
  q8_0: 2,
  float32: 3,
  float16: 4,
  bfloat16: 5,
  q4_k: 6,
  q5_k: 7,
  q6_k: 8,
};

/** Where a product's format says in how many planes activations are: `assembly/block-format.ts`. */
const planesShift = 4;

/**
 * What the processor's dot product of bytes is good for, as `assembly/byte-planes.ts` numbers it:
 * nothing, nibbles, or all unsigned bytes.
 */
export type ByteProducts = 0 | 1 | 2;

/** How products with packed weights round and multiply activations. */
export interface PackedProducts {
  readonly byteProducts: ByteProducts;
  /** The fewest bits of an activation. */
  readonly activationBits: 8 | 16;
}

/** The formats whose weights can be multiplied as bytes, with the products that it takes. */
const byteProductsNeeded: Readonly<Partial<Record<DType, ByteProducts>>> = {
  q4_0: 1,
  q4_1: 1,
  q8_0: 2,
};

const wordsPerInstruction = 16;
const jointWord = 2;

/** Multiplications of a chunk: some microseconds, long beside the cost of taking a chunk. */
const productsPerChunk = 40_000;

/** Most of a chunk of few rows, which is read in long streams. */
const productsPerStreamedChunk = 240_000;

/** Chunks that a thread takes of a product of few rows, so that a slow thread does not hold up all. */
const chunksPerThread = 3;

/** Rows of activations from which weights are unpacked for all of them: `quantized-rows.ts`. */
const panelledRows = 4;

/** More chunks than this would only cost. */
const mostChunks = 256;

/** Rows of a kernel that one thread does whole rather than share. */
const wholeRows = 4;

/** Rows per chunk of the kernels that work row by row: divides the 64 rows of a segment. */
const rowsPerChunk = 8;

/** Most queries of an attention block: enough to share what is read of keys and values. */
export const attentionBlockRows = 16;

/** Attention blocks from which heads are not spread over the threads. */
const sharingBlocks = 4;

/** Where a kernel that works row by row reads and writes. */
interface RowKernelOperands {
  readonly rows: number;
  readonly columns: number;
}

/** Whether products with weights of `dtype` take activations as integers. */
export function isQuantizedFormat(dtype: DType): boolean {
  return dtype.startsWith("q");
}

/** Whether the kernels take weights of `dtype`. */
export function hasFormat(dtype: DType): boolean {
  return formats[dtype] !== undefined;
}

/** The kernels' number for a weight format. @throws {DTypeError} when they have none. */
export function formatOf(dtype: DType): number {
  const format = formats[dtype];
  if (format !== undefined) return format;
  throw new DTypeError(`${dtype} weights have no kernel; use ${Object.keys(formats).join(", ")}`, {
    dtype,
  });
}

/**
 * Writes programs for the threads: lists of kernels with addresses and sizes. See
 * `assembly/program`.
 */
export class ProgramWriter {
  readonly #products: PackedProducts;
  readonly #threads: number;
  #words = new Int32Array(32 * wordsPerInstruction);
  #length = 0;
  #phase = 0;

  /** @param threads - Threads that will run the programs. */
  constructor(products: PackedProducts, threads: number) {
    this.#products = products;
    this.#threads = threads;
  }

  /** The program so far, closed by an end. */
  get words(): Int32Array {
    this.#reserve();
    this.#words[this.#length] = opcodes.end;
    return this.#words.subarray(0, this.#length + wordsPerInstruction);
  }

  /** Forgets all instructions. */
  clear(): void {
    this.#length = 0;
    this.#phase = 0;
  }

  /** Instructions from here to the next call share a phase: no one waits for another. */
  beginPhase(): void {
    this.#phase = this.#length;
  }

  /** Ends what `beginPhase` began: the instructions since then must not depend on each other. */
  endPhase(): void {
    for (let at = this.#phase; at + wordsPerInstruction < this.#length; at += wordsPerInstruction) {
      this.#words[at + jointWord] = 1;
    }
  }

  embedding(table: number, dtype: DType, ids: number, output: number, shape: RowKernelOperands) {
    this.#rows(opcodes.embedding, shape, [formatOf(dtype), table, ids, output]);
  }

  rmsNorm(
    input: number,
    weight: number,
    output: number,
    epsilon: number,
    shape: RowKernelOperands,
  ) {
    this.#rows(opcodes.rmsNorm, shape, [input, weight, output, floatBits(epsilon)]);
  }

  siluMultiply(gate: number, up: number, output: number, shape: RowKernelOperands) {
    this.#rows(opcodes.siluMultiply, shape, [gate, up, output, 0]);
  }

  add(left: number, right: number, output: number, shape: RowKernelOperands) {
    this.#rows(opcodes.add, shape, [left, right, output, 0]);
  }

  /** Activations as integers, for products with weights of `dtype`. */
  quantize(input: number, output: number, dtype: DType, { rows, columns }: RowKernelOperands) {
    const { chunks, perChunk } = splitRows(rows);
    this.#emit(
      opcodes.quantize,
      chunks,
      input,
      output,
      this.#productFormat(dtype),
      columns,
      rows,
      0,
      perChunk,
    );
  }

  /**
   * `input · weightᵀ`.
   *
   * @param input - Activations, from `quantize` where `isQuantizedFormat(dtype)`.
   */
  linear(
    input: number,
    weight: number,
    dtype: DType,
    output: number,
    { rows, columns, features }: RowKernelOperands & { readonly features: number },
  ) {
    const perChunk = splitColumns(
      features,
      columns,
      16,
      this.#chunkProducts(rows, columns * features),
    );
    this.#emit(
      opcodes.linear,
      Math.ceil(features / perChunk),
      this.#productFormat(dtype),
      input,
      weight,
      output,
      rows,
      columns,
      features,
      perChunk,
    );
  }

  /** `left · right`, batch by batch; strides in elements. */
  matmul(
    addresses: readonly [left: number, right: number, output: number],
    [batch, m, k, n]: readonly [number, number, number, number],
    batchStrides: readonly [number, number, number],
    rowStrides: readonly [number, number, number],
  ) {
    const perChunk = splitColumns(n, m * k, 32, productsPerChunk);
    const chunks = batch * Math.ceil(n / perChunk);
    this.#emit(
      opcodes.matmul,
      chunks,
      ...addresses,
      m,
      k,
      n,
      ...batchStrides,
      ...rowStrides,
      perChunk,
    );
  }

  /** See `assembly/rotary-cache.ts`. */
  rotateIntoCache(
    addresses: readonly [
      queries: number,
      keys: number,
      values: number,
      cosine: number,
      sine: number,
      rowTable: number,
      cacheTable: number,
    ],
    rows: number,
    sizes: readonly [heads: number, kvHeads: number, headSize: number, signedRotarySize: number],
  ) {
    const { chunks, perChunk } = splitRows(rows);
    this.#emit(opcodes.rotary, chunks, ...addresses, rows, ...sizes, perChunk);
  }

  /** See `assembly/attention.ts`. */
  attention(
    addresses: readonly [queries: number, output: number, cacheTable: number, blockTable: number],
    blocks: number,
    [heads, kvHeads, headSize]: readonly [heads: number, kvHeads: number, headSize: number],
    scale: number,
  ) {
    // Heads that share keys and values read them together, unless threads would have too few parts.
    const perChunk = blocks < sharingBlocks ? 1 : heads / kvHeads;
    this.#emit(
      opcodes.attention,
      (blocks * heads) / perChunk,
      ...addresses,
      heads,
      kvHeads,
      headSize,
      floatBits(scale),
      perChunk,
      attentionBlockRows,
    );
  }

  /** Multiplications for each chunk of a product that has `total` for each of its rows. */
  #chunkProducts(rows: number, total: number): number {
    if (rows >= panelledRows) return productsPerChunk;
    const share = total / (chunksPerThread * this.#threads);
    return Math.min(Math.max(share, productsPerChunk), productsPerStreamedChunk);
  }

  #productFormat(dtype: DType): number {
    const { byteProducts, activationBits } = this.#products;
    const needed = byteProductsNeeded[dtype];
    const isByBytes = needed !== undefined && byteProducts >= needed;
    return formatOf(dtype) + ((isByBytes ? activationBits / 8 : 0) << planesShift);
  }

  #rows(
    opcode: number,
    { rows, columns }: RowKernelOperands,
    operands: readonly [number, number, number, number],
  ): void {
    const { chunks, perChunk } = splitRows(rows);
    this.#emit(opcode, chunks, ...operands, rows, columns, perChunk);
  }

  #emit(opcode: number, chunks: number, ...operands: readonly number[]): void {
    this.#reserve();
    const at = this.#length;
    this.#words.fill(0, at, at + wordsPerInstruction);
    this.#words[at] = opcode;
    this.#words[at + 1] = chunks;
    this.#words.set(operands, at + 3);
    this.#length += wordsPerInstruction;
  }

  /** Makes room for one instruction more. */
  #reserve(): void {
    if (this.#length + wordsPerInstruction <= this.#words.length) return;
    const grown = new Int32Array(this.#words.length * 2);
    grown.set(this.#words);
    this.#words = grown;
  }
}

function splitRows(rows: number): { chunks: number; perChunk: number } {
  if (rows <= wholeRows) return { chunks: 0, perChunk: rows };
  return { chunks: Math.ceil(rows / rowsPerChunk), perChunk: rowsPerChunk };
}

/**
 * Columns of a product per chunk, a multiple of `grain`, for about `products` multiplications of which
 * a column takes `cost`.
 */
function splitColumns(columns: number, cost: number, grain: number, products: number): number {
  const wanted = Math.max(products / Math.max(cost, 1), columns / mostChunks, 1);
  return Math.ceil(wanted / grain) * grain;
}

const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);

function floatBits(value: number): number {
  float[0] = value;
  return bits[0] ?? 0;
}
