import { describe, expect, it } from "vitest";
import {
  DuplicateRequestError,
  InvalidArgumentError,
  type PagedSchedulerError,
  RequestTooLongError,
  Scheduler,
  type SchedulerOptions,
  StepOrderError,
  UnknownRequestError,
} from "../src/index";
import { advance, queues, sampleAll, tokensById } from "./support/drive";
import { count } from "./support/sequence";

function prompt(seed: number, length: number): number[] {
  return count(seed * 10_000, length);
}

function caught(action: () => unknown): PagedSchedulerError {
  try {
    action();
  } catch (error) {
    return error as PagedSchedulerError;
  }
  throw new Error("nothing was thrown");
}

describe("requests that could never run", () => {
  it("are refused when they are submitted", () => {
    // Four usable blocks of 16 hold 64 tokens; a last token is never computed.
    const scheduler = new Scheduler({ numBlocks: 5, blockSize: 16 });
    expect(scheduler.maxModelLength).toBe(65);
    scheduler.addRequest({ id: "fits", promptTokens: prompt(1, 60), maxTokens: 5 });
    const error = caught(() =>
      scheduler.addRequest({ id: "a", promptTokens: prompt(1, 60), maxTokens: 6 }),
    );
    expect(error).toBeInstanceOf(RequestTooLongError);
    expect(error).toMatchObject({
      code: "REQUEST_TOO_LONG",
      details: { id: "a", numPromptTokens: 60, maxTokens: 6, maxModelLength: 65 },
    });
    expect(Symbol.for("@x/error") in error).toBe(true);
    expect(() => scheduler.addRequest({ id: "b", promptTokens: prompt(1, 65) })).toThrow(
      RequestTooLongError,
    );
    expect(scheduler.numUnfinishedRequests).toBe(1);
    for (let step = 0; step < 5; step++) advance(scheduler);
    expect(scheduler.numUnfinishedRequests).toBe(0);
  });

  it("include those longer than the model, the prompt of exactly its length too", () => {
    const scheduler = new Scheduler({ numBlocks: 100, maxModelLength: 20 });
    expect(() => scheduler.addRequest({ id: "a", promptTokens: prompt(1, 20) })).toThrow(
      RequestTooLongError,
    );
    scheduler.addRequest({ id: "b", promptTokens: prompt(1, 18) });
    expect(scheduler.update(scheduler.schedule(), [[5]])[0]?.finishReason).toBeUndefined();
    expect(scheduler.update(scheduler.schedule(), [[5]])[0]?.finishReason).toBe("length");
  });

  it("include prompts that never fit in one step when they may not be split", () => {
    const options = { numBlocks: 100, maxBatchedTokens: 32, maxSequences: 4 };
    const scheduler = new Scheduler({ ...options, chunkedPrefill: false });
    expect(scheduler.maxModelLength).toBe(33);
    expect(() => scheduler.addRequest({ id: "a", promptTokens: prompt(1, 40) })).toThrow(
      RequestTooLongError,
    );
    expect(new Scheduler(options).maxModelLength).toBe(99 * 16 + 1);
  });

  it("do not include long sequences whose window forgets", () => {
    const scheduler = new Scheduler({
      numBlocks: 8,
      blockSize: 4,
      maxBatchedTokens: 8,
      maxSequences: 2,
      groups: [{ kind: "sliding-window", window: 8 }],
    });
    scheduler.addRequest({ id: "a", promptTokens: prompt(1, 500), maxTokens: 100 });
    let mostUsed = 0;
    while (scheduler.numUnfinishedRequests > 0) {
      advance(scheduler);
      mostUsed = Math.max(mostUsed, 7 - scheduler.stats().numFreeBlocks);
    }
    expect(mostUsed).toBeLessThanOrEqual(5);
  });
});

