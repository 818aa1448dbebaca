/**
 * Many generations over one language model: continuous batching, paged memory, prefix caching.
 *
 * @packageDocumentation
 */
export type { BeamSearchAnswer, BeamSearchOptions } from "./beam-search/beam-search-options";
export { ChatSession, type ChatSessionOptions } from "./chat-session";
export { createEngine, Engine } from "./engine";
export type { EngineEvent } from "./engine-event";
export type { EngineOptions, SpeculationOptions } from "./engine-options";
export type { EngineStats } from "./engine-stats";
export * from "./errors";
export { Generation, type GenerationSource } from "./generation";
export type { GenerationOptions } from "./generation-options";
export type {
  GenerationEvent,
  GenerationFinishReason,
  GenerationOutput,
  GenerationResult,
  PositionLogprobs,
  TokenLogprob,
} from "./generation-result";
export type { Prompt } from "./prompt";
export { RemoteEngine } from "./remote/remote-engine";
export type { RemoteEngineOptions } from "./remote/remote-engine-options";
export { InvalidGrammarError } from "./structured/errors";
export { compileGrammar, type Grammar } from "./structured/grammar";
export { GrammarMatcher } from "./structured/grammar-matcher";
export type { StructuredOutput } from "./structured/structured-output";
export { TokenVocabulary } from "./structured/token-vocabulary";
export type { TextGenerator } from "./text-generator";
