import type { EngineEvent, EngineStats } from "@x/engine";
import { Counter, Gauge, Registry } from "prom-client";
import type { MetricsExporter } from "../metrics-exporter";
import { type EngineLabel, engineLabels } from "./engine-labels";
import { createRequestHistograms } from "./request-histograms";

/** Where the figures come from and what they are labelled with. */
export interface PrometheusMetricsOptions {
  readonly modelName: string;
  readonly stats: () => EngineStats;
}

/**
 * An engine's metrics under vLLM's names, for Prometheus. Give {@link observe} to the engine as its
 * `onEvent`.
 */
export class PrometheusMetrics implements MetricsExporter {
  readonly #registry = new Registry();
  readonly #labels: Readonly<Record<EngineLabel, string>>;
  readonly #requests: Counter<"method" | "handler" | "status">;
  readonly #finished: Counter;
  readonly #promptTokens: Counter;
  readonly #cachedTokens: Counter;
  readonly #generatedTokens: Counter;
  readonly #histograms: ReturnType<typeof createRequestHistograms>;
  readonly #stats: () => EngineStats;
  /** What one answer shows, read once for it. */
  #shown: { readonly stats: EngineStats; readonly numWaitingOutside: number } | undefined;

  constructor({ modelName, stats }: PrometheusMetricsOptions) {
    this.#labels = { model_name: modelName, engine: "0" };
    const registers = [this.#registry];
    this.#requests = new Counter({
      name: "http_requests_total",
      help: "Requests by method, path and status.",
      labelNames: ["method", "handler", "status"],
      registers,
    });
    this.#finished = new Counter({
      name: "vllm:request_success_total",
      help: "Answers that ended, by reason.",
      labelNames: [...engineLabels, "finished_reason"],
      registers,
    });
    this.#promptTokens = this.#counter("prompt_tokens", "Tokens of prompts.");
    this.#cachedTokens = this.#counter("prompt_tokens_cached", "Of them, those that were cached.");
    this.#generatedTokens = this.#counter("generation_tokens", "Tokens that were generated.");
    this.#histograms = createRequestHistograms(this.#registry);
    this.#stats = stats;
    this.#addStats();
    for (const reason of ["stop", "length", "abort", "error"]) this.#countFinish(reason, 0);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  render(numWaiting: number): Promise<string> {
    this.#shown = { stats: this.#stats(), numWaitingOutside: numWaiting };
    return this.#registry.metrics();
  }

  countRequest(method: string, handler: string, status: number): void {
    this.#requests.inc({ method, handler, status: String(status) });
  }

  /** Takes an event of the engine. */
  readonly observe = (event: EngineEvent): void => {
    const histograms = this.#histograms;
    switch (event.type) {
      case "request-add":
        this.#promptTokens.inc(this.#labels, event.promptTokens);
        histograms.promptTokens.observe(this.#labels, event.promptTokens);
        break;
      case "step":
        histograms.iterationTokens.observe(this.#labels, event.numTokens);
        break;
      case "tokens-generate": {
        this.#generatedTokens.inc(this.#labels, event.numTokens);
        const histogram = event.isFirst ? histograms.timeToFirstToken : histograms.interToken;
        histogram.observe(this.#labels, event.sinceLastMs / 1000);
        break;
      }
      case "request-finish":
        this.#observeFinish(event);
        break;
      default:
        event satisfies never;
    }
  };

  #observeFinish(event: Extract<EngineEvent, { type: "request-finish" }>): void {
    const { completionTokens, queueMs, prefillMs, decodeMs, totalMs, maxTokens } = event;
    const histograms = this.#histograms;
    this.#countFinish(event.finishReason, 1);
    // The answers of one request have its prompt in common.
    if (event.index === 0) this.#cachedTokens.inc(this.#labels, event.cachedTokens);
    histograms.generationTokens.observe(this.#labels, completionTokens);
    if (maxTokens !== undefined) histograms.maxTokens.observe(this.#labels, maxTokens);
    const seconds = [
      [histograms.endToEnd, totalMs],
      [histograms.queue, queueMs],
      [histograms.prefill, prefillMs],
      [histograms.decode, decodeMs],
      [histograms.inference, prefillMs + decodeMs],
    ] as const;
    for (const [histogram, milliseconds] of seconds) {
      histogram.observe(this.#labels, milliseconds / 1000);
    }
    if (completionTokens > 1) {
      const perToken = decodeMs / 1000 / (completionTokens - 1);
      histograms.timePerOutputToken.observe(this.#labels, perToken);
    }
  }

  #countFinish(reason: string, count: number): void {
    this.#finished.inc({ ...this.#labels, finished_reason: reason }, count);
  }

  /** Figures that the engine itself counts; they are read when someone asks. */
  #addStats(): void {
    const stats = () => this.#shown?.stats ?? this.#stats();
    const gauge = (name: string, help: string, read: (now: EngineStats) => number) =>
      this.#gauge(name, help, () => read(stats()));
    gauge("num_requests_running", "Sequences that run.", (now) => now.numRunningRequests);
    gauge(
      "num_requests_waiting",
      "Requests that wait.",
      (now) => now.numWaitingRequests + (this.#shown?.numWaitingOutside ?? 0),
    );
    gauge("kv_cache_usage_perc", "Share of the blocks in use, 0 to 1.", (now) => now.kvCacheUsage);

    const total = (name: string, help: string, read: (now: EngineStats) => number) =>
      this.#counter(name, help, () => read(stats()));
    total("prefix_cache_queries", "Tokens looked up.", (now) => now.prefixCacheQueries);
    total("prefix_cache_hits", "Of them, tokens found.", (now) => now.prefixCacheHits);
    total("num_preemptions", "Sequences that gave way.", (now) => now.numPreemptions);
    const drafts = "Drafts of speculation";
    total("spec_decode_num_drafts", `${drafts}.`, (now) => now.speculation.numDrafts);
    total(
      "spec_decode_num_draft_tokens",
      `${drafts}: their tokens.`,
      (now) => now.speculation.numDraftTokens,
    );
    total(
      "spec_decode_num_accepted_tokens",
      `${drafts}: tokens accepted.`,
      (now) => now.speculation.numAcceptedTokens,
    );
    this.#addAcceptedPerPosition(stats);
    this.#addCacheInfo(stats);
  }

  #addAcceptedPerPosition(stats: () => EngineStats): void {
    const labels = this.#labels;
    new Counter({
      name: "vllm:spec_decode_num_accepted_tokens_per_pos_total",
      help: "Drafts of speculation: tokens accepted, by position.",
      labelNames: [...engineLabels, "position"],
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [position, count] of stats().speculation.numAcceptedPerPosition.entries()) {
          this.inc({ ...labels, position: String(position) }, count);
        }
      },
    });
  }

  #addCacheInfo(stats: () => EngineStats): void {
    const { engine } = this.#labels;
    new Gauge({
      name: "vllm:cache_config_info",
      help: "The cache's settings, as labels.",
      labelNames: ["engine", "block_size", "num_blocks"],
      registers: [this.#registry],
      collect() {
        this.reset();
        const { blockSize, numBlocks } = stats();
        this.set({ engine, block_size: String(blockSize), num_blocks: String(numBlocks) }, 1);
      },
    });
  }

  #gauge(name: string, help: string, read: () => number): void {
    const labels = this.#labels;
    new Gauge({
      name: `vllm:${name}`,
      help,
      labelNames: engineLabels,
      registers: [this.#registry],
      collect() {
        this.set(labels, read());
      },
    });
  }

  /** A counter: of its own, or one that shows what `read` gives. */
  #counter(name: string, help: string, read?: () => number): Counter {
    const labels = this.#labels;
    const counter = new Counter({
      name: `vllm:${name}_total`,
      help,
      labelNames: engineLabels,
      registers: [this.#registry],
      ...(read && {
        collect(this: Counter) {
          this.reset();
          this.inc(labels, read());
        },
      }),
    });
    counter.inc(labels, 0);
    return counter;
  }
}