describe("arguments", () => {
  const bad: Partial<SchedulerOptions>[] = [
    { numBlocks: 1 },
    { blockSize: 0 },
    { blockSize: 1.5 },
    { maxSequences: 0 },
    { maxSequences: 10, maxBatchedTokens: 9 },
    { longPrefillThreshold: -1 },
    { chunkedPrefill: false, longPrefillThreshold: 4 },
    { watermark: 1 },
    { maxSkipAhead: -1 },
    { numLookaheadTokens: 0.5 },
    { groups: [] },
    { groups: [{ kind: "sliding-window", window: 0 }] },
    { maxModelLength: 1 },
    { maxModelLength: 2000 },
  ];
  it.each(bad)("are refused: %o", (options) => {
    const error = caught(() => new Scheduler({ numBlocks: 100, ...options }));
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect(error.code).toBe("INVALID_ARGUMENT");
    expect(error.message).not.toContain("\n");
  });

  it.each([
    { promptTokens: [] },
    { promptTokens: [1, -1] },
    { promptTokens: [1.5] },
    { promptTokens: [2 ** 31] },
    { promptTokens: [Number.NaN] },
    { promptTokens: [1], maxTokens: 0 },
    { promptTokens: [1], minTokens: 5, maxTokens: 4 },
    { promptTokens: [1], n: 0 },
  ])("of a request are refused: %o", (options) => {
    const scheduler = new Scheduler({ numBlocks: 100 });
    expect(() => scheduler.addRequest({ id: "a", ...options })).toThrow(InvalidArgumentError);
    expect(scheduler.numUnfinishedRequests).toBe(0);
  });

  it("include ids, which live requests do not share", () => {
    const scheduler = new Scheduler({ numBlocks: 100 });
    scheduler.addRequest({ id: "a", promptTokens: [1], n: 2 });
    expect(() => scheduler.addRequest({ id: "a", promptTokens: [1] })).toThrow(
      DuplicateRequestError,
    );
    expect(() => scheduler.addRequest({ id: "a#1", promptTokens: [1] })).toThrow(
      DuplicateRequestError,
    );
    expect(() => scheduler.grammarReady("b")).toThrow(UnknownRequestError);
    expect(scheduler.abort("b")).toBe(false);
    expect(scheduler.abort("a")).toBe(true);
    scheduler.addRequest({ id: "a#1", promptTokens: [1] });
  });

  it("include the results of a step, which change nothing when they do not fit", () => {
    const scheduler = new Scheduler({ numBlocks: 100 });
    scheduler.addRequest({ id: "a", promptTokens: [1, 2] });
    const step = scheduler.schedule();
    expect(() => scheduler.schedule()).toThrow(StepOrderError);
    for (const sampled of [[], [[]], [[1, 2]], [[-1]], [[1], [1]]]) {
      expect(() => scheduler.update(step, sampled)).toThrow(InvalidArgumentError);
    }
    expect(() => scheduler.update({ ...step }, [[1]])).toThrow(StepOrderError);
    scheduler.update(step, [[9]]);
    expect(() => scheduler.update(step, [[9]])).toThrow(StepOrderError);
    scheduler.setDraftTokens("a", [5, 6]);
    const verification = scheduler.schedule();
    expect(() => scheduler.setDraftTokens("a", [5])).toThrow(StepOrderError);
    expect(() => scheduler.fork("a", { id: "b" })).toThrow(StepOrderError);
    expect(() => scheduler.resetPrefixCache({ preemptRunning: true })).toThrow(StepOrderError);
    // 7 is not the first draft, so nothing after it can have been accepted.
    expect(() => scheduler.update(verification, [[7, 6]])).toThrow(InvalidArgumentError);
    expect(scheduler.update(verification, [[7]])[0]?.newTokens).toEqual([7]);
    expect([...scheduler.request("a")!.tokens]).toEqual([1, 2, 9, 7]);
  });
});

