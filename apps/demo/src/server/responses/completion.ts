import type { Generation, GenerationResult, PositionLogprobs } from "@x/engine";
import { mergeIterables } from "../merge-iterables";
import type { CompletionRequest } from "../requests/completion-request";
import { CompletionLogprobsWriter, type ScoredToken } from "./completion-logprobs";
import { toPromptLogprobs } from "./logprobs";
import { responseHead } from "./response-head";
import { RunningUsage, toUsage } from "./usage";

/** A prompt as the answer repeats it. */
export interface EchoedPrompt {
  readonly text: string;
  readonly tokenIds: readonly number[];
  /** Bytes of the first token, which has no log-probability. */
  readonly firstToken: Uint8Array;
}

/** What answers say beyond the generations themselves. */
export interface CompletionContext {
  readonly request: CompletionRequest;
  readonly modelName: string;
  readonly prompts: readonly EchoedPrompt[];
}

/** The whole answer of `/v1/completions`: the choices of the first prompt come first. */
export function toCompletion(
  results: readonly GenerationResult[],
  { request, modelName, prompts }: CompletionContext,
) {
  const { n = 1, echo, max_tokens: maxTokens, return_token_ids: withIds } = request;
  /** With `max_tokens: 0` only the prompt is wanted; the engine gave one token more. */
  const isPromptOnly = maxTokens === 0;
  const choices = results.flatMap((result, promptIndex) => {
    const prompt = prompts[promptIndex];
    return result.outputs.map((output) => {
      const given = isPromptOnly
        ? { ...output, text: "", tokenIds: [], logprobs: output.logprobs && [] }
        : output;
      const logprobs = completionLogprobs(given.logprobs, echo ? result : {}, prompt);
      return {
        index: promptIndex * n + output.index,
        text: echo ? `${prompt?.text ?? ""}${given.text}` : given.text,
        logprobs,
        finish_reason: isPromptOnly ? "length" : output.finishReason,
        stop_reason: isPromptOnly ? null : (output.stopReason ?? null),
        ...(request.prompt_logprobs !== undefined &&
          result.promptLogprobs && { prompt_logprobs: toPromptLogprobs(result.promptLogprobs) }),
        ...(withIds && { token_ids: given.tokenIds, prompt_token_ids: prompt?.tokenIds }),
      };
    });
  });
  const counted = isPromptOnly
    ? results.map((result) => ({ ...result, completionTokens: 0 }))
    : results;
  return {
    ...responseHead("cmpl", "text_completion", modelName),
    choices,
    usage: toUsage(counted),
  };
}

function completionLogprobs(
  logprobs: readonly PositionLogprobs[] | undefined,
  { promptLogprobs = [] }: Pick<GenerationResult, "promptLogprobs">,
  prompt: EchoedPrompt | undefined,
) {
  if (logprobs === undefined) return null;
  const first: ScoredToken[] =
    promptLogprobs.length > 0 && prompt !== undefined ? [{ bytes: prompt.firstToken }] : [];
  return new CompletionLogprobsWriter().write([...first, ...promptLogprobs, ...logprobs]);
}

/** The pieces of a streamed answer of `/v1/completions`. */
export async function* completionChunks(
  generations: readonly Generation[],
  { request, modelName, prompts }: CompletionContext,
): AsyncGenerator<object, void, undefined> {
  const { n = 1 } = request;
  const includesUsage = request.stream_options?.include_usage === true;
  const head = {
    ...responseHead("cmpl", "text_completion", modelName),
    ...(includesUsage && { usage: null }),
  };
  const sources = generations.map((generation, index) =>
    promptChoices(generation, request, prompts[index], index * n),
  );
  for await (const { choice, usage } of mergeIterables(sources)) {
    yield { ...head, ...(usage && { usage }), choices: [choice] };
  }
  if (includesUsage) {
    const results = await Promise.all(generations.map((generation) => generation.result()));
    yield { ...head, choices: [], usage: toUsage(results) };
  }
}

/** Something new of one choice, with its prompt's usage so far where that was asked for. */
interface CompletionPiece {
  readonly choice: object;
  readonly usage?: ReturnType<typeof toUsage>;
}

/** The pieces of the choices of one prompt, the first of which is number `firstIndex`. */
async function* promptChoices(
  generation: Generation,
  request: CompletionRequest,
  prompt: EchoedPrompt | undefined,
  firstIndex: number,
): AsyncGenerator<CompletionPiece, void, undefined> {
  const { n = 1, echo, return_token_ids: withIds } = request;
  const isContinuous = request.stream_options?.continuous_usage_stats === true;
  const running = new RunningUsage();
  const writers = Array.from({ length: n }, () => new CompletionLogprobsWriter());
  const piece = (index: number, rest: object) => ({
    choice: {
      index: firstIndex + index,
      text: "",
      logprobs: null,
      finish_reason: null,
      ...rest,
    },
    ...(isContinuous && { usage: running.toUsage() }),
  });
  for await (const event of generation) {
    running.count(event);
    switch (event.type) {
      case "start":
        if (!echo && !withIds) break;
        for (let index = 0; index < n; index++) {
          yield piece(index, {
            text: echo ? (prompt?.text ?? "") : "",
            ...(withIds && { prompt_token_ids: prompt?.tokenIds, token_ids: [] }),
          });
        }
        break;
      case "text-delta":
        if (event.text === "" && event.logprobs === undefined && !withIds) break;
        yield piece(event.index, {
          text: event.text,
          logprobs: (event.logprobs && writers[event.index]?.write(event.logprobs)) ?? null,
          ...(withIds && { token_ids: event.tokenIds }),
        });
        break;
      case "finish":
        yield piece(event.index, {
          finish_reason: event.finishReason,
          stop_reason: event.stopReason ?? null,
        });
        break;
      default:
        event satisfies never;
    }
  }
}
