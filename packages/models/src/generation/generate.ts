import type { CausalLM } from "../causal-lm";
import { ContextLengthError, InvalidArgumentError } from "../errors";
import { Sampler, type SamplingOptions } from "../sampling/sampler";
import { TextStream } from "../tokenizer/text-stream";
import type { Tokenizer } from "../tokenizer/tokenizer";
import { GenerationState } from "./generation-state";
import { yieldToEventLoop } from "./yield-to-event-loop";

/** Settings of one generation. */
export interface GenerateOptions extends SamplingOptions {
  /** Most tokens to generate. Default: as many as the context holds. */
  readonly maxTokens?: number | undefined;
  /** A state to continue from and to leave behind. Default: a fresh one, disposed at the end. */
  readonly state?: GenerationState | undefined;
  /** Stops the generation, which then ends normally with `finishReason: "abort"`. */
  readonly signal?: AbortSignal | undefined;
  /** Prompt tokens computed at once. Default 32; 1 with the slow gpu.js kernels. */
  readonly prefillChunk?: number | undefined;
  /** Generate on past the end-of-sequence token. Default false. */
  readonly ignoreEos?: boolean | undefined;
}

/** What happens during a generation. */
export type GenerationEvent =
  /** `processed` of `total` prompt tokens are computed. */
  | { readonly type: "prefill-progress"; readonly processed: number; readonly total: number }
  /** A token, and the text that it completes: possibly none, never half a character. */
  | { readonly type: "text-delta"; readonly text: string; readonly tokenId: number };

/** The whole of a finished generation. */
export interface GenerationResult {
  readonly text: string;
  /** Generated ids, without the end-of-sequence token. */
  readonly tokenIds: readonly number[];
  readonly promptTokens: number;
  /** Prompt tokens that the state held already. */
  readonly cachedTokens: number;
  readonly completionTokens: number;
  /** `stop`: the model ended; `length`: `maxTokens` or the context was reached; `abort`: the signal. */
  readonly finishReason: "stop" | "length" | "abort";
  /** From the call to the first token, in milliseconds; 0 when there was none. */
  readonly timeToFirstTokenMs: number;
  /** Tokens per second after the first one; 0 when there was no second. */
  readonly decodeTokensPerSecond: number;
}

/** A model with the tokenizer that it was trained with. */
export interface TextModel {
  readonly model: CausalLM;
  readonly tokenizer: Tokenizer;
}

/** Tokens per step between which the signal is served: a few tenths of a second, on any kernels. */
function defaultPrefillChunk({ device }: CausalLM): number {
  return device.kernels === "gpujs" ? 1 : 32;
}

/**
 * Generates from a prompt, token by token. Between tokens the event loop runs, so that input,
 * rendering and the abort signal are served.
 *
 * @param promptTokenIds - At least one id.
 * @throws {ContextLengthError} when the prompt leaves no room for a token.
 * @throws {InvalidArgumentError} when an option is outside its range. No state changes then.
 */
