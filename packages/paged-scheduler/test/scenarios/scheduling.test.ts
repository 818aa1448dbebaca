import { describe, expect, it } from "vitest";
import { NgramProposer, Scheduler } from "../../src/index";
import { KvCacheManager } from "../../src/kv-cache-manager";
import { Request } from "../../src/request";
import { advance, queues, sampleAll, tokensById } from "../support/drive";
import { count, tableOf } from "../support/sequence";

/** A prompt that shares no block with those of other seeds. */
function prompt(seed: number, length: number): number[] {
  return count(seed * 10_000, length);
}

describe("token budget", () => {
  it("splits long prompts and shares the budget among them", () => {
    const scheduler = new Scheduler({
      numBlocks: 10_000,
      maxBatchedTokens: 1024,
      maxSequences: 16,
      longPrefillThreshold: 400,
    });
    for (const id of [0, 1, 2]) {
      scheduler.addRequest({ id: `${id}`, promptTokens: prompt(id, 800), maxTokens: 16 });
    }
    expect(tokensById(advance(scheduler))).toEqual({ 0: 400, 1: 400, 2: 224 });
    expect(tokensById(advance(scheduler))).toEqual({ 0: 400, 1: 400, 2: 224 });
    expect(tokensById(advance(scheduler))).toEqual({ 0: 1, 1: 1, 2: 352 });
  });

  it.each([
    { chunkedPrefill: true, admitted: { 0: 800, 1: 224 } },
    { chunkedPrefill: false, admitted: { 0: 800 } },
  ])("lets nothing overtake for want of budget: %o", ({ chunkedPrefill, admitted }) => {
    const scheduler = new Scheduler({
      numBlocks: 10_000,
      maxBatchedTokens: 1024,
      maxSequences: 3,
      chunkedPrefill,
    });
    [800, 800, 10, 10].forEach((length, id) => {
      scheduler.addRequest({ id: `${id}`, promptTokens: prompt(id, length), maxTokens: 16 });
    });
    expect(tokensById(scheduler.schedule())).toEqual(admitted);
  });
});

describe("priority", () => {
  it("runs the lowest values first", () => {
    const scheduler = new Scheduler({ numBlocks: 100, maxSequences: 2, policy: "priority" });
    [3, 1, 2, 0].forEach((priority, id) => {
      scheduler.addRequest({ id: `${id}`, promptTokens: prompt(id, 10), priority });
    });
    scheduler.schedule();
    expect(queues(scheduler)).toEqual({ running: ["3", "1"], waiting: ["2", "0"] });
  });

  it("breaks ties by arrival", () => {
    const scheduler = new Scheduler({ numBlocks: 100, policy: "priority" });
    [3, 1, 2].forEach((arrivalTime, id) => {
      scheduler.addRequest({ id: `${id}`, promptTokens: prompt(id, 10), arrivalTime });
    });
    scheduler.schedule();
    expect(queues(scheduler).running).toEqual(["1", "2", "0"]);
  });

  it("preempts the worst, even if it already had its share of the step", () => {
    const scheduler = new Scheduler({ numBlocks: 6, blockSize: 16, policy: "priority" });
    scheduler.addRequest({ id: "lo", promptTokens: prompt(1, 32), priority: 5, maxTokens: 16 });
    advance(scheduler);
    scheduler.addRequest({ id: "hi", promptTokens: prompt(2, 32), priority: 0, maxTokens: 16 });
    expect(tokensById(advance(scheduler))).toEqual({ lo: 1, hi: 32 });
    expect(scheduler.stats().numFreeBlocks).toBe(0);
    const step = scheduler.schedule();
    expect(tokensById(step)).toEqual({ hi: 1 });
    expect(step.preemptedIds).toEqual(["lo"]);
    expect(step.tokenIds).toHaveLength(1);
    expect(queues(scheduler)).toEqual({ running: ["hi"], waiting: ["lo"] });
  });

  it.each([
    { prefixCaching: false, recomputed: 32 },
    // The first block of the preempted request was not handed out again.
    { prefixCaching: true, recomputed: 16 },
  ])("computes a preempted request anew when it resumes: %o", ({ prefixCaching, recomputed }) => {
    const scheduler = new Scheduler({
      numBlocks: 5,
      blockSize: 16,
      policy: "priority",
      prefixCaching,
    });
    scheduler.addRequest({ id: "low", promptTokens: prompt(1, 30), priority: 1, maxTokens: 16 });
    advance(scheduler);
    scheduler.addRequest({ id: "high", promptTokens: prompt(2, 32), priority: 0, maxTokens: 16 });
    expect(tokensById(advance(scheduler))).toEqual({ low: 1, high: 32 });
    expect(advance(scheduler).preemptedIds).toEqual(["low"]);
    expect(scheduler.request("low")).toMatchObject({ status: "preempted", numTokens: 32 });
    expect(scheduler.abort("high", "stop")).toBe(true);
    const step = scheduler.schedule();
    expect(tokensById(step)).toEqual({ low: recomputed });
    expect(step.scheduled[0]).toMatchObject({ kind: "resumed", numLogitRows: 1, numSamples: 1 });
    expect(scheduler.request("low")).toMatchObject({ numOutputTokens: 2, numComputedTokens: 32 });
    expect(step.finishedIds).toEqual(["high"]);
  });
});

