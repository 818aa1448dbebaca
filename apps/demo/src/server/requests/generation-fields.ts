import type { GenerationOptions } from "@x/engine";
import { z } from "zod";
import { invalidField } from "../api-error";
import { optional } from "./optional";
import { responseFormat, structuredFields, toStructuredOutput } from "./structured-fields";

const tokenId = z.int().min(0);
const nonEmpty = z.string().min(1);
const penalty = optional(z.number().min(-2).max(2));

/** Most answers that one request may ask for, over all its prompts. */
export const maxAnswers = 128;

/** Fields that chat and completion requests share: OpenAI's, then vLLM's. */
export const generationFields = {
  model: optional(z.string()),
  max_tokens: optional(z.int().min(0)),
  n: optional(z.int().min(1).max(maxAnswers)),
  temperature: optional(z.number().min(0).max(2)),
  top_p: optional(z.number().gt(0).max(1)),
  frequency_penalty: penalty,
  presence_penalty: penalty,
  logit_bias: optional(z.record(z.string().regex(/^\d{1,9}$/), z.number().min(-100).max(100))),
  seed: optional(z.int().min(0)),
  stop: optional(z.union([nonEmpty, z.array(nonEmpty).max(64)])),
  stream: optional(z.boolean()),
  stream_options: optional(
    z.object({
      include_usage: optional(z.boolean()),
      continuous_usage_stats: optional(z.boolean()),
    }),
  ),
  response_format: optional(responseFormat),

  top_k: optional(z.int().min(-1)),
  min_p: optional(z.number().min(0).max(1)),
  repetition_penalty: optional(z.number().gt(0)),
  min_tokens: optional(z.int().min(0)),
  ignore_eos: optional(z.boolean()),
  stop_token_ids: optional(z.array(tokenId).max(1024)),
  include_stop_str_in_output: optional(z.boolean()),
  bad_words: optional(z.array(nonEmpty).max(1024)),
  prompt_logprobs: optional(z.int().min(0)),
  priority: optional(z.int()),
  cache_salt: optional(nonEmpty),
  truncate_prompt_tokens: optional(z.int().min(-1)),
  return_token_ids: optional(z.boolean()),
  ...structuredFields,
};

const fields = z.object(generationFields);

/** A parsed request's shared fields. */
export type GenerationFields = z.output<typeof fields>;

/**
 * The engine's options for a request.
 *
 * @throws {ApiError} 400 for fields that contradict each other.
 */
export function toGenerationOptions(request: GenerationFields): GenerationOptions {
  const { logit_bias: bias, top_k: topK, max_tokens: most, min_tokens: fewest } = request;
  if (request.stream_options !== undefined && !request.stream) {
    throw invalidField("stream_options", "stream_options needs stream: true");
  }
  if (most !== undefined && fewest !== undefined && fewest > most) {
    throw invalidField("min_tokens", `min_tokens is ${fewest}, over max_tokens, which is ${most}`);
  }
  return {
    maxTokens: request.max_tokens,
    n: request.n,
    temperature: request.temperature,
    topP: request.top_p,
    frequencyPenalty: request.frequency_penalty,
    presencePenalty: request.presence_penalty,
    logitBias: bias && new Map(Object.entries(bias).map(([id, value]) => [Number(id), value])),
    seed: request.seed,
    stop: request.stop,
    topK: topK === -1 ? 0 : topK,
    minP: request.min_p,
    repetitionPenalty: request.repetition_penalty,
    minTokens: request.min_tokens,
    ignoreEos: request.ignore_eos,
    stopTokenIds: request.stop_token_ids,
    includeStop: request.include_stop_str_in_output,
    badWords: request.bad_words,
    promptLogprobs: request.prompt_logprobs,
    priority: request.priority,
    cacheSalt: request.cache_salt,
    structured: toStructuredOutput(request),
  };
}
