/**
 * One attention problem in memory: where the operands lie and what the options are. The host writes
 * it as 32-bit words in this order; `src/problem.ts` holds the same list.
 *
 * An address of 0 says that an operand is absent. Strides named `Bytes` are in bytes, the others in
 * elements. Rows of keys are found through `blockTable` where there is one.
 */
@unmanaged
export class Problem {
  queries: usize;
  keys: usize;
  values: usize;
  output: usize;
  logSumExp: usize;
  sequences: usize;
  blockTable: usize;
  bias: usize;
  mask: usize;
  slopes: usize;
  sinks: usize;
  dropoutKeys: usize;
  batch: i32;
  heads: i32;
  kvHeads: i32;
  keySize: i32;
  valueSize: i32;
  tileQueries: i32;
  tileKeys: i32;
  splits: i32;
  partials: usize;
  queryBatchBytes: i32;
  queryTokenBytes: i32;
  queryHeadBytes: i32;
  keyBatchBytes: i32;
  keyTokenBytes: i32;
  keyHeadBytes: i32;
  keyBlockBytes: i32;
  valueBatchBytes: i32;
  valueTokenBytes: i32;
  valueHeadBytes: i32;
  valueBlockBytes: i32;
  storage: i32;
  blockSize: i32;
  blocksPerSequence: i32;
  logSumExpBatchStride: i32;
  logSumExpHeadStride: i32;
  biasBatchStride: i32;
  biasHeadStride: i32;
  biasQueryStride: i32;
  biasKeyStride: i32;
  maskBatchStride: i32;
  maskHeadStride: i32;
  maskQueryStride: i32;
  maskKeyStride: i32;
  slopesBatchStride: i32;
  windowLeft: i32;
  windowRight: i32;
  dropThreshold: i32;
  keepScale: f32;
  scale: f32;
  softcap: f32;
  outputGradient: usize;
  logSumExpGradient: usize;
  queryGradient: usize;
  keyGradient: usize;
  valueGradient: usize;
  biasGradient: usize;
  sinkGradient: usize;

  /** Query heads that share a key/value head. */
  @inline
  get group(): i32 {
    return this.heads / this.kvHeads;
  }
}

/** One sequence of the batch. */
@unmanaged
export class Sequence {
  /** Added to the token index to find its query. */
  queryStart: i32;
  queryLength: i32;
  /** Added to the token index to find its key. */
  keyStart: i32;
  keyLength: i32;
  /** Row of the first token in the output. */
  outputStart: i32;
  /** Row of the first key in the gradients of keys and values. */
  keyRow: i32;
  /** Number of the first unit of work; the one after the last sequence ends the list. */
  firstUnit: i32;
}

/** The sequence at `index`. */
@inline
export function sequenceAt(problem: Problem, index: i32): Sequence {
  return changetype<Sequence>(problem.sequences + index * offsetof<Sequence>());
}

/** Which sequence unit `unit` belongs to, searching from `index` on. */
@inline
export function sequenceOfUnit(problem: Problem, unit: i32, index: i32): i32 {
  while (sequenceAt(problem, index + 1).firstUnit <= unit) index++;
  return index;
}

/** `value` rounded up to a multiple of `step`, a power of two. */
@inline
export function roundUp(value: i32, step: i32): i32 {
  return (value + step - 1) & -step;
}