describe("stop conditions", () => {
  /** Verifies `output` in one step, as three drafts that were all accepted would. */
  function emit(
    output: readonly number[],
    options: Partial<Parameters<Scheduler["addRequest"]>[0]>,
  ) {
    const scheduler = new Scheduler({ numBlocks: 100, eosTokenIds: [99] });
    scheduler.addRequest({ id: "a", promptTokens: [1, 2, 3], ...options });
    advance(scheduler, 5);
    scheduler.setDraftTokens("a", output.slice(0, -1));
    const step = scheduler.schedule();
    expect(step.scheduled[0]?.draftTokens).toEqual(output.slice(0, -1));
    return scheduler.update(step, [output])[0];
  }

  it("cuts after a stop token and names it", () => {
    expect(emit([10, 42, 12], { stopTokenIds: [42] })).toMatchObject({
      newTokens: [10, 42],
      finishReason: "stop",
      stopReason: 42,
    });
  });

  it("cuts at the token limit", () => {
    const scheduler = new Scheduler({ numBlocks: 100 });
    scheduler.addRequest({ id: "a", promptTokens: [1, 2, 3], maxTokens: 2 });
    const outputs = [10, 11].map((token) => {
      const step = scheduler.schedule();
      return scheduler.update(step, sampleAll(step, token))[0];
    });
    expect(outputs.map((output) => output?.newTokens)).toEqual([[10], [11]]);
    expect(outputs.map((output) => output?.finishReason)).toEqual([undefined, "length"]);
    expect(scheduler.numUnfinishedRequests).toBe(0);
  });

  it("goes on after an end-of-sequence token that is to be ignored", () => {
    expect(emit([99, 12], {})).toMatchObject({ newTokens: [99], finishReason: "stop" });
    expect(emit([99, 12], { ignoreEos: true })).toMatchObject({
      newTokens: [99, 12],
      finishReason: undefined,
    });
  });

  it("goes on before the least number of tokens is reached", () => {
    // The first output token is 5, so 99 is the third.
    expect(emit([10, 99, 12], { minTokens: 5 })).toMatchObject({
      newTokens: [10, 99, 12],
      finishReason: undefined,
    });
    expect(emit([10, 99, 12], { minTokens: 3 })).toMatchObject({
      newTokens: [10, 99],
      finishReason: "stop",
    });
  });
});

describe("n-gram proposals", () => {
  it.each([
    { tokens: [1, 2, 3, 4, 1, 2, 3], minTokens: 2, maxTokens: 2, k: 3, drafts: [4, 1, 2] },
    {
      tokens: [2, 3, 4, 5, 1, 2, 3, 4, 1, 2, 3, 4],
      minTokens: 3,
      maxTokens: 4,
      k: 2,
      drafts: [1, 2],
    },
    { tokens: [1, 2, 8, 1, 2, 9, 1, 2], minTokens: 2, maxTokens: 2, k: 1, drafts: [8] },
    { tokens: [1, 2, 3, 4, 5], minTokens: 2, maxTokens: 4, k: 3, drafts: [] },
  ])("%o", ({ tokens, minTokens, maxTokens, k, drafts }) => {
    const proposer = new NgramProposer({ minTokens, maxTokens, numDraftTokens: k });
    expect(proposer.propose(tokens)).toEqual(drafts);
  });
});

