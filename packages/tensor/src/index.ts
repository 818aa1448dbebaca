export type { DeviceAvailability, DeviceOptions } from "./device/create-device";
export { availableDevices, createDevice } from "./device/create-device";
export type {
  BufferSlice,
  DeviceName,
  KernelChoice,
  KernelSet,
  LaunchRecord,
  MemoryUse,
} from "./device/device";
export { Device } from "./device/device";
export type { DeviceBuffer } from "./device/device-buffer";
export type { DType, DTypeLayout } from "./dtype";
export { byteLengthOf, dtypeLayout, isBlockDType } from "./dtype";
export * from "./errors";
export { gpujsVersion } from "./gpujs/gpujs-version";
export type {
  ArrayArgument,
  KernelArgument,
  KernelParameter,
  KernelSource,
} from "./gpujs/kernel-factory";
export { AsyncTidyError, keep, tidy } from "./lifetime";
export { argmax } from "./ops/arg-max";
export { assign } from "./ops/assign";
export { contiguous } from "./ops/contiguous";
export type { CreationOptions } from "./ops/creation";
export { bytesOf, empty, full, tensor, zeros } from "./ops/creation";
export { add, div, mul, silu, sub } from "./ops/elementwise";
export { embedding } from "./ops/embedding";
export { linear } from "./ops/linear";
export { matmul } from "./ops/matmul";
export type { Implementation } from "./ops/operation";
export type { RmsNormOptions } from "./ops/rms-norm";
export { rmsNorm } from "./ops/rms-norm";
export type { RotaryEmbeddingOptions } from "./ops/rotary-embedding";
export { rotaryEmbedding } from "./ops/rotary-embedding";
export { softmax } from "./ops/softmax";
export type { TopKResult } from "./ops/top-k";
export { topK } from "./ops/top-k";
export type { Shape } from "./shape";
export type { TensorData } from "./tensor";
export { Tensor } from "./tensor";
export type { WasmBuild } from "./wasm/kernel-module";
