import { describe, expect, it } from "vitest";
import { InvalidArgumentError, Scheduler } from "../src/index";
import { advance, queues, sampleAll, tokensById } from "./support/drive";
import { count } from "./support/sequence";

function running(numTokens: number, options: { maxSequences?: number; numBlocks?: number } = {}) {
  const scheduler = new Scheduler({ numBlocks: 30, blockSize: 4, ...options });
  scheduler.addRequest({ id: "a", promptTokens: count(1, numTokens), maxTokens: 10 });
  advance(scheduler);
  return scheduler;
}

describe("fork", () => {
  it("shares every block, and copies the last one when either writes to it", () => {
    const scheduler = running(6);
    scheduler.fork("a", { id: "b", numTokens: 6, append: [9] });
    const { running: requests } = scheduler.snapshot();
    expect(requests.map(({ blockTables }) => blockTables[0])).toEqual([
      [1, 2],
      [1, 2],
    ]);
    const step = scheduler.schedule();
    expect(step.copies).toEqual([{ group: 0, source: 2, destination: 3 }]);
    expect(step.scheduled.map(({ kind }) => kind)).toEqual(["running", "new"]);
    expect(step.scheduled.map(({ blockTables }) => [...blockTables[0]!])).toEqual([
      [1, 3],
      [1, 2],
    ]);
    expect([...step.slotMappings[0]!]).toEqual([3 * 4 + 2, 2 * 4 + 2]);
    expect([...step.tokenIds]).toEqual([7, 9]);
    scheduler.update(step, sampleAll(step));
    expect(advance(scheduler).copies).toEqual([]);
    expect(scheduler.stats().numFreeBlocks).toBe(29 - 3);
  });

  it("copies nothing at a block boundary", () => {
    const scheduler = running(8);
    scheduler.fork("a", { id: "b" });
    const step = scheduler.schedule();
    expect(step.copies).toEqual([]);
    expect(step.scheduled.map(({ blockTables }) => [...blockTables[0]!])).toEqual([
      [1, 2, 3],
      [1, 2, 4],
    ]);
  });

  it("does not overwrite what the parent had cached when it goes back into a full block", () => {
    const scheduler = running(6);
    advance(scheduler, 21);
    advance(scheduler, 22);
    advance(scheduler, 23);
    // The parent has 10 tokens, of which 9 are computed: its second block is full and findable.
    scheduler.fork("a", { id: "b", numTokens: 7, append: [99] });
    expect(scheduler.abort("a")).toBe(true);
    const numCached = scheduler.stats().numCachedBlocks;
    const step = advance(scheduler);
    // Nobody else holds the block any more, so it is taken out of the cache rather than copied.
    expect(step.copies).toEqual([]);
    expect(scheduler.stats().numCachedBlocks).toBe(numCached - 1 + 1);
    scheduler.addRequest({ id: "c", promptTokens: [...count(1, 6), 7, 21, 1, 1] });
    advance(scheduler);
    expect(scheduler.request("c")?.numCachedTokens).toBe(4);
  });

  it("waits when there is no seat, and finds the prefix in the cache", () => {
    const scheduler = running(9, { maxSequences: 1 });
    scheduler.fork("a", { id: "b", append: [50] });
    expect(queues(scheduler)).toEqual({ running: ["a"], waiting: ["b"] });
    scheduler.abort("a");
    expect(tokensById(advance(scheduler))).toEqual({ b: 3 });
  });

  it("refuses tokens that the parent does not have or that leave nothing to do", () => {
    const scheduler = running(6);
    for (const options of [
      { numTokens: 5 },
      { numTokens: 8 },
      { append: [-1] },
      { append: count(1, 9) },
    ]) {
      expect(() => scheduler.fork("a", { id: "b", ...options })).toThrow(InvalidArgumentError);
    }
    expect(scheduler.numUnfinishedRequests).toBe(1);
  });
});

