import type { GenerationOptions } from "../generation-options";
import type { Prompt } from "../prompt";
import type { StructuredOutput } from "../structured/structured-output";
import type { RemoteEngineOptions } from "./remote-engine-options";

/** A path below the base URL, and what to post there. */
export interface RemoteCall {
  readonly path: string;
  readonly body: object;
}

/** The call that generates: a chat for messages, a completion for text and token ids. */
export function toRemoteCall(
  prompt: Prompt,
  options: GenerationOptions,
  { model, extensions = "vllm" }: RemoteEngineOptions,
): RemoteCall {
  const { maxTokens, logprobs } = options;
  const isChat = typeof prompt === "object" && !("tokenIds" in prompt);
  const shared = {
    model,
    stream: true,
    stream_options: {
      include_usage: true,
      ...(extensions === "vllm" && { continuous_usage_stats: true }),
    },
    ...openAiFields(options),
    ...(extensions === "vllm" && vllmFields(options)),
  };
  if (isChat) {
    return {
      path: "/chat/completions",
      body: {
        messages: prompt,
        ...shared,
        max_completion_tokens: maxTokens,
        ...(logprobs !== undefined && { logprobs: true, top_logprobs: logprobs }),
      },
    };
  }
  const text = typeof prompt === "string" ? prompt : prompt.tokenIds;
  // Left out, it would be 16; vLLM takes null for all that the context holds.
  const most = maxTokens ?? (extensions === "vllm" ? null : undefined);
  return { path: "/completions", body: { prompt: text, ...shared, max_tokens: most, logprobs } };
}

function openAiFields(options: GenerationOptions) {
  const { logitBias } = options;
  return {
    n: options.n,
    temperature: options.temperature,
    top_p: options.topP,
    frequency_penalty: options.frequencyPenalty,
    presence_penalty: options.presencePenalty,
    logit_bias: logitBias instanceof Map ? Object.fromEntries(logitBias) : logitBias,
    seed: options.seed,
    stop: options.stop,
    response_format: toResponseFormat(options.structured),
  };
}

function toResponseFormat(structured: StructuredOutput | undefined) {
  switch (structured?.type) {
    case "json_object":
      return { type: "json_object" };
    case "json_schema":
      return {
        type: "json_schema",
        json_schema: { name: "answer", schema: structured.schema, strict: true },
      };
    default:
      return undefined;
  }
}

function vllmFields(options: GenerationOptions) {
  const { structured } = options;
  return {
    top_k: options.topK,
    min_p: options.minP,
    repetition_penalty: options.repetitionPenalty,
    min_tokens: options.minTokens,
    ignore_eos: options.ignoreEos,
    stop_token_ids: options.stopTokenIds,
    include_stop_str_in_output: options.includeStop,
    bad_words: options.badWords,
    priority: options.priority,
    cache_salt: options.cacheSalt,
    return_token_ids: true,
    ...(structured?.type === "regex" && { structured_outputs: { regex: structured.pattern } }),
    ...(structured?.type === "choice" && { structured_outputs: { choice: structured.choices } }),
  };
}
