import { InvalidArgumentError } from "./errors";
import type { Allocation, KvCacheManager } from "./kv-cache-manager";
import type { LiveRequests } from "./live-requests";
import type { Request } from "./request";
import type { RequestOrder } from "./request-queue";
import type { ResolvedOptions } from "./scheduler-options";
import type { Counters } from "./stats";
import { StepPlan } from "./step-plan";

/** Chooses the requests of a step and their tokens: running ones first, then waiting ones. */
export class StepPlanner {
  readonly #options: ResolvedOptions;
  readonly #cache: KvCacheManager;
  readonly #live: LiveRequests;
  readonly #counters: Counters;
  readonly #order: RequestOrder;

  constructor(
    options: ResolvedOptions,
    cache: KvCacheManager,
    live: LiveRequests,
    counters: Counters,
    order: RequestOrder,
  ) {
    this.#options = options;
    this.#cache = cache;
    this.#live = live;
    this.#counters = counters;
    this.#order = order;
  }

  plan(): StepPlan {
    const plan = new StepPlan(this.#options.maxBatchedTokens);
    this.#planRunning(plan);
    // Only now is it settled which of them the step will compute.
    if (this.#options.shareWithinStep) {
      for (const { request, numTokens } of plan.entries) {
        this.#cache.cacheBlocks(request, request.numComputedTokens + numTokens);
      }
    }
    // A preempted request must not lose its blocks to one that arrived after it.
    if (plan.preempted.length === 0) this.#planWaiting(plan);
    return plan;
  }

  #planRunning(plan: StepPlan): void {
    const { running } = this.#live;
    while (plan.cursor < running.length && plan.budget > 0) {
      const request = running[plan.cursor] as Request;
      const numKnown = request.numTokens + request.draftTokens.length;
      const numTokens = this.#limit(numKnown - request.numComputedTokens, plan.budget);
      const allocation = this.#allocateOrPreempt(request, numTokens, plan);
      if (!allocation) continue;
      const kind = request.wasScheduled ? "running" : "new";
      plan.add({ request, kind, numTokens, allocation });
      plan.cursor++;
    }
  }

  /** Preempts until the request has its blocks, or is itself the victim. */
  #allocateOrPreempt(request: Request, numTokens: number, plan: StepPlan): Allocation | undefined {
    const { numLookaheadTokens } = this.#options;
    for (;;) {
      const allocation = this.#cache.allocate(request, numTokens, { numLookaheadTokens });
      if (allocation) return allocation;
      const victim = this.#selectVictim(request);
      plan.preempt(victim, this.#live.running.indexOf(victim));
      this.#counters.numPreemptions++;
      victim.numPreemptions++;
      this.#live.preempt(victim);
      if (victim === request) return undefined;
    }
  }

  #selectVictim(needing: Request): Request {
    const { running } = this.#live;
    const { selectVictim } = this.#options;
    if (!selectVictim) {
      return running.reduce((last, next) => (this.#order(next, last) > 0 ? next : last));
    }
    const chosen = selectVictim({ running, needing });
    const victim = running.find((request) => request === chosen);
    if (victim) return victim;
    throw new InvalidArgumentError(
      "selectVictim returned a request that is not running; return one of `running`",
      { chosen: chosen?.id },
    );
  }

  #planWaiting(plan: StepPlan): void {
    const { running, waiting } = this.#live;
    const { chunkedPrefill, maxSequences, maxSkipAhead } = this.#options;
    const skipped: Request[] = [];
    let maxAdmissions = Number.POSITIVE_INFINITY;
    while (plan.budget > 0 && running.length < maxSequences && maxAdmissions > 0) {
      const request = waiting.peek();
      if (!request) break;
      // Looked up at each attempt: what was in the cache a step ago may be gone.
      const hit = this.#cache.lookUp(request);
      const numMissing = request.numTokens - hit.numTokens;
      if (!chunkedPrefill && numMissing > plan.budget) break;
      const numTokens = this.#limit(numMissing, plan.budget);
      const allocation = this.#cache.allocate(request, numTokens, {
        hit,
        numLookaheadTokens: this.#options.numLookaheadTokens,
        wholeSequence: this.#options.reserveFullPrompt,
        numReservedBlocks: this.#numReservedBlocks(),
      });
      waiting.remove(request);
      if (!allocation) {
        skipped.push(request);
        if (skipped.length > maxSkipAhead) break;
        maxAdmissions = Math.min(maxAdmissions, maxSkipAhead - request.numTimesSkipped);
        continue;
      }
      this.#admit(request, hit.numTokens);
      const kind = request.wasScheduled ? "resumed" : "new";
      plan.add({ request, kind, numTokens, allocation });
      if (this.#options.shareWithinStep) {
        this.#cache.cacheBlocks(request, hit.numTokens + numTokens);
      }
      maxAdmissions--;
      for (const earlier of skipped) earlier.numTimesSkipped++;
    }
    for (const request of skipped) waiting.push(request);
  }

  /** The watermark holds back admissions only while something runs that may need the blocks. */
  #numReservedBlocks(): number {
    if (this.#live.running.length === 0) return 0;
    return Math.ceil(this.#options.watermark * this.#cache.pool.numUsableBlocks);
  }

  #admit(request: Request, numHitTokens: number): void {
    this.#live.run(request);
    request.numComputedTokens = numHitTokens;
    request.numTimesSkipped = 0;
    if (request.wasScheduled || request.parentId !== undefined) return;
    request.numCachedTokens = numHitTokens;
    const looksUp = this.#options.prefixCaching && !request.options.skipPrefixCache;
    this.#counters.admit(request.numPromptTokens, looksUp ? request.numTokens : 0, numHitTokens);
  }

  #limit(numTokens: number, budget: number): number {
    const { longPrefillThreshold } = this.#options;
    return Math.min(numTokens, longPrefillThreshold || numTokens, budget);
  }
}
