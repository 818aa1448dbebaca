import { kvBytes } from "@x/kvcache";
import type { CausalLMConfig, GenerationResult, LanguageModel } from "@x/models";
import { formatBytes, formatCount, formatDuration } from "./units";

/** What ran: a model on a device with its kernels. */
export type RunningModel = Pick<LanguageModel, "device" | "kernels">;

const finishes: Readonly<Record<GenerationResult["finishReason"], string>> = {
  stop: "ended by the model",
  length: "cut at the limit",
  abort: "stopped by you",
};

/** Highest resident memory of this process so far, in bytes. */
export function peakMemoryBytes(): number {
  return process.resourceUsage().maxRSS * 1024;
}

/** Bytes of the keys and values of `tokens` tokens; `undefined` for models that keep none. */
function cacheBytes(
  { layers, kvHeads, headDim }: Pick<CausalLMConfig, "layers" | "kvHeads" | "headDim">,
  tokens: number,
): number | undefined {
  if (kvHeads === undefined || headDim === undefined) return undefined;
  return kvBytes({ layers, kvHeads, headDim, tokens });
}

/** Two lines about a finished answer, with what its keys and values cost where that is known. */
export function summarize(
  result: GenerationResult,
  { device, kernels }: RunningModel,
  peakBytes: number,
  config?: CausalLMConfig,
): string {
  const cached = result.cachedTokens > 0 ? ` (${result.cachedTokens} cached)` : "";
  const counts = [
    `${formatCount(result.promptTokens, "prompt token")}${cached}`,
    formatCount(result.completionTokens, "new token"),
    finishes[result.finishReason],
  ];
  const { timeToFirstTokenMs, decodeTokensPerSecond } = result;
  const speed = [
    // An answer that was stopped early has no first token, one of a single token no speed.
    ...(timeToFirstTokenMs > 0 ? [`first token ${formatDuration(timeToFirstTokenMs)}`] : []),
    ...(decodeTokensPerSecond > 0 ? [`${decodeTokensPerSecond.toFixed(1)} tokens/s`] : []),
    ...(config === undefined ? [] : describeCache(config, result)),
    `peak memory ${formatBytes(peakBytes)}`,
    `${device}, ${kernels} kernels`,
  ];
  return `${counts.join(" · ")}\n${speed.join(" · ")}\n`;
}

function describeCache(config: CausalLMConfig, result: GenerationResult): string[] {
  const bytes = cacheBytes(config, result.promptTokens + result.completionTokens);
  return bytes === undefined ? [] : [`keys and values ${formatBytes(bytes)}`];
}

/** The answer with its figures, as `--json` prints it. */
export interface AnswerRecord {
  readonly model: string;
  readonly device: string;
  readonly kernels: string;
  readonly text: string;
  /** Generated token ids. */
  readonly tokens: readonly number[];
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly timeToFirstTokenMs: number;
  readonly decodeTokensPerSecond: number;
  readonly peakRssBytes: number;
  readonly finishReason: GenerationResult["finishReason"];
}

/** Builds what `--json` prints. */
export function toAnswerRecord(
  model: string,
  result: GenerationResult,
  { device, kernels }: RunningModel,
  peakRssBytes: number,
): AnswerRecord {
  return {
    model,
    device,
    kernels,
    text: result.text,
    tokens: [...result.tokenIds],
    promptTokens: result.promptTokens,
    completionTokens: result.completionTokens,
    timeToFirstTokenMs: result.timeToFirstTokenMs,
    decodeTokensPerSecond: result.decodeTokensPerSecond,
    peakRssBytes,
    finishReason: result.finishReason,
  };
}
