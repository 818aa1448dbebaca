import { InvalidArgumentError, type SamplingOptions } from "@x/models";
import type { GenerationOptions } from "./generation-options";
import { requireKnownOptions } from "./require-known-options";
import type { StructuredOutput } from "./structured/structured-output";

/** Options of a generation, checked, with every default filled in. */
export interface ResolvedGenerationOptions {
  readonly sampling: SamplingOptions;
  readonly maxTokens: number | undefined;
  readonly minTokens: number;
  readonly n: number;
  readonly stop: readonly string[];
  readonly stopTokenIds: readonly number[];
  readonly includeStop: boolean;
  readonly ignoreEos: boolean;
  readonly repetitionPenalty: number;
  readonly frequencyPenalty: number;
  readonly presencePenalty: number;
  readonly logitBias: ReadonlyMap<number, number>;
  readonly badWords: readonly string[];
  readonly logprobs: number | undefined;
  readonly promptLogprobs: number | undefined;
  readonly structured: StructuredOutput | undefined;
  readonly speculative: boolean | undefined;
  readonly priority: number;
  readonly cacheSalt: string | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Most answers of one request. */
const mostAnswers = 128;

/**
 * Fills in the defaults and checks everything that can be checked without the prompt. The options of
 * the sampler are checked when it is made.
 *
 * @param vocabularySize - Bounds token ids and numbers of log-probabilities.
 * @throws {InvalidArgumentError} naming the option, its value and its range.
 */
export function resolveGenerationOptions(
  options: GenerationOptions,
  vocabularySize: number,
): ResolvedGenerationOptions {
  if (typeof options !== "object" || options === null) {
    throw new InvalidArgumentError(`generate: the options are ${options}; use an object`, {
      options,
    });
  }
  requireKnownOptions(options);
  const { temperature, topK, topP, minP, seed, repetitionPenalty = 1, maxTokens } = options;
  const { minTokens = 0, n = 1, frequencyPenalty = 0, presencePenalty = 0, priority = 0 } = options;
  const { logprobs, promptLogprobs, stopTokenIds = [], badWords = [] } = options;
  const stop = typeof options.stop === "string" ? [options.stop] : (options.stop ?? []);
  const logitBias = toMap(options.logitBias);

  whole("maxTokens", maxTokens, 1);
  whole("minTokens", minTokens, 0, maxTokens);
  whole("n", n, 1, mostAnswers);
  whole("logprobs", logprobs, 0, vocabularySize);
  whole("promptLogprobs", promptLogprobs, 0, vocabularySize);
  number("frequencyPenalty", frequencyPenalty, -2, 2);
  number("presencePenalty", presencePenalty, -2, 2);
  number("priority", priority, -(2 ** 31), 2 ** 31);
  check("repetitionPenalty", repetitionPenalty, repetitionPenalty > 0, "a number above 0");
  check(
    "signal",
    options.signal,
    options.signal === undefined || options.signal instanceof AbortSignal,
    "the signal of an AbortController",
  );
  texts("stop", stop);
  texts("badWords", badWords);
  check(
    "ignoreEos",
    options.ignoreEos,
    !(options.ignoreEos === true && options.structured !== undefined),
    "it without `structured`, whose answers have an end",
  );
  check("stopTokenIds", stopTokenIds, Array.isArray(stopTokenIds), "a list of token ids");
  for (const tokenId of stopTokenIds) whole("stopTokenIds", tokenId, 0, vocabularySize - 1);
  for (const [tokenId, bias] of logitBias) {
    whole("logitBias: a token id", tokenId, 0, vocabularySize - 1);
    number(`logitBias[${tokenId}]`, bias, -100, 100);
  }
  return {
    sampling: { temperature, topK, topP, minP, seed },
    maxTokens,
    minTokens,
    n,
    stop,
    stopTokenIds,
    includeStop: options.includeStop ?? false,
    ignoreEos: options.ignoreEos ?? false,
    repetitionPenalty,
    frequencyPenalty,
    presencePenalty,
    logitBias,
    badWords,
    logprobs,
    promptLogprobs,
    structured: options.structured,
    speculative: options.speculative,
    priority,
    cacheSalt: options.cacheSalt,
    signal: options.signal,
  };
}

function toMap(bias: GenerationOptions["logitBias"]): ReadonlyMap<number, number> {
  if (bias === undefined) return new Map();
  if (bias instanceof Map) return bias;
  return new Map(Object.entries(bias).map(([tokenId, value]) => [Number(tokenId), value]));
}

function texts(name: string, values: readonly string[]): void {
  check(name, values, Array.isArray(values), "a list of texts");
  for (const value of values) {
    check(name, value, typeof value === "string" && value !== "", "texts that are not empty");
  }
}

function whole(name: string, value: number | undefined, least: number, most = 2 ** 31 - 1): void {
  const isValid =
    value === undefined || (Number.isInteger(value) && value >= least && value <= most);
  check(name, value, isValid, `a whole number from ${least} to ${most}`);
}

function number(name: string, value: number, least: number, most: number): void {
  const isValid = Number.isFinite(value) && value >= least && value <= most;
  check(name, value, isValid, `a number from ${least} to ${most}`);
}

function check(name: string, value: unknown, isValid: boolean, expected: string): void {
  if (isValid) return;
  const shown = typeof value === "string" ? JSON.stringify(value) : String(value);
  throw new InvalidArgumentError(`generate: ${name} is ${shown}; use ${expected}`, {
    [name]: value,
  });
}
