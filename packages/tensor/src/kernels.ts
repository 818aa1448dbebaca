/**
 * What a package needs to bring operations of its own: a definition in gpu.js that runs on every
 * device, and hand-written kernels where the gap is large.
 *
 * @module
 */
export { needsRecord, record } from "./autograd/record";
export { SavedTensor } from "./autograd/saved-tensor";
export type { BufferSlice } from "./device/device";
export type {
  ArrayArgument,
  KernelArgument,
  KernelParameter,
  KernelSource,
} from "./gpujs/kernel-source";
export { assertDType, assertShapes } from "./ops/checks";
export type {
  GpujsContext,
  Gradient,
  GradientContext,
  Implementation,
  Operation,
  TensorSpec,
} from "./ops/operation";
export { asArgument, partOf, rowsOf, runOperation, runSingle, sliceOf } from "./ops/operation";
export type { OperationKernels } from "./ops/operation-kernels";
export { warn } from "./warnings";
export { addressOf } from "./wasm/address";
export type { WasmKernelHost, WasmKernels } from "./wasm/wasm-kernels";
