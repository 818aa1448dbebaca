/**
 * Language models from GGUF files: reader, tokenizer, chat template, sampling, architectures.
 *
 * @packageDocumentation
 */
export {
  LinearAttentionModel,
  type LinearAttentionModelOptions,
} from "./architectures/linear-attention";
export { Llama } from "./architectures/llama";
export { type LlamaConfig, readLlamaConfig } from "./architectures/llama-config";
export {
  type LlamaLayerWeights,
  type LlamaWeights,
  loadLlamaWeights,
  type WeightLoadingOptions,
} from "./architectures/llama-weights";
export { RecurrentModel } from "./architectures/recurrent";
export { type RecurrentCheckpoint, writeRecurrentGguf } from "./architectures/recurrent-gguf";
export {
  loadRecurrentWeights,
  type RecurrentConfig,
  type RecurrentWeights,
  readRecurrentConfig,
} from "./architectures/recurrent-weights";
export type {
  CausalLM,
  CausalLMConfig,
  PagedCache,
  PagedCacheOptions,
  PagedState,
  SequenceChunk,
  SequenceState,
  StateOptions,
} from "./causal-lm";
export {
  type ChatMessage,
  type ChatRenderOptions,
  ChatTemplate,
  type ChatTemplateTokens,
} from "./chat/chat-template";
export { encodeChat } from "./chat/encode-chat";
export * from "./errors";
export {
  type GenerateOptions,
  type GenerationEvent,
  type GenerationResult,
  generate,
  type TextModel,
} from "./generation/generate";
export { GenerationState } from "./generation/generation-state";
export { yieldToEventLoop } from "./generation/yield-to-event-loop";
export {
  type ByteSource,
  byteSourceFromBlob,
  byteSourceFromBuffer,
} from "./gguf/byte-source";
export { GgufMetadata, type GgufMetadataValue, type GgufNumberArray } from "./gguf/metadata";
export { type GgufFile, type ReadGgufOptions, readGguf } from "./gguf/read-gguf";
export type { GgufTensorInfo } from "./gguf/read-tensor-infos";
export type { GgufTensorType } from "./gguf/tensor-type";
export {
  array,
  type GgufInput,
  type GgufScalarType,
  type GgufTensorInput,
  type GgufTyped,
  scalar,
  writeGguf,
} from "./gguf/write-gguf";
export { LanguageModel, type LanguageModelParts } from "./language-model";
export { type LoadModelOptions, loadModel } from "./load-model";
export { Sampler } from "./sampling/sampler";
export type { SamplingOptions } from "./sampling/sampling-options";
export { TextStream } from "./tokenizer/text-stream";
export { type DecodeOptions, type EncodeOptions, Tokenizer } from "./tokenizer/tokenizer";
export { type BytePairVocabulary, endOfText, trainBytePairs } from "./tokenizer/train-byte-pairs";
