import { InvalidArgumentError, RequestTooLongError, StepOrderError } from "./errors";
import { KvCacheManager } from "./kv-cache-manager";
import { LiveRequests } from "./live-requests";
import { resolveMaxModelLength } from "./model-length";
import { Request, type RequestOptions, type RequestView, requireTokens } from "./request";
import { byArrival, byPriority } from "./request-queue";
import { requireSampledTokens } from "./sampled-tokens";
import { type ResolvedOptions, resolveOptions, type SchedulerOptions } from "./scheduler-options";
import type { RequestOutput, ScheduledRequest, SchedulerOutput } from "./scheduler-output";
import { type SchedulerSnapshot, takeSnapshot } from "./snapshot";
import { Counters, type SchedulerStats } from "./stats";
import type { StepPlan } from "./step-plan";
import { StepPlanner } from "./step-planner";
import type { Finish, FinishReason } from "./stop-conditions";

/** How a fork differs from its parent. */
export interface ForkOptions {
  /** Names the new request; unique among live requests. */
  readonly id: string;
  /** Tokens to take over from the parent, its prompt at least. Default: all. */
  readonly numTokens?: number;
  /** Output tokens to add to those. Default none. */
  readonly append?: ArrayLike<number>;
}

/**
 * Decides what a language model computes next, and in which blocks its keys and values live.
 *
 * There is no prefill phase and no decode phase: in each step every request is given tokens until
 * those computed catch up with those known (prompt, output and drafts), within one token budget;
 * running requests first, then waiting ones. When blocks run out, a running request is preempted
 * and computed anew later. The scheduler draws no random numbers and reads no clock: equal calls
 * give equal steps. After vLLM V1, and "Efficient Memory Management for Large Language Model
 * Serving with PagedAttention" (Kwon et al., 2023, arXiv 2309.06180).
 *
 * @example
 * ```ts
 * const scheduler = new Scheduler({ numBlocks: 1024, blockSize: 16 });
 * scheduler.addRequest({ id: "a", promptTokens: [1, 2, 3], maxTokens: 8 });
 * while (scheduler.numUnfinishedRequests > 0) {
 *   const step = scheduler.schedule();
 *   const sampled = runModel(step); // one list of tokens per scheduled request
 *   for (const { id, newTokens } of scheduler.update(step, sampled)) emit(id, newTokens);
 * }
 * ```
 */
export class Scheduler {
  /** Tokens that one sequence may reach, prompt included. */
  readonly maxModelLength: number;
  readonly #options: ResolvedOptions;
  readonly #cache: KvCacheManager;
  readonly #counters = new Counters();
  readonly #live: LiveRequests;
  readonly #planner: StepPlanner;
  #inFlight: { readonly output: SchedulerOutput; readonly plan: StepPlan } | undefined;
  #numArrivals = 0;

