import type { StepWork } from "./cost-model";
import type { TraceRequest } from "./trace";

/** What one simulated step did. */
export interface SimulatedStep extends StepWork {
  /** Indices of requests that got their first token. */
  readonly started: readonly number[];
  /** Indices of requests that ended. */
  readonly finished: readonly number[];
}

/** How full the memory is, and with what. All in slots of one token. */
export interface MemoryUse {
  readonly numRunning: number;
  readonly numWaiting: number;
  /** Slots that nobody else can have. */
  readonly numReservedSlots: number;
  /** Slots that hold keys and values of a running request, each counted once. */
  readonly numUsefulSlots: number;
  /** Blocks of all tables together over distinct blocks: what sharing saves. 1 without sharing. */
  readonly numTableBlocks: number;
  readonly numDistinctBlocks: number;
}

/** A serving system reduced to its memory management. */
export interface SimulatedEngine {
  readonly numSlots: number;
  readonly numPreemptions: number;
  /** Tokens computed more than once. */
  readonly numRecomputedTokens: number;
  /** Prompt tokens that were found and not computed. */
  readonly numCachedTokens: number;
  /** Requests that have arrived and not ended. */
  readonly numLive: number;
  add(index: number, request: TraceRequest): void;
  step(): SimulatedStep;
  memoryUse(): MemoryUse;
}
