import { type ChatMessage, InvalidArgumentError } from "@x/models";
import type { GenerationOptions } from "../generation-options";
import type { TextStreamer } from "./text-streamer";

/** Settings of a text-generation pipeline, by the names of transformers.js. */
export interface TextGenerationOptions {
  /** Most tokens to generate. Default 256. */
  readonly max_new_tokens?: number | undefined;
  /** Fewest tokens to generate. Default 0. */
  readonly min_new_tokens?: number | undefined;
  /** Sample; otherwise the likeliest token is always taken. Default false. */
  readonly do_sample?: boolean | undefined;
  /** See `SamplingOptions.temperature`. Default 1. */
  readonly temperature?: number | undefined;
  /** See `SamplingOptions.topK`. Default 0, which keeps all. */
  readonly top_k?: number | undefined;
  /** See `SamplingOptions.topP`. Default 1. */
  readonly top_p?: number | undefined;
  /** See `SamplingOptions.minP`. Default 0. */
  readonly min_p?: number | undefined;
  /** See `SamplingOptions.repetitionPenalty`. Default 1. */
  readonly repetition_penalty?: number | undefined;
  /** Answers for each prompt. Default 1. */
  readonly num_return_sequences?: number | undefined;
  /** Give the prompt, or the conversation, with the answer. Default true. */
  readonly return_full_text?: boolean | undefined;
  /** Takes the text of the first answer as it comes; for one prompt at a time. */
  readonly streamer?: TextStreamer | undefined;
  /** Equal seeds give equal answers. Default random. */
  readonly seed?: number | undefined;
  /** Ends the generation; the text so far is given. */
  readonly signal?: AbortSignal | undefined;
}

/** What a pipeline continues: text, or a conversation. */
export type TextGenerationInput = string | readonly ChatMessage[];

/** One answer: text after text, the whole conversation after a conversation. */
export interface TextGenerationOutput<Input extends TextGenerationInput> {
  readonly generated_text: Input extends string ? string : ChatMessage[];
}

const defaultMaxTokens = 256;

/**
 * The engine's options.
 *
 * @throws {InvalidArgumentError} for an option that is not known: transformers.js has many.
 */
export function toGenerationOptions(options: TextGenerationOptions): GenerationOptions {
  const {
    max_new_tokens: maxTokens = defaultMaxTokens,
    min_new_tokens: minTokens,
    do_sample: isSampling = false,
    temperature,
    top_k: topK,
    top_p: topP,
    min_p: minP,
    repetition_penalty: repetitionPenalty,
    num_return_sequences: n,
    return_full_text: _,
    streamer: __,
    seed,
    signal,
    ...unknown
  } = options;
  const [name] = Object.keys(unknown);
  if (name !== undefined) {
    throw new InvalidArgumentError(
      `text-generation: there is no option ${name}; use those of TextGenerationOptions`,
      { [name]: (unknown as Record<string, unknown>)[name] },
    );
  }
  return {
    maxTokens,
    minTokens,
    temperature: isSampling ? temperature : 0,
    topK,
    topP,
    minP,
    repetitionPenalty,
    n,
    seed,
    signal,
  };
}
