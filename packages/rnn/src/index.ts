/**
 * Recurrent networks: RNN, LSTM and GRU, with fused kernels and training through time.
 *
 * @packageDocumentation
 */
export type { CellKind } from "./cell-kind";
export {
  type GradientNormsOptions,
  gradientNormsByLag,
  logSlope,
  type SpectralRow,
  spectralReport,
} from "./diagnostics";
export * from "./errors";
export { type InitializeOptions, initialize, type RecurrentInitializer } from "./initializers";
export { fromKeras, type KerasWeights, type LayerPlace, toKeras } from "./interchange/keras";
export { fromOnnx, type OnnxWeights, toOnnx } from "./interchange/onnx";
export type { WeightArray } from "./interchange/weight-array";
export { toArrays, toTensors } from "./interchange/weight-tensors";
export {
  type LanguageModelStep,
  RecurrentLanguageModel,
  type RecurrentLanguageModelConfig,
  type RecurrentLanguageModelOptions,
} from "./language-model/recurrent-language-model";
export { GRU } from "./layers/gru";
export type { RecurrentState } from "./layers/layer-input";
export type {
  GRUOptions,
  LSTMOptions,
  RecurrentOptions,
  RNNOptions,
} from "./layers/layer-options";
export { LSTM, type LSTMState } from "./layers/lstm";
export {
  type CellOptions,
  type CellStepOptions,
  GRUCell,
  LSTMCell,
  RecurrentCell,
  RNNCell,
} from "./layers/recurrent-cell";
export {
  type ForwardOptions,
  RecurrentLayer,
  type RecurrentResult,
} from "./layers/recurrent-layer";
export { RNN } from "./layers/rnn";
export { Lanes, type Window } from "./training/lanes";
export {
  detached,
  LanguageTrainer,
  type LanguageTrainerOptions,
  type TrainingStep,
} from "./training/language-trainer";
