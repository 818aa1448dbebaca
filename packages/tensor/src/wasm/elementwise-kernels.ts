/** Kernels over elements that the compiled module exports. `Pointer` is a byte offset. */
type Pointer = number;

/** Parameters of the operation follow the count. */
export type UnaryKernel = (
  input: Pointer,
  output: Pointer,
  n: number,
  ...parameters: number[]
) => void;

export type GradientKernel = (
  saved: Pointer,
  gradient: Pointer,
  output: Pointer,
  n: number,
  ...parameters: number[]
) => void;

/** Rows of two operands: distances of rows in bytes, steps 0 (repeated) or 1. */
export type BinaryKernel = (
  a: Pointer,
  b: Pointer,
  output: Pointer,
  rows: number,
  n: number,
  aRow: number,
  bRow: number,
  aStep: number,
  bStep: number,
) => void;

/** As {@link BinaryKernel}; `element` is 0 for float32, 1 for int32, 2 for bytes. */
export type ComparisonKernel = (element: number, ...operands: Parameters<BinaryKernel>) => void;

/** Functions of one float32 operand, by the names of their operations. */
export const unaryNames = [
  "abs",
  "ceil",
  "clip",
  "elu",
  "erf",
  "exp",
  "expm1",
  "floor",
  "gelu",
  "geluTanh",
  "log",
  "log1p",
  "neg",
  "reciprocal",
  "relu",
  "round",
  "rsqrt",
  "sigmoid",
  "sign",
  "softplus",
  "sqrt",
  "square",
  "tanh",
] as const;

/** Their gradients, from the saved element and the result's gradient. */
export const gradientNames = [
  "absGradient",
  "clipGradient",
  "eluGradient",
  "erfGradient",
  "expGradient",
  "expm1Gradient",
  "geluGradient",
  "geluTanhGradient",
  "log1pGradient",
  "logGradient",
  "negGradient",
  "reciprocalGradient",
  "reluGradient",
  "rsqrtGradient",
  "sigmoidGradient",
  "siluGradient",
  "softplusGradient",
  "sqrtGradient",
  "squareGradient",
  "tanhGradient",
] as const;

/** Comparisons, which take float32, int32 and `bool`; `less` is `greater` the other way round. */
export const comparisonNames = [
  "equal",
  "greater",
  "greaterEqual",
  "logicalAnd",
  "logicalOr",
  "logicalXor",
  "notEqual",
] as const;

type BinaryName =
  | "add"
  | "subtract"
  | "multiply"
  | "divide"
  | "modulo"
  | "minimum"
  | "maximum"
  | "addIntegers"
  | "subtractIntegers"
  | "multiplyIntegers"
  | "minimumOfIntegers"
  | "maximumOfIntegers";

export interface ElementwiseKernels
  extends Readonly<Record<(typeof unaryNames)[number], UnaryKernel>>,
    Readonly<Record<(typeof gradientNames)[number], GradientKernel>>,
    Readonly<Record<(typeof comparisonNames)[number], ComparisonKernel>>,
    Readonly<Record<BinaryName, BinaryKernel>> {
  readonly choose: (
    condition: Pointer,
    a: Pointer,
    b: Pointer,
    output: Pointer,
    rows: number,
    n: number,
    conditionRow: number,
    aRow: number,
    bRow: number,
    conditionStep: number,
    aStep: number,
    bStep: number,
  ) => void;
}