describe("admission", () => {
  it("waits until the whole prompt fits, unless told otherwise", () => {
    const admitted = (reserveFullPrompt: boolean) => {
      const scheduler = new Scheduler({
        numBlocks: 11,
        maxBatchedTokens: 32,
        maxSequences: 4,
        reserveFullPrompt,
      });
      scheduler.addRequest({ id: "a", promptTokens: prompt(1, 96), maxTokens: 1 });
      advance(scheduler);
      advance(scheduler);
      advance(scheduler);
      scheduler.addRequest({ id: "b", promptTokens: prompt(2, 20), maxTokens: 100 });
      advance(scheduler);
      scheduler.addRequest({ id: "c", promptTokens: prompt(3, 144), maxTokens: 1 });
      return tokensById(scheduler.schedule());
    };
    expect(admitted(true)).toEqual({ b: 1 });
    expect(admitted(false)).toEqual({ b: 1, c: 31 });
  });

  it("leaves the watermark free, but not when nothing runs", () => {
    const scheduler = new Scheduler({ numBlocks: 11, blockSize: 16, watermark: 0.3 });
    scheduler.addRequest({ id: "a", promptTokens: prompt(1, 128), maxTokens: 3 });
    scheduler.addRequest({ id: "b", promptTokens: prompt(2, 16), maxTokens: 3 });
    expect(tokensById(advance(scheduler))).toEqual({ a: 128 });
    expect(tokensById(advance(scheduler))).toEqual({ a: 1 });
    expect(tokensById(advance(scheduler))).toEqual({ a: 1 });
    expect(tokensById(advance(scheduler))).toEqual({ b: 16 });
  });

  it("holds a request back until its grammar is ready, and keeps its place", () => {
    const scheduler = new Scheduler({ numBlocks: 100, maxSequences: 1 });
    scheduler.addRequest({ id: "a", promptTokens: [1], maxTokens: 2, waitForGrammar: true });
    scheduler.addRequest({ id: "b", promptTokens: [2], maxTokens: 2, waitForGrammar: true });
    scheduler.addRequest({ id: "c", promptTokens: [3], maxTokens: 2 });
    scheduler.addRequest({ id: "d", promptTokens: [4], maxTokens: 1 });
    expect(tokensById(advance(scheduler))).toEqual({ c: 1 });
    scheduler.grammarReady("a");
    scheduler.grammarReady("a");
    expect(scheduler.abort("b", "error")).toBe(true);
    advance(scheduler);
    expect(tokensById(advance(scheduler))).toEqual({ a: 1 });
    expect(scheduler.stats().numFinished).toEqual({ stop: 0, length: 1, abort: 0, error: 1 });
    expect(queues(scheduler).waiting).toEqual(["d"]);
  });

  it("gives an empty step when there is nothing to do", () => {
    const scheduler = new Scheduler({ numBlocks: 100, groups: [{ kind: "full-attention" }] });
    const step = scheduler.schedule();
    expect(step).toMatchObject({ scheduled: [], numScheduledTokens: 0, copies: [] });
    expect(step.slotMappings.map((slots) => slots.length)).toEqual([0]);
    expect(scheduler.update(step, [])).toEqual([]);
  });
});

describe("a request too large for the free blocks", () => {
  /** Small requests arrive all the time; in how many steps does the huge one run? */
  function stepsUntilHuge(maxSkipAhead: number, numSteps: number) {
    const scheduler = new Scheduler({ numBlocks: 9, blockSize: 4, maxSequences: 4, maxSkipAhead });
    const add = (id: string) =>
      scheduler.addRequest({ id, promptTokens: prompt(id.length, 4), maxTokens: 4 });
    let numSmallDone = 0;
    add("s0");
    add("s1");
    advance(scheduler);
    scheduler.addRequest({ id: "huge", promptTokens: prompt(9, 30), maxTokens: 2 });
    for (let step = 1; step <= numSteps; step++) {
      add(`s${step + 1}`);
      const output = scheduler.schedule();
      numSmallDone += scheduler
        .update(output, sampleAll(output))
        .filter(({ finishReason }) => finishReason).length;
      if ("huge" in tokensById(output)) return { step, numSmallDone };
    }
    return { step: undefined, numSmallDone };
  }

  it("is overtaken by no more small ones than allowed", () => {
    // Each of at most four running and five overtaking requests needs four steps.
    const { step, numSmallDone } = stepsUntilHuge(5, 100);
    expect(step).toBeLessThanOrEqual((4 + 5) * 4);
    expect(numSmallDone).toBe(2 + 5);
    expect(stepsUntilHuge(0, 100)).toEqual({ step: 4, numSmallDone: 2 });
  });

  it("would wait for ever if there were no limit", () => {
    expect(stepsUntilHuge(10_000, 500).step).toBeUndefined();
  });
});

