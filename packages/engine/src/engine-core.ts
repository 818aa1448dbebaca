import { yieldToEventLoop } from "@x/models";
import {
  type FinishReason,
  type ForkOptions,
  type RequestOptions,
  type RequestView,
  type ScheduledRequest,
  Scheduler,
  type SchedulerOptions,
  type SchedulerOutput,
} from "@x/paged-scheduler";
import type { EngineEvent } from "./engine-event";
import { GenerationFailedError } from "./errors";
import type { LogitRows, ModelRunner } from "./runner/model-runner";
import type { SequenceHandler } from "./sequence-handler";

/** Steps that may fail with a sequence in them before the sequence fails. */
const mostFailures = 2;

/** A sequence that has not ended. */
interface LiveSequence {
  readonly handler: SequenceHandler;
  numFailures: number;
}

/**
 * The loop over scheduler, model and sequences. While any sequence lives, it runs: a step is put
 * together, the model runs on it, the sequences choose their tokens, the scheduler takes them.
 * Between steps the event loop runs.
 */
export class EngineCore {
  readonly scheduler: Scheduler;
  readonly runner: ModelRunner;
  readonly #report: (event: EngineEvent) => void;
  readonly #live = new Map<string, LiveSequence>();
  #loop: Promise<void> | undefined;

  /** Takes over `runner`: `dispose` disposes it. */
  constructor(
    runner: ModelRunner,
    options: Omit<SchedulerOptions, "numBlocks" | "blockSize">,
    report: (event: EngineEvent) => void,
  ) {
    this.runner = runner;
    this.#report = report;
    const { numBlocks, blockSize } = runner;
    this.scheduler = new Scheduler({ ...options, numBlocks, blockSize });
  }

  /** Submits a sequence. @throws as `Scheduler.addRequest`. */
  add(options: RequestOptions, handler: SequenceHandler): void {
    this.scheduler.addRequest(options);
    this.attach(options.id, handler);
    this.#loop ??= this.#run();
  }

  /** Tells who handles a sequence that the scheduler will fork off by itself. */
  attach(id: string, handler: SequenceHandler): void {
    this.#live.set(id, { handler, numFailures: 0 });
  }

  /** Starts a sequence that continues another. @throws as `Scheduler.fork`. */
  fork(parentId: string, options: ForkOptions, handler: SequenceHandler): RequestView {
    const child = this.scheduler.fork(parentId, options);
    this.runner.fork(parentId, child.id, child.numComputedTokens);
    this.attach(child.id, handler);
    return child;
  }

  /** Ends one sequence. */
  finish(id: string, reason: FinishReason): void {
    this.scheduler.finish(id, reason);
    this.#forget(id);
  }

  /** Resolves when no sequence lives. */
  async idle(): Promise<void> {
    while (this.#loop !== undefined) await this.#loop;
  }

  /** Ends all sequences with `error` and gives the memory back once the step in flight is over. */
  dispose(error: unknown): void {
    for (const [id, { handler }] of [...this.#live]) {
      this.finish(id, "abort");
      handler.fail(error);
    }
    if (this.#loop === undefined) this.runner.dispose();
    else void this.#loop.then(() => this.runner.dispose());
  }

  async #run(): Promise<void> {
    try {
      for (;;) {
        await yieldToEventLoop();
        if (this.scheduler.numUnfinishedRequests === 0) return;
        await this.#step();
      }
    } finally {
      this.#loop = undefined;
    }
  }

  async #step(): Promise<void> {
    const startedAt = performance.now();
    this.#proposeDrafts();
    const output = this.scheduler.schedule();
    for (const entry of output.scheduled) this.#live.get(entry.id)?.handler.begin?.(entry);
    // Asked once: a sequence that ends while the logits are read has its rows among them all the same.
    const rows = new Map(output.scheduled.map((entry) => [entry, this.#rowsOf(entry)]));
    let logits: Float32Array;
    try {
      using computed = this.runner.forward(output, (entry) => rows.get(entry) ?? "none");
      logits = (await computed.data()) as Float32Array;
    } catch (error) {
      this.#discard(output, error);
      return;
    }
    const sampled = this.#choose(output, logits, rows);
    for (const requestOutput of this.scheduler.update(output, sampled)) {
      const { id, parentId, finishReason } = requestOutput;
      const child = parentId === undefined ? undefined : this.scheduler.request(id);
      if (child !== undefined && parentId !== undefined && child.numOutputTokens === 1) {
        this.runner.fork(parentId, id, child.numComputedTokens);
      }
      const live = this.#live.get(id);
      if (finishReason !== undefined) this.#forget(id);
      live?.handler.advance(requestOutput);
    }
    this.#report({
      type: "step",
      numTokens: output.numScheduledTokens,
      numSequences: output.scheduled.length,
      durationMs: performance.now() - startedAt,
    });
  }

  #rowsOf(entry: ScheduledRequest): LogitRows {
    return this.#live.get(entry.id)?.handler.rowsOf(entry) ?? "none";
  }

  #proposeDrafts(): void {
    if (!this.runner.canRollBack) return;
    for (const [id, { handler }] of this.#live) {
      const request = this.scheduler.request(id);
      if (request?.status !== "running" || request.numOutputTokens === 0) continue;
      const drafts = handler.draft(request.tokens);
      if (drafts.length > 0) this.scheduler.setDraftTokens(id, drafts);
    }
  }

  /** The tokens of every request in the step; a request that cannot choose fails alone. */
  #choose(
    output: SchedulerOutput,
    logits: Float32Array,
    rowsOf: ReadonlyMap<ScheduledRequest, LogitRows>,
  ): (readonly number[])[] {
    const counts = output.scheduled.map((entry) => countRows(rowsOf.get(entry) ?? "none", entry));
    const numRows = counts.reduce((sum, count) => sum + count, 0);
    const vocabularySize = numRows === 0 ? 0 : logits.length / numRows;
    let row = 0;
    return output.scheduled.map((entry, index) => {
      const rows = Array.from({ length: counts[index] ?? 0 }, () => {
        const start = row++ * vocabularySize;
        return logits.subarray(start, start + vocabularySize);
      });
      const live = this.#live.get(entry.id);
      const placeholder = new Array<number>(entry.numSamples).fill(0);
      if (live === undefined) return placeholder;
      try {
        return live.handler.choose({ entry, rows });
      } catch (error) {
        this.scheduler.abort(entry.id, "error");
        this.#forget(entry.id);
        live.handler.fail(error);
        return placeholder;
      }
    });
  }

  /** Computes a failed step's sequences anew; those that were in too many of them fail. */
  #discard(output: SchedulerOutput, error: unknown): void {
    this.scheduler.discard(output);
    for (const { id } of output.scheduled) {
      const live = this.#live.get(id);
      if (live === undefined) continue;
      this.runner.release(id);
      if (++live.numFailures < mostFailures) continue;
      this.scheduler.abort(id, "error");
      this.#forget(id);
      const reason = error instanceof Error ? error.message : String(error);
      const failure = new GenerationFailedError(
        `the model failed: ${reason}`,
        {},
        { cause: error },
      );
      live.handler.fail(failure);
    }
  }

  #forget(id: string): void {
    this.#live.delete(id);
    this.runner.release(id);
  }
}

function countRows(rows: LogitRows, { numScheduledTokens }: ScheduledRequest): number {
  if (rows === "none") return 0;
  return rows === "last" ? 1 : numScheduledTokens;
}
