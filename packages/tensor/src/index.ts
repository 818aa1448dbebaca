export type { CustomGradient } from "./autograd/custom-gradient";
export { checkpoint, customGradient } from "./autograd/custom-gradient";
export { backward, clearGradients, gradientOf, requireGrad } from "./autograd/leaf";
export { noGrad } from "./autograd/recording";
export type { TensorTree, ValueAndGradients } from "./autograd/transforms";
export { grad, valueAndGrad } from "./autograd/transforms";
export type { DeviceAvailability, DeviceOptions } from "./device/create-device";
export { availableDevices, createDevice } from "./device/create-device";
export type {
  BufferSlice,
  DeviceName,
  KernelChoice,
  KernelSet,
  LaunchRecord,
  MemoryAccess,
  MemoryUse,
} from "./device/device";
export { Device } from "./device/device";
export type { DeviceBuffer } from "./device/device-buffer";
export type { InitOptions, InitResult } from "./device/init";
export { init } from "./device/init";
export type { DeviceMemory, TotalMemory } from "./device/live-devices";
export { memory } from "./device/live-devices";
export type { DType, DTypeLayout } from "./dtype";
export { byteLengthOf, dtypeLayout, isBlockDType } from "./dtype";
export * from "./errors";
export { gpujsVersion } from "./gpujs/gpujs-version";
export type {
  ArrayArgument,
  KernelArgument,
  KernelParameter,
  KernelSource,
} from "./gpujs/kernel-source";
export type { IntegerBounds } from "./integer-bounds";
export type { ByteSource } from "./io/byte-source";
export { DataSourceError, SafetensorsError } from "./io/errors";
export type { SafetensorsDType } from "./io/safetensors/dtypes";
export type { SafetensorsEntry } from "./io/safetensors/header";
export type { ReadTensorOptions, SafetensorsSource } from "./io/safetensors/safetensors-file";
export { openSafetensors, SafetensorsFile } from "./io/safetensors/safetensors-file";
export type { Named, WriteSafetensorsOptions } from "./io/safetensors/write-safetensors";
export { safetensorsChunks, writeSafetensors } from "./io/safetensors/write-safetensors";
export type { UrlOptions } from "./io/url-source";
export { AsyncTidyError, keep, tidy } from "./lifetime";
export type { EluOptions, GeluOptions } from "./ops/activations";
export { elu, erf, gelu, relu, sigmoid, silu, softplus, tanh } from "./ops/activations";
export type { ArgMaxOptions } from "./ops/arg-max";
export { argmax, argmin } from "./ops/arg-max";
export { assign } from "./ops/assign";
export type { AxisOptions } from "./ops/axis-options";
export { add, div, maximum, minimum, mod, mul, pow, sub } from "./ops/binary";
export type { Operand } from "./ops/binary-operation";
export { cast, type PlainDType } from "./ops/cast";
export type { CausalConv1dOptions } from "./ops/causal-conv1d";
export { causalConv1d } from "./ops/causal-conv1d";
export {
  equal,
  greater,
  greaterEqual,
  less,
  lessEqual,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
  notEqual,
} from "./ops/comparisons";
export { concat, split, stack } from "./ops/concat";
export { clone, contiguous } from "./ops/contiguous";
export type { CreationOptions, NestedArray } from "./ops/creation";
export {
  arange,
  bytesOf,
  empty,
  eye,
  full,
  linspace,
  ones,
  tensor,
  zeros,
} from "./ops/creation";
export type { CrossEntropyOptions } from "./ops/cross-entropy";
export { crossEntropy } from "./ops/cross-entropy";
export { cumsum } from "./ops/cumsum";
export type { DropoutOptions } from "./ops/dropout";
export { dropout } from "./ops/dropout";
export { einsum } from "./ops/einsum";
export { embedding } from "./ops/embedding";
export { cos, exp, expm1, log, log1p, sin } from "./ops/exponential";
export { gather, take } from "./ops/gather";
export type { LayerNormOptions } from "./ops/layer-norm";
export { layerNorm } from "./ops/layer-norm";
export { linear } from "./ops/linear";
export { matmul } from "./ops/matmul";
export type { OneHotOptions } from "./ops/one-hot";
export { oneHot } from "./ops/one-hot";
export type { Implementation } from "./ops/operation";
export type { FlipOptions, PadOptions } from "./ops/pad";
export { flip, pad } from "./ops/pad";
export type { NormalOptions, RandomOptions, UniformOptions } from "./ops/random";
export { normal, normalNumbers, uniform } from "./ops/random";
export type { ReductionOptions } from "./ops/reduce-operation";
export type { NormOptions, VarianceOptions } from "./ops/reductions";
export { all, any, logsumexp, max, mean, min, norm, prod, sum, variance } from "./ops/reductions";
export { reshape } from "./ops/reshape";
export type { RmsNormOptions } from "./ops/rms-norm";
export { rmsNorm } from "./ops/rms-norm";
export type { RotaryEmbeddingOptions } from "./ops/rotary-embedding";
export { rotaryEmbedding } from "./ops/rotary-embedding";
export { scatterAdd } from "./ops/scatter";
export type { SoftmaxOptions } from "./ops/softmax";
export { logSoftmax, softmax } from "./ops/softmax";
export type { SortOptions, SortResult } from "./ops/sort";
export { argsort, sort } from "./ops/sort";
export type { TopKResult } from "./ops/top-k";
export { topK } from "./ops/top-k";
export type { TriangleOptions } from "./ops/triangle";
export { tril, triu } from "./ops/triangle";
export {
  abs,
  ceil,
  clip,
  floor,
  neg,
  reciprocal,
  round,
  rsqrt,
  sign,
  sqrt,
  square,
} from "./ops/unary";
export { where } from "./ops/where";
export type { AdamOptions, StepScale } from "./optimizers/adam";
export { Adam, AdamW, RAdam } from "./optimizers/adam";
export type { ClippedGradients } from "./optimizers/clipping";
export { clipByGlobalNorm, clipByValue } from "./optimizers/clipping";
export type { LearningRate, OptimizerState, Parameters } from "./optimizers/optimizer";
export { Optimizer } from "./optimizers/optimizer";
export type { RMSPropOptions } from "./optimizers/rmsprop";
export { RMSProp } from "./optimizers/rmsprop";
export type { WarmupCosineOptions } from "./optimizers/schedules";
export { warmupCosine } from "./optimizers/schedules";
export type { SGDOptions } from "./optimizers/sgd";
export { SGD } from "./optimizers/sgd";
export type { FormatOptions } from "./printing/format";
export { format } from "./printing/format";
export type { Shape } from "./shape";
export type { TensorData } from "./tensor";
export { Tensor } from "./tensor";
export type { WarningHandler } from "./warnings";
export { setWarningHandler } from "./warnings";
export type { WasmBuild } from "./wasm/kernel-module";
export type {
  AttentionOperands,
  KernelProgramLimits,
  ProgramCache,
  ProgramProduct,
  RotationOperands,
} from "./wasm/kernel-program";
export { KernelProgram } from "./wasm/kernel-program";
export type { GlLimits } from "./webgl/webgl-device";
export type { GpuLimits } from "./webgpu/gpu-limits";
