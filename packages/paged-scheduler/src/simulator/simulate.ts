import type { SchedulerOptions } from "../scheduler-options";
import { type CostModel, linearCost, thirteenBillionWeights } from "./cost-model";
import { PagedEngine } from "./paged-engine";
import { type Reservation, ReservingEngine } from "./reserving-engine";
import type { MemoryUse, SimulatedEngine, SimulatedStep } from "./simulated-engine";
import type { TraceRequest } from "./trace";

/** What to simulate. */
export interface SimulationOptions {
  /** `paged`: this package's scheduler. Otherwise a contiguous reservation per request. */
  readonly memory: "paged" | Reservation;
  /** Tokens whose keys and values fit in memory. Default 16,384. */
  readonly numSlots?: number;
  /** Most tokens of a sequence. Default 2048. */
  readonly maxModelLength?: number;
  /** Most requests in a step. Default 256. */
  readonly maxSequences?: number;
  /** Most tokens in a step. Default 2048. */
  readonly maxBatchedTokens?: number;
  /** Further options of the scheduler, for `paged`. */
  readonly scheduler?: Omit<SchedulerOptions, "numBlocks">;
  /** Default: {@link thirteenBillionWeights}. */
  readonly cost?: CostModel;
  /** Stop after this many steps. Default: when all requests have ended. */
  readonly maxSteps?: number;
  /** Look at the memory every so many steps. Default 8. */
  readonly sampleEvery?: number;
}

/** The memory at one time. */
export interface SimulationSample extends MemoryUse {
  readonly step: number;
  /** Seconds. */
  readonly time: number;
}

/** What a simulation found. Times are in seconds. */
export interface SimulationResult {
  readonly numSlots: number;
  readonly numSteps: number;
  readonly duration: number;
  readonly numStarted: number;
  readonly numFinished: number;
  readonly numComputedTokens: number;
  readonly numPreemptions: number;
  readonly numRecomputedTokens: number;
  readonly numCachedTokens: number;
  /** Requests ended per second. */
  readonly requestThroughput: number;
  /** Output tokens of ended requests per second. */
  readonly outputThroughput: number;
  /** From arrival to the first token, ascending, one per request that started. */
  readonly timesToFirstToken: readonly number[];
  /** From arrival to the end, divided by the longest output length, ascending, one per ended request. */
  readonly normalizedLatencies: readonly number[];
  readonly samples: readonly SimulationSample[];
  /** While requests wait for memory: means over the samples after the first tenth of the steps. */
  readonly saturated: {
    /** Useful slots over all slots. */
    readonly usefulShare: number;
    readonly numRunning: number;
    /** Blocks saved by sharing over blocks without sharing. */
    readonly sharedSaving: number;
  };
}

/**
 * Replays a trace under one way of managing memory. Deterministic.
 *
 * @example
 * ```ts
 * const trace = synthesizeTrace({ numRequests: 500, lengths: publishedLengths.shareGpt });
 * simulate(trace, { memory: "paged" }).saturated.usefulShare; // about 0.97
 * simulate(trace, { memory: "max" }).saturated.usefulShare; // about 0.2
 * ```
 */
export function simulate(
  trace: readonly TraceRequest[],
  options: SimulationOptions,
): SimulationResult {
  const { maxSteps = Number.POSITIVE_INFINITY, sampleEvery = 8 } = options;
  const cost = options.cost ?? linearCost(thirteenBillionWeights);
  const engine = createEngine(options);
  const log = new SimulationLog(trace);
  let numArrived = 0;
  let time = 0;
  let numSteps = 0;
  while (numSteps < maxSteps) {
    for (let next = trace[numArrived]; next && next.arrivalTime <= time; next = trace[numArrived]) {
      engine.add(numArrived++, next);
    }
    if (engine.numLive === 0) {
      const next = trace[numArrived];
      if (!next) break;
      time = next.arrivalTime;
      continue;
    }
    const step = engine.step();
    time += cost(step);
    log.record(step, time);
    if (numSteps % sampleEvery === 0) log.sample({ step: numSteps, time, ...engine.memoryUse() });
    numSteps++;
  }
  return log.result(engine, numSteps, time);
}

function createEngine(options: SimulationOptions): SimulatedEngine {
  const { memory, scheduler } = options;
  const common = {
    numSlots: options.numSlots ?? 16_384,
    maxModelLength: options.maxModelLength ?? 2048,
    maxSequences: options.maxSequences ?? 256,
    maxBatchedTokens: options.maxBatchedTokens ?? 2048,
  };
  if (memory !== "paged") return new ReservingEngine({ reservation: memory, ...common });
  const { numSlots, ...limits } = common;
  const numBlocks = 1 + Math.floor(numSlots / (scheduler?.blockSize ?? 16));
  return new PagedEngine({ ...limits, ...scheduler, numBlocks });
}

class SimulationLog {
  readonly #trace: readonly TraceRequest[];
  readonly #samples: SimulationSample[] = [];
  /** By request: the outputs of one may start in different steps. */
  readonly #timesToFirstToken = new Map<number, number>();
  readonly #normalizedLatencies: number[] = [];
  #numComputedTokens = 0;
  #numOutputTokens = 0;

  constructor(trace: readonly TraceRequest[]) {
    this.#trace = trace;
  }

  record(step: SimulatedStep, time: number): void {
    this.#numComputedTokens += step.numTokens;
    for (const index of step.started) {
      if (this.#timesToFirstToken.has(index)) continue;
      this.#timesToFirstToken.set(index, time - this.#request(index).arrivalTime);
    }
    for (const index of step.finished) {
      const { arrivalTime, outputLengths } = this.#request(index);
      this.#normalizedLatencies.push((time - arrivalTime) / Math.max(...outputLengths));
      for (const length of outputLengths) this.#numOutputTokens += length;
    }
  }

  sample(sample: SimulationSample): void {
    this.#samples.push(sample);
  }

  result(engine: SimulatedEngine, numSteps: number, duration: number): SimulationResult {
    const saturated = this.#samples.filter(
      ({ step, numWaiting }) => numWaiting > 0 && step >= numSteps / 10,
    );
    const ascending = (first: number, second: number) => first - second;
    const numFinished = this.#normalizedLatencies.length;
    return {
      numSlots: engine.numSlots,
      numSteps,
      duration,
      numStarted: this.#timesToFirstToken.size,
      numFinished,
      numComputedTokens: this.#numComputedTokens,
      numPreemptions: engine.numPreemptions,
      numRecomputedTokens: engine.numRecomputedTokens,
      numCachedTokens: engine.numCachedTokens,
      requestThroughput: numFinished / duration,
      outputThroughput: this.#numOutputTokens / duration,
      timesToFirstToken: [...this.#timesToFirstToken.values()].sort(ascending),
      normalizedLatencies: this.#normalizedLatencies.sort(ascending),
      samples: this.#samples,
      saturated: {
        usefulShare: mean(saturated.map((use) => use.numUsefulSlots / engine.numSlots)),
        numRunning: mean(saturated.map((use) => use.numRunning)),
        sharedSaving: mean(saturated.map(savedShare)),
      },
    };
  }

  #request(index: number): TraceRequest {
    return this.#trace[index] as TraceRequest;
  }
}

function savedShare({ numTableBlocks, numDistinctBlocks }: MemoryUse): number {
  return numTableBlocks === 0 ? 0 : 1 - numDistinctBlocks / numTableBlocks;
}

/** The arithmetic mean, 0 of nothing. */
function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
