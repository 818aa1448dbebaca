export * from "./errors";
export type {
  DeltaRuleOptions,
  RetentionOptions,
  ScaledRecurrenceOptions,
  StateSpaceOperands,
} from "./family";
export {
  deltaRule,
  gatedDeltaRule,
  gatedLinearAttention,
  retention,
  stateSpaceDuality,
} from "./family";
export type { FavorOptions, FeatureMap, FeatureRole, OwnedFeatureMap } from "./feature-map";
export {
  dpfpFeatures,
  eluPlusOne,
  expFeatures,
  favorFeatures,
  fourierFeatures,
  identityFeatures,
  reluFeatures,
  squaredRelu,
  taylorFeatures,
} from "./feature-map";
export type {
  LinearLanguageModelConfig,
  LinearLanguageModelOptions,
  LinearModelStep,
  StepOptions,
} from "./language-model/linear-language-model";
export { LinearLanguageModel } from "./language-model/linear-language-model";
export type {
  ForwardOptions,
  LinearAttentionKind,
  LinearAttentionLayerOptions,
  LinearAttentionLayerResult,
  LinearAttentionParameters,
} from "./layer";
export { LinearAttention } from "./layer";
export type { LinearAttentionOptions } from "./linear-attention";
export { linearAttention } from "./linear-attention";
export type { LshAttentionOptions } from "./lsh-attention";
export { lshAttention } from "./lsh-attention";
export type { LshHashOptions } from "./lsh-buckets";
export { lshBuckets } from "./lsh-buckets";
export type { RecurrenceForm, RecurrenceOptions, RecurrenceResult } from "./recurrence";
export type { Remember, ResidualFunction, ReversibleBlock } from "./reversible";
export { reversibleSequence } from "./reversible";
