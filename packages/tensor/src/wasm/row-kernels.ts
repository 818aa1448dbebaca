/** Kernels over rows, columns and training steps that the compiled module exports. */
type Pointer = number;

/** Folds each row of `n` elements; rows are `rowBytes` apart. */
export type RowReduction = (
  input: Pointer,
  output: Pointer,
  rows: number,
  n: number,
  rowBytes: number,
) => void;

/** Folds each of `n` columns of `rows` elements. */
export type ColumnReduction = (
  input: Pointer,
  output: Pointer,
  rows: number,
  n: number,
  rowBytes: number,
  scratch: Pointer,
) => void;

/** Pointers of the operands and the results; then rows, columns and other numbers. */
export type PointerKernel = (...numbers: number[]) => void;

export interface RowKernels {
  readonly sumRows: RowReduction;
  readonly productRows: RowReduction;
  readonly largestRows: RowReduction;
  readonly smallestRows: RowReduction;
  readonly sumIntegersRows: RowReduction;
  readonly largestIntegerRows: RowReduction;
  readonly smallestIntegerRows: RowReduction;
  readonly anyRows: RowReduction;
  readonly allRows: RowReduction;
  readonly sumColumns: ColumnReduction;
  readonly productColumns: ColumnReduction;
  readonly largestColumns: ColumnReduction;
  readonly smallestColumns: ColumnReduction;
  readonly sumIntegersColumns: ColumnReduction;
  readonly largestIntegerColumns: ColumnReduction;
  readonly smallestIntegerColumns: ColumnReduction;
  readonly columnsScratchBytes: (n: number) => number;
  readonly argmin: PointerKernel;
  readonly logSoftmax: PointerKernel;
  readonly softmaxGradient: PointerKernel;
  readonly logSoftmaxGradient: PointerKernel;
  readonly layerNorm: PointerKernel;
  readonly layerNormGradient: PointerKernel;
  readonly adamStep: PointerKernel;
}