describe("speculation", () => {
  it("takes blocks for lookahead slots", () => {
    const manager = new KvCacheManager({ numBlocks: 11, blockSize: 4 });
    const request = new Request({ id: "a", promptTokens: [1, 2, 3] });
    manager.allocate(request, 3, { numLookaheadTokens: 2 });
    expect(tableOf(request)).toHaveLength(2);
  });

  it("ignores drafts until the prompt is computed", () => {
    const scheduler = new Scheduler({ numBlocks: 100, maxBatchedTokens: 50, maxSequences: 16 });
    scheduler.addRequest({ id: "a", promptTokens: prompt(1, 80), maxTokens: 16 });
    const numScheduled = [];
    for (let step = 0; step < 3; step++) {
      numScheduled.push(advance(scheduler).numScheduledTokens);
      scheduler.setDraftTokens("a", [1, 2, 3]);
    }
    expect(numScheduled).toEqual([50, 30, 4]);
  });

  it("cuts drafts to what the request may still generate", () => {
    const scheduler = new Scheduler({ numBlocks: 100 });
    scheduler.addRequest({ id: "a", promptTokens: [1, 2, 3], maxTokens: 4 });
    advance(scheduler);
    scheduler.setDraftTokens("a", [7, 7, 7, 7]);
    // One token is out; of three more the last is sampled, not proposed.
    expect(scheduler.request("a")?.draftTokens).toEqual([7, 7]);
    const step = scheduler.schedule();
    expect(scheduler.update(step, [[7, 7, 7]])[0]?.finishReason).toBe("length");
  });

  it("makes no block findable whose tokens are only proposed", () => {
    const scheduler = new Scheduler({ numBlocks: 100, blockSize: 4 });
    scheduler.addRequest({ id: "a", promptTokens: [1, 2, 3, 4, 5], maxTokens: 16 });
    advance(scheduler, 6);
    scheduler.setDraftTokens("a", [7, 8, 9]);
    const step = scheduler.schedule();
    expect(scheduler.stats().numCachedBlocks).toBe(1);
    scheduler.update(step, [[7, 8, 1]]);
    advance(scheduler);
    expect(scheduler.stats().numCachedBlocks).toBe(2);
    scheduler.addRequest({ id: "b", promptTokens: [1, 2, 3, 4, 5, 6, 7, 8, 50] });
    advance(scheduler);
    expect(scheduler.request("b")?.numCachedTokens).toBe(8);
  });

  it("rolls rejected drafts back and counts the accepted ones", () => {
    const scheduler = new Scheduler({ numBlocks: 100 });
    scheduler.addRequest({ id: "a", promptTokens: [7, 8, 9], maxTokens: 16 });
    advance(scheduler, 6);
    scheduler.setDraftTokens("a", [1, 2, 3]);
    const step = scheduler.schedule();
    expect(step.scheduled[0]).toMatchObject({ numScheduledTokens: 4, numLogitRows: 4 });
    expect([...step.tokenIds]).toEqual([6, 1, 2, 3]);
    expect([...step.logitRows]).toEqual([0, 1, 2, 3]);
    expect(scheduler.request("a")?.numComputedTokens).toBe(7);
    const [output] = scheduler.update(step, [[1, 5]]);
    expect(output?.newTokens).toEqual([1, 5]);
    expect(scheduler.request("a")?.numComputedTokens).toBe(7 - 2);
    expect(scheduler.stats().speculation).toEqual({
      numDrafts: 1,
      numDraftTokens: 3,
      numAcceptedTokens: 1,
      numAcceptedPerPosition: [1, 0, 0],
    });
    const next = scheduler.schedule();
    expect([...next.tokenIds]).toEqual([5]);
    expect([...next.positions]).toEqual([5]);
  });
});
