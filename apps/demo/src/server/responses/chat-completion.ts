import type { Generation, GenerationResult } from "@x/engine";
import type { ChatCompletionRequest } from "../requests/chat-completion-request";
import { toChatLogprobs, toPromptLogprobs } from "./logprobs";
import { type ResponseHead, responseHead } from "./response-head";
import { RunningUsage, toUsage } from "./usage";

/** What answers say beyond the generation itself. */
export interface AnswerContext<Request> {
  readonly request: Request;
  /** Name of the model that the client asked for. */
  readonly modelName: string;
  readonly promptTokenIds: readonly number[];
}

/** The whole answer of `/v1/chat/completions`. */
export function toChatCompletion(
  result: GenerationResult,
  { request, modelName, promptTokenIds }: AnswerContext<ChatCompletionRequest>,
) {
  const { promptLogprobs } = result;
  return {
    ...responseHead("chatcmpl", "chat.completion", modelName),
    choices: result.outputs.map((output) => ({
      index: output.index,
      message: { role: "assistant", content: output.text, refusal: null },
      logprobs: output.logprobs === undefined ? null : toChatLogprobs(output.logprobs),
      finish_reason: output.finishReason,
      stop_reason: output.stopReason ?? null,
      ...(request.return_token_ids && { token_ids: output.tokenIds }),
    })),
    usage: toUsage([result]),
    ...(promptLogprobs && { prompt_logprobs: toPromptLogprobs(promptLogprobs) }),
    ...(request.return_token_ids && { prompt_token_ids: promptTokenIds }),
  };
}

/** The pieces of a streamed answer of `/v1/chat/completions`. */
export async function* chatCompletionChunks(
  generation: Generation,
  { request, modelName, promptTokenIds }: AnswerContext<ChatCompletionRequest>,
): AsyncGenerator<object, void, undefined> {
  const includesUsage = request.stream_options?.include_usage === true;
  const withIds = request.return_token_ids === true;
  const head: ResponseHead<"chat.completion.chunk"> & { usage?: null } = {
    ...responseHead("chatcmpl", "chat.completion.chunk", modelName),
    ...(includesUsage && { usage: null }),
  };
  const isContinuous = request.stream_options?.continuous_usage_stats === true;
  const running = new RunningUsage();
  const choice = (index: number, delta: object, rest: object = {}) => ({
    ...head,
    ...(isContinuous && { usage: running.toUsage() }),
    choices: [{ index, delta, logprobs: null, finish_reason: null, ...rest }],
  });
  for await (const event of generation) {
    running.count(event);
    switch (event.type) {
      case "start":
        for (let index = 0; index < (request.n ?? 1); index++) {
          const chunk = choice(index, { role: "assistant", content: "" });
          yield withIds && index === 0 ? { ...chunk, prompt_token_ids: promptTokenIds } : chunk;
        }
        break;
      case "text-delta":
        if (event.text === "" && event.logprobs === undefined && !withIds) break;
        yield choice(
          event.index,
          { content: event.text },
          {
            logprobs: event.logprobs === undefined ? null : toChatLogprobs(event.logprobs),
            ...(withIds && { token_ids: event.tokenIds }),
          },
        );
        break;
      case "finish":
        yield choice(
          event.index,
          {},
          { finish_reason: event.finishReason, stop_reason: event.stopReason ?? null },
        );
        break;
      default:
        event satisfies never;
    }
  }
  if (includesUsage) yield { ...head, choices: [], usage: toUsage([await generation.result()]) };
}
