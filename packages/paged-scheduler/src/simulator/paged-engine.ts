import { Scheduler } from "../scheduler";
import type { SchedulerOptions } from "../scheduler-options";
import type { MemoryUse, SimulatedEngine, SimulatedStep } from "./simulated-engine";
import type { TraceRequest } from "./trace";

/** The token that ends an output. */
const endOfSequence = 0;

/** This package's scheduler, with made-up tokens in place of a model. */
export class PagedEngine implements SimulatedEngine {
  readonly numSlots: number;
  readonly #scheduler: Scheduler;
  readonly #blockSize: number;
  readonly #outputLengths = new Map<string, number>();
  readonly #numLiveOutputs = new Map<number, number>();
  #numStartedOutputs = 0;

  constructor(options: SchedulerOptions) {
    this.#scheduler = new Scheduler({ ...options, eosTokenIds: [endOfSequence] });
    this.#blockSize = options.blockSize ?? 16;
    this.numSlots = (options.numBlocks - 1) * this.#blockSize;
  }

  get numPreemptions(): number {
    return this.#scheduler.stats().numPreemptions;
  }

  get numRecomputedTokens(): number {
    const stats = this.#scheduler.stats();
    const numPromptTokens = stats.numPromptTokens - stats.prefixCacheHits;
    // The last token of an output is never computed.
    const numOutputTokens = stats.numGeneratedTokens - this.#numStartedOutputs;
    return Math.max(0, stats.numScheduledTokens - numPromptTokens - numOutputTokens);
  }

  get numCachedTokens(): number {
    return this.#scheduler.stats().prefixCacheHits;
  }

  get numLive(): number {
    return this.#numLiveOutputs.size;
  }

  add(index: number, { promptLength, outputLengths, prefix }: TraceRequest): void {
    // Prompts differ in the first token after what they share, so their blocks differ from there.
    const promptTokens = new Int32Array(promptLength);
    const numShared = Math.min(prefix?.length ?? 0, promptLength - 1);
    if (prefix) promptTokens.fill(prefix.id + 1, 0, numShared);
    promptTokens[numShared] = 2 ** 30 + index;
    const n = outputLengths.length;
    const maxTokens = Math.max(...outputLengths);
    this.#scheduler.addRequest({ id: `${index}`, promptTokens, maxTokens, n });
    outputLengths.forEach((length, output) => {
      this.#outputLengths.set(outputId(index, output), length);
    });
    this.#numLiveOutputs.set(index, n);
  }

  step(): SimulatedStep {
    const started: number[] = [];
    const finished: number[] = [];
    const step = this.#scheduler.schedule();
    let numContextTokens = 0;
    const sampled = step.scheduled.map(({ id, request, ...entry }) => {
      numContextTokens += entry.numComputedTokens + entry.numScheduledTokens;
      if (request.numOutputTokens === 0 && entry.numSamples > 0) {
        started.push(Number.parseInt(id, 10));
        this.#numStartedOutputs += entry.numSamples;
      }
      return Array.from({ length: entry.numSamples }, (_, sample) => {
        const output = sample === 0 ? id : outputId(Number(id), sample);
        if (request.numOutputTokens + 1 === this.#outputLengths.get(output)) return endOfSequence;
        // Each output begins with another token, or equal outputs would be found in the cache.
        return sample + 1;
      });
    });
    for (const { id, finishReason } of this.#scheduler.update(step, sampled)) {
      if (finishReason === undefined) continue;
      this.#outputLengths.delete(id);
      const index = Number.parseInt(id, 10);
      const numLeft = (this.#numLiveOutputs.get(index) ?? 1) - 1;
      if (numLeft > 0) this.#numLiveOutputs.set(index, numLeft);
      else if (this.#numLiveOutputs.delete(index)) finished.push(index);
    }
    return { numTokens: step.numScheduledTokens, numContextTokens, started, finished };
  }

  memoryUse(): MemoryUse {
    const { blocks, running } = this.#scheduler.snapshot();
    const used = blocks.filter(({ state }) => state === "used");
    const numTableBlocks = running.reduce(
      (sum, { blockTables }) => sum + blockTables.reduce((all, table) => all + table.length, 0),
      0,
    );
    return {
      numRunning: running.length,
      numWaiting: this.#scheduler.stats().numWaitingRequests,
      numReservedSlots: used.length * this.#blockSize,
      numUsefulSlots: used.reduce((sum, { numFilledSlots }) => sum + numFilledSlots, 0),
      numTableBlocks,
      numDistinctBlocks: used.length,
    };
  }
}

/** The id that the scheduler gives to each output of a request. */
function outputId(index: number, output: number): string {
  return output === 0 ? `${index}` : `${index}#${output}`;
}
