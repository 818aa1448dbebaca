export { argmax } from "./argmax";
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
export {
  embeddingFloat16,
  embeddingFloat32,
  embeddingQ4_0,
  embeddingQ4_1,
  embeddingQ8_0,
} from "./embedding";
export { silu } from "./exponential";
export { linearQ4_0, linearQ4_1, linearQ8_0 } from "./linear-blocks";
export { linearFloat16 } from "./linear-float16";
export { linearFloat32 } from "./linear-float32";
export { linearScratchBytes } from "./linear-scratch";
export { matmul, matmulScratchBytes } from "./matmul";
export { matmulTransposed } from "./matmul-transposed";
export { rmsNorm } from "./rms-norm";
export { rotary } from "./rotary";
export { softmax } from "./softmax";
export { topK, topKScratchBytes } from "./top-k";
