import { signal } from "@preact/signals";
import type { EngineStats } from "@x/engine";
import { fetchWithKey } from "../server-key";
import { type FirstTokenTotals, parseFirstTokenTotals } from "./first-token-totals";
import { type Sample, SampleHistory } from "./sample-history";

/** A counter of the view. */
export interface Figure {
  readonly name: string;
  /** Undefined while nothing is known. */
  readonly value: number | undefined;
  readonly unit: "per-second" | "milliseconds" | "share" | "count";
  readonly samples: readonly Sample[];
}

const sources = [
  ["Tokens per second", "per-second", (stats) => stats.generationTokensPerSecond],
  ["Prompt tokens per second", "per-second", (stats) => stats.promptTokensPerSecond],
  ["Prefix cache hits", "share", (stats) => stats.prefixCacheHitRate],
  ["Cache in use", "share", (stats) => stats.kvCacheUsage],
  ["Preemptions", "count", (stats) => stats.numPreemptions],
] as const satisfies readonly (readonly [string, Figure["unit"], (stats: EngineStats) => number])[];

/** Between two readings of the server's metrics, in milliseconds. */
const metricsIntervalMs = 1000;

/** The counters and their last minute. */
export class Figures {
  readonly list = signal<readonly Figure[]>([]);
  readonly #histories = sources.map(() => new SampleHistory());
  readonly #firstTokenHistory = new SampleHistory();
  #firstTokenMs: number | undefined;
  #totals: FirstTokenTotals | undefined;
  #totalsReadAt = Number.NEGATIVE_INFINITY;
  /** Tokens that were generated when the totals were read. */
  #generatedAtReading = -1;

  /** @param stats - The server's, at the time `at` in milliseconds. */
  add(stats: EngineStats, at: number): void {
    this.#readFirstTokens(stats, at);
    if (this.#firstTokenMs !== undefined) this.#firstTokenHistory.add(this.#firstTokenMs, at);
    const figures = sources.map(([name, unit, read], index): Figure => {
      const history = this.#histories[index];
      history?.add(read(stats), at);
      return { name, unit, value: read(stats), samples: history?.samples ?? [] };
    });
    this.list.value = figures.toSpliced(1, 0, {
      name: "Time to first token",
      unit: "milliseconds",
      value: this.#firstTokenMs,
      samples: this.#firstTokenHistory.samples,
    });
  }

  /** Asks for metrics only when there can be new ones. */
  #readFirstTokens({ numGeneratedTokens }: EngineStats, at: number): void {
    if (numGeneratedTokens === this.#generatedAtReading) return;
    if (at - this.#totalsReadAt < metricsIntervalMs) return;
    this.#totalsReadAt = at;
    this.#generatedAtReading = numGeneratedTokens;
    void readFirstTokenTotals().then((totals) => {
      if (totals === undefined) return;
      const before = this.#totals ?? { seconds: 0, count: 0 };
      const count = totals.count - before.count;
      // The mean of those that came since the last reading. A server that began anew counts from 0.
      if (count > 0) this.#firstTokenMs = ((totals.seconds - before.seconds) / count) * 1000;
      this.#totals = totals;
    });
  }
}

/** Of all requests, from whomever. */
async function readFirstTokenTotals(): Promise<FirstTokenTotals | undefined> {
  try {
    const response = await fetchWithKey("/metrics");
    return response.ok ? parseFirstTokenTotals(await response.text()) : undefined;
  } catch {
    return undefined;
  }
}