describe("abort", () => {
  it("frees at once while the model runs, and the late result is ignored", () => {
    const scheduler = new Scheduler({ numBlocks: 20 });
    scheduler.addRequest({ id: "a", promptTokens: prompt(1, 20), maxTokens: 1 });
    scheduler.addRequest({ id: "b", promptTokens: prompt(2, 20), maxTokens: 2 });
    const step = scheduler.schedule();
    scheduler.abort("a");
    expect(scheduler.stats().numFreeBlocks).toBe(17);
    // The id may be used again at once; the result is not for this request.
    scheduler.addRequest({ id: "a", promptTokens: prompt(3, 5), maxTokens: 2 });
    expect(scheduler.update(step, [[7], [8]]).map(({ id }) => id)).toEqual(["b"]);
    expect(scheduler.request("a")).toMatchObject({ status: "waiting", numTokens: 5 });
    const next = scheduler.schedule();
    expect(next.finishedIds).toEqual(["a"]);
    expect(tokensById(next)).toEqual({ b: 1, a: 5 });
    expect(scheduler.stats().numFinished).toMatchObject({ abort: 1, length: 0 });
  });

  it("works on waiting requests", () => {
    const scheduler = new Scheduler({ numBlocks: 20, maxSequences: 1 });
    for (const id of ["a", "b", "c"]) scheduler.addRequest({ id, promptTokens: [1] });
    scheduler.abort("b");
    advance(scheduler);
    expect(queues(scheduler)).toEqual({ running: ["a"], waiting: ["c"] });
  });
});

describe("preemption", () => {
  function twoRunning(options: Partial<SchedulerOptions>) {
    const scheduler = new Scheduler({ numBlocks: 5, blockSize: 4, ...options });
    scheduler.addRequest({ id: "a", promptTokens: prompt(1, 8), maxTokens: 8 });
    scheduler.addRequest({ id: "b", promptTokens: prompt(2, 8), maxTokens: 8 });
    scheduler.addRequest({ id: "c", promptTokens: prompt(3, 1), maxTokens: 1 });
    advance(scheduler);
    return scheduler;
  }

  it("takes the last to arrive, and admits nobody in that step", () => {
    const scheduler = twoRunning({});
    const step = advance(scheduler);
    expect(step.preemptedIds).toEqual(["b"]);
    expect(tokensById(step)).toEqual({ a: 1 });
    expect(queues(scheduler)).toEqual({ running: ["a"], waiting: ["b", "c"] });
    expect(scheduler.stats().numPreemptions).toBe(1);
    expect(scheduler.request("b")).toMatchObject({ numPreemptions: 1, numComputedTokens: 0 });
  });

  it("leaves out nobody who stands behind the victim", () => {
    const scheduler = new Scheduler({
      numBlocks: 7,
      blockSize: 4,
      selectVictim: ({ running }) => running[0]!,
    });
    for (const [id, length] of Object.entries({ a: 5, b: 8, c: 6 })) {
      scheduler.addRequest({ id, promptTokens: prompt(length, length), maxTokens: 8 });
    }
    advance(scheduler);
    const step = advance(scheduler);
    expect(step.preemptedIds).toEqual(["a"]);
    expect(tokensById(step)).toEqual({ b: 1, c: 1 });
  });

  it("takes whom the rule chooses", () => {
    const scheduler = twoRunning({
      selectVictim: ({ running, needing }) =>
        running.find((request) => request !== needing) ?? needing,
    });
    const step = advance(scheduler);
    expect(step.preemptedIds).toEqual(["b"]);
    const first = twoRunning({ selectVictim: ({ running }) => running[0]! });
    const other = advance(first);
    expect(other.preemptedIds).toEqual(["a"]);
    expect(tokensById(other)).toEqual({ b: 1 });
  });

  it("refuses a rule that chooses somebody else", () => {
    const scheduler = twoRunning({ selectVictim: () => scheduler.request("c")! });
    expect(() => scheduler.schedule()).toThrow(InvalidArgumentError);
  });

  it("gives the same steps for the same calls", () => {
    const trace = () => {
      const scheduler = twoRunning({});
      const steps: string[] = [];
      while (scheduler.numUnfinishedRequests > 0) {
        const { request: _, ...step } = { ...advance(scheduler), request: 0 };
        const scheduled = step.scheduled.map(({ request: __, ...entry }) => entry);
        steps.push(JSON.stringify({ ...step, scheduled }));
      }
      return steps;
    };
    expect(trace()).toEqual(trace());
  });
});