  /**
   * @throws InvalidArgumentError when an option is out of range, or the pool cannot hold one
   *   sequence of `maxModelLength`.
   */
  constructor(options: SchedulerOptions) {
    this.#options = resolveOptions(options);
    this.#cache = new KvCacheManager(options);
    this.maxModelLength = resolveMaxModelLength(this.#options, this.#cache);
    const order = this.#options.policy === "fcfs" ? byArrival : byPriority;
    this.#live = new LiveRequests(this.#cache, order);
    this.#planner = new StepPlanner(this.#options, this.#cache, this.#live, this.#counters, order);
  }

  /** Requests that have not ended, in any state. */
  get numUnfinishedRequests(): number {
    return this.#live.size;
  }

  /** A live request, or `undefined`. */
  request(id: string): RequestView | undefined {
    return this.#live.get(id);
  }

  /**
   * Submits a request. It runs when a later step has room.
   *
   * @throws DuplicateRequestError when a live request has the id.
   * @throws InvalidArgumentError when an option is not usable.
   * @throws RequestTooLongError when the request could never run to its end.
   */
  addRequest(options: RequestOptions): RequestView {
    const { id, n = 1 } = options;
    const ids = [id, ...Array.from({ length: n - 1 }, (_, index) => `${id}#${index + 1}`)];
    for (const name of ids) this.#live.requireFreeId(name);
    const request = new Request(
      { eosTokenIds: this.#options.eosTokenIds, ...options },
      {
        numGroups: this.#cache.numGroups,
        maxModelLength: this.maxModelLength,
        serial: this.#numArrivals,
      },
    );
    this.#requireFits(request);
    this.#numArrivals++;
    if (n > 1) this.#live.reserveFamily(ids);
    this.#live.add(request);
    this.#live.wait(request, options.waitForGrammar ? "waiting-for-grammar" : "waiting");
    return request;
  }

  /** Lets a request run that was submitted with `waitForGrammar`. */
  grammarReady(id: string): void {
    const request = this.#live.require(id);
    if (this.#live.awaitingGrammar.delete(request)) this.#live.wait(request, "waiting");
  }

  /**
   * Ends a request in any state and frees its blocks at once. A result of a step in flight is
   * ignored. With `n > 1`, the id of the request ends all its outputs.
   *
   * @param reason `error` when the request itself failed. Default `abort`.
   * @returns False when no live request has the id; it may have ended just before.
   */
  abort(id: string, reason: FinishReason = "abort"): boolean {
    let found = false;
    for (const name of this.#live.idsEndingWith(id)) {
      const request = this.#live.get(name);
      if (!request) continue;
      this.#finish(request, reason);
      found = true;
    }
    return found;
  }

  /**
   * Ends one output of a request; its siblings of `n > 1` go on. For ends that only the caller
   * sees, such as a stop text.
   *
   * @returns False when no live request has the id.
   */
  finish(id: string, reason: FinishReason): boolean {
    const request = this.#live.get(id);
    if (!request) return false;
    this.#finish(request, reason);
    return true;
  }

  /**
   * Starts a second request that continues from the tokens of a live one. A running parent shares
   * its blocks, the last one included until either writes to it; if there is no seat, or the
   * parent holds no blocks, the new request waits and finds the prefix in the cache.
   *
   * @throws StepOrderError between `schedule` and `update`.
   * @throws UnknownRequestError when no live request has `parentId`.
   * @throws DuplicateRequestError when a live request has the new id.
   * @throws InvalidArgumentError when the tokens are not usable or leave nothing to generate.
   */
  fork(parentId: string, options: ForkOptions): RequestView {
    this.#requireNoStep("fork");
    const parent = this.#live.require(parentId);
    this.#live.requireFreeId(options.id);
    const { numTokens = parent.numTokens, append = [] } = options;
    requireTokens(append, "append");
    const total = numTokens + append.length;
    if (
      numTokens < parent.numPromptTokens ||
      numTokens > parent.numTokens ||
      total >= parent.maxTotalTokens
    ) {
      throw new InvalidArgumentError(
        `a fork of "${parentId}" with ${numTokens} + ${append.length} tokens is not possible; keep from ${parent.numPromptTokens} to ${parent.numTokens} and stay below ${parent.maxTotalTokens} in all`,
        { parentId, numTokens, append: append.length, maxTotalTokens: parent.maxTotalTokens },
      );
    }
    const child = this.#spawn(parent, options.id, numTokens);
    child.tokenList.append(append);
    this.#seat(parent, child, numTokens);
    return child;
  }

  /**
   * Proposes tokens that the next step verifies. They are dropped when the request is not running
   * or still computes its prompt, and cut to what it may generate.
   *
   * @throws StepOrderError between `schedule` and `update`.
   */
  setDraftTokens(id: string, draftTokens: ArrayLike<number>): void {
    this.#requireNoStep("setDraftTokens");
    const request = this.#live.require(id);
    requireTokens(draftTokens, "draftTokens");
    const decodes =
      request.status === "running" &&
      request.numOutputTokens > 0 &&
      request.numTokens - request.numComputedTokens === 1;
    // Even if all are accepted, one more token is sampled.
    const room = decodes ? request.maxTotalTokens - request.numTokens - 1 : 0;
    request.draftTokens = Array.from(draftTokens).slice(0, room);
  }

  /**
   * Puts the next step together. Run the model on it, then call {@link update}.
   *
   * @throws StepOrderError when the last step was neither updated nor discarded.
   */
  schedule(): SchedulerOutput {
    this.#requireNoStep("schedule");
    this.#cache.beginStep();
    const plan = this.#planner.plan();
    const finishedIds = this.#live.takeFinishedIds();
    const output = plan.build(this.#counters.numSteps, this.#cache, finishedIds);
    for (const { request, numTokens } of plan.entries) {
      request.numComputedTokens += numTokens;
      request.wasScheduled = true;
      request.draftTokens = [];
    }
    this.#counters.numSteps++;
    this.#counters.numScheduledTokens += output.numScheduledTokens;
    this.#inFlight = { output, plan };
    return output;
  }

  /**
   * Takes the model's results: appends tokens, rolls rejected drafts back, ends what is done.
   *
   * @param output The step, as `schedule` returned it.
   * @param sampled One list per scheduled request, in order. Empty where `numLogitRows` is 0; with
   *   drafts, the accepted ones and one token more; with `numSamples` above 1, that many tokens.
   * @throws StepOrderError when this is not the step in flight.
   * @throws InvalidArgumentError when a list does not fit its request; nothing is changed.
   */
  update(output: SchedulerOutput, sampled: readonly ArrayLike<number>[]): RequestOutput[] {
    const plan = this.#requireStep(output);
    requireSampledTokens(output, sampled);
    this.#inFlight = undefined;
    const outputs: RequestOutput[] = [];
    plan.entries.forEach(({ request }, index) => {
      // It may have been aborted while the model ran.
      if (!this.#live.has(request)) return;
      const { draftTokens, numSamples } = output.scheduled[index] as ScheduledRequest;
      const tokens = sampled[index] as ArrayLike<number>;
      if (draftTokens.length > 0) {
        const numAccepted = tokens.length - 1;
        request.numComputedTokens -= draftTokens.length - numAccepted;
        this.#counters.verify(draftTokens.length, numAccepted);
      }
      const numTokens = request.numTokens;
      for (let sample = 1; sample < numSamples; sample++) {
        const child = this.#spawn(request, `${request.id}#${sample}`, numTokens);
        this.#append(child, [tokens[sample] as number], outputs);
        if (child.status !== "finished") this.#seat(request, child, numTokens);
      }
      this.#append(request, numSamples > 1 ? [tokens[0] as number] : tokens, outputs);
    });
    return outputs;
  }

  /**
   * Gives up the step in flight, for instance because the model failed. Its requests are computed
   * anew; abort those that are to blame first.
   *
   * @throws StepOrderError when this is not the step in flight.
   */
  discard(output: SchedulerOutput): void {
    const { entries } = this.#requireStep(output);
    this.#inFlight = undefined;
    this.#cache.discardStep();
    for (const { request } of entries) {
      if (this.#live.has(request)) this.#live.preempt(request);
    }
  }

  /**
   * Forgets all cached prefixes, as after a change of weights.
   *
   * @param options With `preemptRunning`, running requests are computed anew.
   * @returns False, with nothing changed, while a request holds blocks.
   * @throws StepOrderError with `preemptRunning`, between `schedule` and `update`.
   */
  resetPrefixCache(options: { readonly preemptRunning?: boolean } = {}): boolean {
    if (options.preemptRunning) {
      this.#requireNoStep("resetPrefixCache");
      for (const request of [...this.#live.running]) {
        this.#counters.numPreemptions++;
        request.numPreemptions++;
        this.#live.preempt(request);
      }
    }
    return this.#cache.pool.reset();
  }

  /** The state in numbers, and totals. */
  stats(): SchedulerStats {
    const { hitRate, ...totals } = this.#counters;
    const { pool } = this.#cache;
    return {
      ...totals,
      numFinished: { ...totals.numFinished },
      speculation: {
        ...totals.speculation,
        numAcceptedPerPosition: [...totals.speculation.numAcceptedPerPosition],
      },
      numRunningRequests: this.#live.running.length,
      numWaitingRequests: this.#live.waiting.length + this.#live.awaitingGrammar.size,
      numFreeBlocks: pool.numFreeBlocks,
      numCachedBlocks: pool.numCachedBlocks,
      kvCacheUsage: pool.usage,
      prefixCacheHitRate: hitRate.rate,
    };
  }

  /** The whole state as plain data, for display. Costs as much as the pool is large. */
  snapshot(): SchedulerSnapshot {
    const { pool, blockSize } = this.#cache;
    const { running, waiting, awaitingGrammar } = this.#live;
    return takeSnapshot(pool, blockSize, running, [...waiting.toSorted(), ...awaitingGrammar]);
  }

  /** Appends sampled tokens up to the one that ends the request, if any does. */
  #append(request: Request, tokens: ArrayLike<number>, outputs: RequestOutput[]): void {
    const newTokens: number[] = [];
    let finish: Finish | undefined;
    for (let index = 0; index < tokens.length && !finish; index++) {
      const token = tokens[index] as number;
      newTokens.push(token);
      finish = request.appendOutput(token);
    }
    this.#counters.numGeneratedTokens += newTokens.length;
    if (!this.#options.shareWithinStep) {
      this.#cache.cacheBlocks(request, request.numComputedTokens);
    }
    if (newTokens.length > 0) {
      outputs.push({
        id: request.id,
        parentId: request.parentId,
        newTokens,
        finishReason: finish?.reason,
        stopReason: finish?.stopReason,
      });
    }
    if (finish) this.#finish(request, finish.reason);
  }

  /** A new request with the first `numTokens` tokens of another; it holds no blocks yet. */
  #spawn(parent: Request, id: string, numTokens: number): Request {
    const child = new Request(
      { ...parent.options, id, n: 1 },
      {
        numGroups: this.#cache.numGroups,
        maxModelLength: this.maxModelLength,
        serial: this.#numArrivals++,
        parent,
      },
    );
    child.tokenList.append(parent.tokenList.view(0, numTokens));
    this.#live.add(child);
    return child;
  }

  /** Lets a fork run on its parent's blocks, or wait when it cannot. */
  #seat(parent: Request, child: Request, numKept: number): void {
    const { maxSequences } = this.#options;
    const hasSeat = parent.status === "running" && this.#live.running.length < maxSequences;
    // At least one token is left to compute, so that there are logits to sample from.
    child.numComputedTokens = Math.min(parent.numComputedTokens, numKept, child.numTokens - 1);
    if (hasSeat && this.#cache.fork(parent, child)) {
      this.#live.run(child);
      return;
    }
    child.numComputedTokens = 0;
    const { status } = parent;
    this.#live.wait(child, status === "waiting-for-grammar" ? status : "waiting");
  }

  #finish(request: Request, reason: FinishReason): void {
    this.#live.finish(request);
    this.#counters.numFinished[reason]++;
  }

  #requireFits({ id, numPromptTokens, options }: Request): void {
    const { maxTokens = 1 } = options;
    const limit = this.maxModelLength;
    if (numPromptTokens + maxTokens <= limit) return;
    throw new RequestTooLongError(
      `"${id}" may reach ${numPromptTokens} + ${maxTokens} tokens and a sequence ${limit}; shorten the prompt, lower maxTokens or enlarge the pool`,
      { id, numPromptTokens, maxTokens, maxModelLength: limit },
    );
  }

  #requireNoStep(method: string): void {
    if (!this.#inFlight) return;
    throw new StepOrderError(
      `${method} was called while step ${this.#inFlight.output.step} is in flight; call update or discard first`,
      { step: this.#inFlight.output.step },
    );
  }

  #requireStep(output: SchedulerOutput): StepPlan {
    if (this.#inFlight?.output === output) return this.#inFlight.plan;
    throw new StepOrderError(
      `step ${output.step} is not in flight; pass what the last schedule returned, once`,
      { step: output.step, inFlight: this.#inFlight?.output.step },
    );
  }
}
