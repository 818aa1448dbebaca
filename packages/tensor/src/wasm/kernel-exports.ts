import type { ElementwiseKernels } from "./elementwise-kernels";
import type { IndexingKernels } from "./indexing-kernels";
import type { RowKernels } from "./row-kernels";

/**
 * What the compiled kernel module exports. `Pointer` is a byte offset in the device's memory; sizes
 * and strides are counted in elements. The AssemblyScript sources document each kernel.
 */
type Pointer = number;

type MatmulKernel = (
  a: Pointer,
  b: Pointer,
  output: Pointer,
  batch: number,
  m: number,
  k: number,
  n: number,
  aBatchStride: number,
  aRowStride: number,
  bBatchStride: number,
  bRowStride: number,
  outputBatchStride: number,
  outputRowStride: number,
  scratch: Pointer,
) => void;

export interface KernelExports extends ElementwiseKernels, IndexingKernels, RowKernels {
  /** Arguments: 127 and 255. */
  readonly byteProducts: (left: number, right: number) => number;
  readonly linearScratchBytes: (k: number, format: number) => number;
  readonly quantizedRowsBytes: (m: number, k: number) => number;
  readonly attentionScratchBytes: (rows: number, length: number, headSize: number) => number;
  readonly matmulTransposed: MatmulKernel;
  readonly matmulScratchBytes: (m: number, k: number, n: number) => number;
  readonly silu: (input: Pointer, output: Pointer, n: number) => void;
  readonly rmsNorm: (
    input: Pointer,
    weight: Pointer,
    output: Pointer,
    rows: number,
    n: number,
    epsilon: number,
  ) => void;
  readonly softmax: (input: Pointer, output: Pointer, rows: number, n: number) => void;
  readonly rotary: (
    input: Pointer,
    cosine: Pointer,
    sine: Pointer,
    positions: Pointer,
    output: Pointer,
    tokens: number,
    heads: number,
    headSize: number,
    rotarySize: number,
    interleaved: number,
  ) => void;
  readonly argmax: (input: Pointer, output: Pointer, rows: number, n: number) => void;
  readonly topK: (
    input: Pointer,
    values: Pointer,
    indices: Pointer,
    rows: number,
    n: number,
    k: number,
    scratch: Pointer,
  ) => void;
  readonly programControlBytes: () => number;
  readonly startProgram: (
    control: Pointer,
    program: Pointer,
    scratch: Pointer,
    scratchStride: number,
  ) => void;
  /** 0: finished; 1: another thread is not done yet, call again; 2: another thread met an error. */
  readonly joinProgram: (control: Pointer) => number;
  readonly stopWorkers: (control: Pointer) => void;
  readonly topKScratchBytes: (n: number, k: number) => number;
  readonly copyStrided: (
    source: Pointer,
    target: Pointer,
    elementBytes: number,
    rank: number,
    layout: Pointer,
  ) => void;
}