describe("several outputs of one prompt", () => {
  function sampled(n: number, maxSequences = 8) {
    const scheduler = new Scheduler({
      numBlocks: 30,
      blockSize: 4,
      maxSequences,
      eosTokenIds: [99],
    });
    scheduler.addRequest({ id: "a", promptTokens: count(1, 6), maxTokens: 3, n });
    const step = scheduler.schedule();
    expect(step.scheduled[0]).toMatchObject({ numLogitRows: 1, numSamples: n });
    return { scheduler, step };
  }

  it("are sampled from one row of logits and share the prompt's blocks", () => {
    const { scheduler, step } = sampled(3);
    const outputs = scheduler.update(step, [[10, 11, 12]]);
    expect(outputs.map(({ id, parentId, newTokens }) => [id, parentId, newTokens])).toEqual([
      ["a#1", "a", [11]],
      ["a#2", "a", [12]],
      ["a", undefined, [10]],
    ]);
    expect(scheduler.stats().numFreeBlocks).toBe(29 - 2);
    const next = scheduler.schedule();
    expect(next.copies).toHaveLength(2);
    expect([...next.tokenIds]).toEqual([10, 11, 12]);
    expect(next.scheduled.every(({ numSamples }) => numSamples === 1)).toBe(true);
    scheduler.update(next, sampleAll(next));
    expect(scheduler.stats().numFreeBlocks).toBe(29 - 4);
    advance(scheduler);
    expect(scheduler.numUnfinishedRequests).toBe(0);
    expect(scheduler.stats()).toMatchObject({ numFreeBlocks: 29, numPromptTokens: 6 });
  });

  it("may end with their first token, each by itself", () => {
    const { scheduler, step } = sampled(3);
    const outputs = scheduler.update(step, [[99, 11, 99]]);
    expect(outputs.map(({ id, finishReason }) => [id, finishReason])).toEqual([
      ["a#1", undefined],
      ["a#2", "stop"],
      ["a", "stop"],
    ]);
    expect(tokensById(scheduler.schedule())).toEqual({ "a#1": 1 });
  });

  it("wait for a seat when there is none", () => {
    const { scheduler, step } = sampled(3, 2);
    scheduler.update(step, [[10, 11, 12]]);
    expect(queues(scheduler)).toEqual({ running: ["a", "a#1"], waiting: ["a#2"] });
    while (scheduler.numUnfinishedRequests > 0) advance(scheduler);
    expect(scheduler.stats().numGeneratedTokens).toBe(9);
  });

  it("end together when the request is aborted, in any state", () => {
    const { scheduler, step } = sampled(4, 2);
    scheduler.update(step, [[10, 11, 12, 99]]);
    scheduler.abort("a#1");
    expect(scheduler.numUnfinishedRequests).toBe(2);
    advance(scheduler);
    expect(scheduler.abort("a")).toBe(true);
    expect(scheduler.numUnfinishedRequests).toBe(0);
    expect(scheduler.stats().numFreeBlocks).toBe(29);
    expect(scheduler.abort("a")).toBe(false);
    scheduler.addRequest({ id: "a#1", promptTokens: [1] });
  });
});

/** A bigram model: the logarithm of the probability of `next` after `token`. */
function score(token: number, next: number): number {
  return -1 - ((token * 7 + next * 13) % 11) / 3;
}

describe("beam search", () => {
  const width = 3;
  const length = 6;
  const vocabulary = 9;
  const candidates = (token: number) =>
    Array.from({ length: vocabulary }, (_, next) => ({ next, score: score(token, next) }));

  interface Beam {
    readonly tokens: number[];
    readonly score: number;
  }

  /** The plain algorithm: every beam is a list of its own. */
  function reference(prompt: readonly number[]): Beam[] {
    let beams: Beam[] = [{ tokens: [...prompt], score: 0 }];
    for (let step = 0; step < length; step++) {
      beams = beams
        .flatMap((beam) =>
          candidates(beam.tokens.at(-1)!).map(({ next, score: gain }) => ({
            tokens: [...beam.tokens, next],
            score: beam.score + gain,
          })),
        )
        .sort(compare)
        .slice(0, width);
    }
    return beams;
  }

  function compare(first: Beam, second: Beam): number {
    return second.score - first.score || (first.tokens.join() < second.tokens.join() ? -1 : 1);
  }

  it("works by fork and abort, as the plain algorithm does", () => {
    const prompt = count(1, 5);
    const scheduler = new Scheduler({ numBlocks: 40, blockSize: 2 });
    scheduler.addRequest({ id: "0", promptTokens: prompt, maxTokens: length + 1 });
    let beams = new Map([["0", { tokens: prompt, score: 0 } as Beam]]);
    let serial = 1;
    let numCopies = 0;
    for (let step = 0; step < length; step++) {
      const output = scheduler.schedule();
      numCopies += output.copies.length;
      const extended = output.scheduled.flatMap(({ id }) => {
        const beam = beams.get(id)!;
        return candidates(beam.tokens.at(-1)!).map(({ next, score: gain }) => ({
          parent: id,
          next,
          beam: { tokens: [...beam.tokens, next], score: beam.score + gain },
        }));
      });
      const best = extended.sort((a, b) => compare(a.beam, b.beam)).slice(0, width);
      // Each beam goes on with its best continuation; the others fork off before that token.
      const own = new Map<string, (typeof best)[number]>();
      for (const candidate of best) {
        if (!own.has(candidate.parent)) own.set(candidate.parent, candidate);
      }
      const tokens = output.scheduled.map(({ id }) => [own.get(id)?.next ?? 0]);
      scheduler.update(output, tokens);
      const survivors = new Map<string, Beam>();
      for (const candidate of best) {
        if (own.get(candidate.parent) === candidate) {
          survivors.set(candidate.parent, candidate.beam);
          continue;
        }
        const id = `${serial++}`;
        const numTokens = candidate.beam.tokens.length - 1;
        scheduler.fork(candidate.parent, { id, numTokens, append: [candidate.next] });
        survivors.set(id, candidate.beam);
      }
      for (const { id } of output.scheduled) if (!own.has(id)) scheduler.abort(id);
      beams = survivors;
    }
    for (const [id, beam] of beams) expect([...scheduler.request(id)!.tokens]).toEqual(beam.tokens);
    expect([...beams.values()].sort(compare)).toEqual(reference(prompt));
    expect(numCopies).toBeGreaterThan(0);
    for (const id of beams.keys()) scheduler.abort(id);
    expect(scheduler.stats().numFreeBlocks).toBe(39);
  });
});