describe("a step that failed", () => {
  it("is computed anew, and nothing that it was to fill is found", () => {
    const scheduler = new Scheduler({ numBlocks: 20, blockSize: 4 });
    scheduler.addRequest({ id: "a", promptTokens: prompt(1, 9), maxTokens: 3 });
    scheduler.addRequest({ id: "b", promptTokens: prompt(1, 10), maxTokens: 3 });
    const step = scheduler.schedule();
    expect(tokensById(step)).toEqual({ a: 9, b: 2 });
    scheduler.discard(step);
    expect(scheduler.stats()).toMatchObject({ numFreeBlocks: 19, numCachedBlocks: 0 });
    scheduler.abort("a", "error");
    const again = scheduler.schedule();
    expect(tokensById(again)).toEqual({ b: 10 });
    expect(again.scheduled[0]?.kind).toBe("resumed");
    expect(scheduler.stats().numPreemptions).toBe(0);
  });

  it("keeps what earlier steps computed", () => {
    const scheduler = new Scheduler({ numBlocks: 20, blockSize: 4 });
    scheduler.addRequest({ id: "a", promptTokens: prompt(1, 9), maxTokens: 3 });
    advance(scheduler);
    scheduler.discard(scheduler.schedule());
    expect(tokensById(scheduler.schedule())).toEqual({ a: 2 });
  });
});

describe("the prefix cache", () => {
  it("is reset with running requests when they may be preempted", () => {
    const scheduler = new Scheduler({ numBlocks: 20, blockSize: 4 });
    scheduler.addRequest({ id: "a", promptTokens: prompt(1, 9), maxTokens: 3 });
    advance(scheduler);
    expect(scheduler.resetPrefixCache()).toBe(false);
    expect(scheduler.resetPrefixCache({ preemptRunning: true })).toBe(true);
    expect(scheduler.stats()).toMatchObject({ numFreeBlocks: 19, numCachedBlocks: 0 });
    expect(tokensById(advance(scheduler))).toEqual({ a: 10 });
  });

  it("counts a request once, at its first admission", () => {
    const scheduler = new Scheduler({ numBlocks: 5, blockSize: 4 });
    scheduler.addRequest({ id: "a", promptTokens: prompt(1, 8), maxTokens: 8 });
    scheduler.addRequest({ id: "b", promptTokens: prompt(1, 8), maxTokens: 8 });
    while (scheduler.numUnfinishedRequests > 0) advance(scheduler);
    const stats = scheduler.stats();
    expect(stats.numPreemptions).toBeGreaterThan(0);
    expect(stats).toMatchObject({
      numPromptTokens: 16,
      prefixCacheQueries: 16,
      prefixCacheHits: 4,
      prefixCacheHitRate: 0.25,
      numGeneratedTokens: 16,
    });
  });
});
