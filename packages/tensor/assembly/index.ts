export { argmax } from "./argmax";
export { attentionScratchBytes } from "./attention";
export { copyStrided } from "./copy-strided";
export {
  add,
  addRow,
  addScalar,
  divide,
  divideRow,
  divideScalar,
  multiply,
  multiplyRow,
  multiplyScalar,
  subtract,
  subtractRow,
  subtractScalar,
} from "./element-wise";
export { silu } from "./exponential";
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
