import type { RequestRecord } from "./measure-request";
import type { LoadResult } from "./run-load";
import { type Summary, summarizeValues } from "./statistics";

/** The latencies that are reported, by vLLM's names. */
export const latencyNames = ["ttft", "tpot", "itl", "e2el"] as const;

/** One of {@link latencyNames}. */
type LatencyName = (typeof latencyNames)[number];

/** Most milliseconds that a request may take for each latency to count as good. */
export type Goals = Readonly<Partial<Record<LatencyName, number>>>;

/** What `bench serve` reports. Latencies are in milliseconds. */
export interface ServingReport {
  readonly completed: number;
  readonly failed: number;
  /** Distinct reasons of failures. */
  readonly errors: readonly string[];
  readonly durationSeconds: number;
  readonly peakConcurrency: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly requestsPerSecond: number;
  readonly outputTokensPerSecond: number;
  readonly totalTokensPerSecond: number;
  /** Requests a second that met every goal; `undefined` without goals. */
  readonly goodput: number | undefined;
  readonly latencies: Readonly<Record<LatencyName, Summary>>;
}

type Completed = Extract<RequestRecord, { readonly ok: true }>;

/** The report of a load. */
export function toServingReport(
  { records, durationMs, peakConcurrency }: LoadResult,
  percentages: readonly number[],
  goals: Goals,
): ServingReport {
  const completed = records.filter((record) => record.ok);
  const errors = records.flatMap((record) => (record.ok ? [] : [record.error]));
  const seconds = durationMs / 1000;
  const sum = (count: (record: Completed) => number) =>
    completed.reduce((total, record) => total + count(record), 0);
  const promptTokens = sum((record) => record.promptTokens);
  const outputTokens = sum((record) => record.outputTokens);
  const summarize = (values: readonly number[]) => summarizeValues(values, percentages);
  return {
    completed: completed.length,
    failed: errors.length,
    errors: [...new Set(errors)],
    durationSeconds: seconds,
    peakConcurrency,
    promptTokens,
    outputTokens,
    requestsPerSecond: completed.length / seconds,
    outputTokensPerSecond: outputTokens / seconds,
    totalTokensPerSecond: (promptTokens + outputTokens) / seconds,
    goodput:
      Object.keys(goals).length === 0
        ? undefined
        : completed.filter((record) => meets(record, goals)).length / seconds,
    latencies: {
      ttft: summarize(completed.map(({ ttft }) => ttft)),
      tpot: summarize(completed.flatMap(({ tpot }) => tpot ?? [])),
      itl: summarize(completed.flatMap(({ itl }) => itl)),
      e2el: summarize(completed.map(({ e2el }) => e2el)),
    },
  };
}

function meets(record: Completed, goals: Goals): boolean {
  const { ttft, tpot = 0, itl, e2el } = record;
  const actual: Record<LatencyName, number> = { ttft, tpot, itl: Math.max(0, ...itl), e2el };
  return latencyNames.every((name) => actual[name] <= (goals[name] ?? Number.POSITIVE_INFINITY));
}
