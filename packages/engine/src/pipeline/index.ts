/**
 * A text-generation pipeline after the manner of transformers.js.
 *
 * @packageDocumentation
 */
export { pipeline, type TextGeneration } from "./pipeline";
export type {
  TextGenerationInput,
  TextGenerationOptions,
  TextGenerationOutput,
} from "./pipeline-options";
export { TextGenerationPipeline } from "./text-generation-pipeline";
export { TextStreamer, type TextStreamerOptions } from "./text-streamer";
