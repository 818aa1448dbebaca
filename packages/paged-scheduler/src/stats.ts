import { HitRateWindow } from "./hit-rate";
import type { FinishReason } from "./stop-conditions";

/** Requests that the prefix-cache hit rate looks back on. */
const hitRateWindow = 1000;

/** What speculation has brought so far. */
export interface SpeculationStats {
  /** Steps of a request that verified drafts. */
  readonly numDrafts: number;
  readonly numDraftTokens: number;
  readonly numAcceptedTokens: number;
  /** How often the draft at each position was accepted, first position first. */
  readonly numAcceptedPerPosition: readonly number[];
}

/** The scheduler's state in numbers, and its totals since it was made. */
export interface SchedulerStats {
  readonly numRunningRequests: number;
  /** Waiting requests, those that wait for a grammar included. */
  readonly numWaitingRequests: number;
  readonly numFreeBlocks: number;
  /** Blocks that a look-up can find, free ones included. */
  readonly numCachedBlocks: number;
  /** Share of usable blocks that are referenced, 0 to 1. */
  readonly kvCacheUsage: number;
  readonly numSteps: number;
  readonly numPreemptions: number;
  /** Tokens looked up in the prefix cache, counted once per request, at its first admission. */
  readonly prefixCacheQueries: number;
  /** Of those, tokens found. */
  readonly prefixCacheHits: number;
  /** The same as a share from 0 to 1, over the last 1000 requests admitted. */
  readonly prefixCacheHitRate: number;
  readonly numPromptTokens: number;
  readonly numGeneratedTokens: number;
  /** Tokens given to the model, drafts and recomputed tokens included. */
  readonly numScheduledTokens: number;
  readonly numFinished: Readonly<Record<FinishReason, number>>;
  readonly speculation: SpeculationStats;
}

/** Totals behind {@link SchedulerStats}. */
export class Counters {
  numSteps = 0;
  numPreemptions = 0;
  prefixCacheQueries = 0;
  prefixCacheHits = 0;
  numPromptTokens = 0;
  numGeneratedTokens = 0;
  numScheduledTokens = 0;
  readonly numFinished: Record<FinishReason, number> = { stop: 0, length: 0, abort: 0, error: 0 };
  readonly speculation = {
    numDrafts: 0,
    numDraftTokens: 0,
    numAcceptedTokens: 0,
    numAcceptedPerPosition: [] as number[],
  };
  readonly hitRate = new HitRateWindow(hitRateWindow);

  /** Counts the first admission of a request. */
  admit(numPromptTokens: number, numQueried: number, numHits: number): void {
    this.numPromptTokens += numPromptTokens;
    if (numQueried === 0) return;
    this.prefixCacheQueries += numQueried;
    this.prefixCacheHits += numHits;
    this.hitRate.observe(1, numQueried, numHits);
  }

  /** Counts one verification of drafts. */
  verify(numDraftTokens: number, numAcceptedTokens: number): void {
    const { speculation } = this;
    speculation.numDrafts++;
    speculation.numDraftTokens += numDraftTokens;
    speculation.numAcceptedTokens += numAcceptedTokens;
    const perPosition = speculation.numAcceptedPerPosition;
    while (perPosition.length < numDraftTokens) perPosition.push(0);
    for (let position = 0; position < numAcceptedTokens; position++) {
      (perPosition[position] as number)++;
    }
  }
}
