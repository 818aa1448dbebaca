export { adamStep } from "./adam-step";
export { argmax, argmin } from "./argmax";
export { attentionScratchBytes } from "./attention";
export { byteProducts } from "./byte-planes";
export { copyStrided } from "./copy-strided";
export { linearScratchBytes } from "./linear-scratch";
export { matmulScratchBytes } from "./matmul";
export { matmulTransposed } from "./matmul-transposed";
export {
  joinProgram,
  programControlBytes,
  programInstructionBytes,
  reportFailure,
  serve,
  startProgram,
  stopWorkers,
} from "./program/run";
export { quantizedRowsBytes } from "./quantized-rows";
export { rmsNorm } from "./rms-norm";
export { rotary } from "./rotary";
export { softmax } from "./softmax";
export { topK, topKScratchBytes } from "./top-k";
export * from "./binary";
export * from "./comparison";
export * from "./unary-arithmetic";
export {
  elu,
  eluGradient,
  erf,
  erfGradient,
  exp,
  expm1,
  gelu,
  geluGradient,
  geluTanh,
  geluTanhGradient,
  sigmoid,
  silu,
  siluGradient,
  softplusGradient,
  tanh,
} from "./unary-exponential";
export { log, log1p, softplus } from "./unary-logarithm";
export { layerNorm, layerNormGradient } from "./layer-norm";
export * from "./reduction";
export { logSoftmax, logSoftmaxGradient, softmaxGradient } from "./softmax-gradient";
export * from "./cast";
export { causalConv1d } from "./causal-conv1d";
export * from "./indexing";