export async function* generate(
  { model, tokenizer }: TextModel,
  promptTokenIds: readonly number[],
  options: GenerateOptions = {},
): AsyncGenerator<GenerationEvent, GenerationResult> {
  const startedAt = performance.now();
  const sampler = new Sampler(options);
  const plan = planGeneration(model, promptTokenIds, options);
  const { signal, ignoreEos = false } = options;
  const state = options.state ?? new GenerationState(model);
  state.acquire();
  try {
    const cachedTokens = state.rewindTo(promptTokenIds);
    const text = new TextStream(tokenizer);
    const tokenIds: number[] = [];
    let answer = "";
    let finishReason: GenerationResult["finishReason"] = "length";
    let firstTokenAt = 0;
    let pending = promptTokenIds.slice(cachedTokens);
    while (tokenIds.length < plan.maxTokens) {
      const logits = yield* advance(model, state, pending, plan, signal);
      if (logits === undefined) {
        finishReason = "abort";
        break;
      }
      const tokenId = sampler.sample(logits, history(promptTokenIds, tokenIds));
      if (firstTokenAt === 0) firstTokenAt = performance.now();
      if (!ignoreEos && tokenizer.eosTokenIds.includes(tokenId)) {
        finishReason = "stop";
        break;
      }
      tokenIds.push(tokenId);
      const piece = text.push(tokenId);
      answer += piece;
      yield { type: "text-delta", text: piece, tokenId };
      pending = [tokenId];
    }
    const rest = text.flush();
    const lastTokenId = tokenIds.at(-1);
    if (rest !== "" && lastTokenId !== undefined) {
      answer += rest;
      yield { type: "text-delta", text: rest, tokenId: lastTokenId };
    }
    const decodeSeconds = (performance.now() - firstTokenAt) / 1000;
    const decoded = tokenIds.length - 1;
    return {
      text: answer,
      tokenIds,
      promptTokens: promptTokenIds.length,
      cachedTokens,
      completionTokens: tokenIds.length,
      finishReason,
      timeToFirstTokenMs: firstTokenAt === 0 ? 0 : firstTokenAt - startedAt,
      decodeTokensPerSecond: decoded > 0 ? decoded / decodeSeconds : 0,
    };
  } finally {
    state.release();
    if (options.state === undefined) state.dispose();
  }
}

interface GenerationPlan {
  readonly maxTokens: number;
  readonly prefillChunk: number;
}

function planGeneration(
  model: CausalLM,
  promptTokenIds: readonly number[],
  { maxTokens, prefillChunk = defaultPrefillChunk(model) }: GenerateOptions,
): GenerationPlan {
  const { contextLength } = model.config;
  const room = contextLength - promptTokenIds.length;
  if (!Array.isArray(promptTokenIds)) {
    throw new InvalidArgumentError(
      "generate: the prompt is not a list of token ids; make one with encodeChat or tokenizer.encode",
    );
  }
  if (promptTokenIds.length === 0) {
    throw new InvalidArgumentError("generate: the prompt is empty; give at least one token");
  }
  if (room < 1) {
    throw new ContextLengthError(
      `the prompt has ${promptTokenIds.length} tokens, but the model's context holds ${contextLength} with the answer; shorten it`,
      { promptTokens: promptTokenIds.length, contextLength },
    );
  }
  assertPositive("maxTokens", maxTokens ?? 1);
  assertPositive("prefillChunk", prefillChunk);
  return { maxTokens: Math.min(maxTokens ?? room, room), prefillChunk };
}

function assertPositive(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value > 0) return;
  throw new InvalidArgumentError(`generate: ${name} is ${value}; use an integer of 1 or more`, {
    [name]: value,
  });
}

/** Takes `pending` in, chunk by chunk; gives the last token's logits, or nothing when aborted. */
async function* advance(
  model: CausalLM,
  state: GenerationState,
  pending: readonly number[],
  { prefillChunk }: GenerationPlan,
  signal: AbortSignal | undefined,
): AsyncGenerator<GenerationEvent, Float32Array | undefined> {
  const isPrompt = pending.length > 1;
  for (let start = 0; start < pending.length; start += prefillChunk) {
    await yieldToEventLoop();
    if (signal?.aborted) return undefined;
    const tokenIds = pending.slice(start, start + prefillChunk);
    const processed = start + tokenIds.length;
    const isLast = processed === pending.length;
    const { sequence } = state;
    using logits = model.forward([{ state: sequence, tokenIds, logits: isLast ? "last" : "none" }]);
    state.append(tokenIds);
    if (isPrompt) yield { type: "prefill-progress", processed, total: pending.length };
    if (isLast) return (await logits.data()) as Float32Array;
  }
  return undefined;
}

function* history(prompt: readonly number[], generated: readonly number[]): Generator<number> {
  yield* prompt;
  yield* generated;
}
