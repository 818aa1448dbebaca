import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  BuddyAllocator,
  linearCost,
  publishedLengths,
  type SimulationOptions,
  simulate,
  synthesizeTrace,
} from "../src/simulator/index";

describe("buddy allocator", () => {
  it("splits and joins", () => {
    const memory = new BuddyAllocator(16);
    expect(memory.allocate(3)).toBe(0);
    expect(memory.allocate(2)).toBe(4);
    expect(memory.allocate(5)).toBe(8);
    expect(memory.allocate(4)).toBeUndefined();
    expect(memory.allocate(1)).toBe(6);
    expect(memory.numAllocated).toBe(4 + 2 + 8 + 1);
    for (const start of [0, 8, 6, 4]) memory.free(start);
    expect(memory.numAllocated).toBe(0);
    expect(memory.allocate(16)).toBe(0);
    expect(new BuddyAllocator(31).size).toBe(16);
  });

  it("never hands out a slot twice, and refuses only when no such run is free", () => {
    const operation = fc.record({ size: fc.integer({ min: 1, max: 20 }), release: fc.boolean() });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
        const memory = new BuddyAllocator(64);
        const runs: { start: number; size: number }[] = [];
        for (const { size, release } of operations) {
          const rounded = 2 ** Math.ceil(Math.log2(size));
          if (release && runs.length > 0) {
            memory.free(runs.splice(size % runs.length, 1)[0]!.start);
          } else {
            const owner = new Array<boolean>(64).fill(false);
            for (const run of runs) owner.fill(true, run.start, run.start + run.size);
            const start = memory.allocate(size);
            const aligned = Array.from({ length: 64 / rounded }, (_, index) => index * rounded);
            const free = aligned.filter((at) => !owner.slice(at, at + rounded).includes(true));
            expect(start === undefined).toBe(free.length === 0);
            if (start === undefined) continue;
            expect(free).toContain(start);
            runs.push({ start, size: rounded });
          }
          expect(memory.numAllocated).toBe(runs.reduce((sum, run) => sum + run.size, 0));
        }
      }),
      { seed: 3 },
    );
  });
});

describe("synthetic traces", () => {
  it.each(Object.entries(publishedLengths))("have the published means: %s", (_, lengths) => {
    const numRequests = 20_000;
    const trace = synthesizeTrace({ numRequests, lengths, requestRate: 5, seed: 1 });
    const mean = (value: (index: number) => number) =>
      trace.reduce((sum, _request, index) => sum + value(index), 0) / numRequests;
    // The cut to 2048 tokens takes a little off the longest.
    expect(mean((index) => trace[index]!.promptLength) / lengths.meanPrompt).toBeCloseTo(1, 1);
    expect(mean((index) => trace[index]!.outputLengths[0]!) / lengths.meanOutput).toBeCloseTo(1, 1);
    expect(trace.at(-1)!.arrivalTime / numRequests).toBeCloseTo(1 / 5, 2);
    for (const { promptLength, outputLengths } of trace) {
      expect(promptLength).toBeGreaterThanOrEqual(1);
      expect(outputLengths[0]).toBeGreaterThanOrEqual(1);
      expect(promptLength + outputLengths[0]!).toBeLessThanOrEqual(2048);
    }
  });

  it("are equal for equal seeds only", () => {
    const trace = (seed: number) =>
      JSON.stringify(synthesizeTrace({ numRequests: 9, lengths: publishedLengths.alpaca, seed }));
    expect(trace(1)).toBe(trace(1));
    expect(trace(1)).not.toBe(trace(2));
  });
});

describe("memory use at saturation", () => {
  const trace = synthesizeTrace({ numRequests: 600, lengths: publishedLengths.shareGpt });
  const run = (options: SimulationOptions) => simulate(trace, { maxSteps: 1500, ...options });
  const paged = run({ memory: "paged" });
  const oracle = run({ memory: "oracle" });
  const powerOfTwo = run({ memory: "power-of-two" });
  const max = run({ memory: "max" });

  it("is useful to at least 96 % with blocks of 16, and to 20 to 40 % with reservations", () => {
    expect(paged.saturated.usefulShare).toBeGreaterThanOrEqual(0.96);
    expect(max.saturated.usefulShare).toBeGreaterThan(0.15);
    expect(powerOfTwo.saturated.usefulShare).toBeGreaterThan(max.saturated.usefulShare);
    expect(oracle.saturated.usefulShare).toBeGreaterThan(powerOfTwo.saturated.usefulShare);
    expect(oracle.saturated.usefulShare).toBeLessThan(0.42);
  });

  it("lets twice as many requests run as the oracle and four times as many as the maximum", () => {
    expect(paged.saturated.numRunning / oracle.saturated.numRunning).toBeGreaterThanOrEqual(2);
    expect(paged.saturated.numRunning / max.saturated.numRunning).toBeGreaterThanOrEqual(4);
    expect(paged.numStarted / oracle.numStarted).toBeGreaterThanOrEqual(2);
    // A reservation of 2048 of 16,384 slots leaves room for eight.
    expect(max.saturated.numRunning).toBeLessThanOrEqual(8);
  });

  it("falls with the block size", () => {
    const shares = [4, 16, 64, 256].map(
      (blockSize) => run({ memory: "paged", scheduler: { blockSize } }).saturated.usefulShare,
    );
    expect([...shares].sort((a, b) => b - a)).toEqual(shares);
    expect(shares.at(-1)).toBeLessThan(0.85);
  });

  it("is less thrashed with a watermark", () => {
    const careful = run({ memory: "paged", scheduler: { watermark: 0.05 } });
    expect(careful.numPreemptions).toBeLessThan(paged.numPreemptions / 4);
    expect(careful.numRecomputedTokens).toBeLessThan(paged.numRecomputedTokens / 4);
    expect(careful.saturated.usefulShare).toBeGreaterThan(0.9);
  });
});

describe("sharing", () => {
  const saving = (name: keyof typeof publishedLengths, n: number) => {
    const trace = synthesizeTrace({
      numRequests: 400,
      lengths: publishedLengths[name],
      n,
      equalOutputs: true,
    });
    return simulate(trace, { memory: "paged", maxSteps: 1200, scheduler: { watermark: 0.05 } })
      .saturated.sharedSaving;
  };

  it("saves about what was published for parallel sampling", () => {
    // Published for 2 to 6 outputs: 6.1 to 9.8 % (Alpaca), 16.2 to 30.5 % (ShareGPT).
    expect(saving("alpaca", 2)).toBeGreaterThan(0.05);
    expect(saving("alpaca", 6)).toBeLessThan(0.14);
    expect(saving("shareGpt", 2)).toBeGreaterThan(0.12);
    expect(saving("shareGpt", 6)).toBeLessThan(0.4);
  });

  it("computes a common prefix once, and answers sooner", () => {
    const lengths = { meanPrompt: 30, meanOutput: 30, spreadPrompt: 0.5, spreadOutput: 0.5 };
    const trace = synthesizeTrace({
      numRequests: 200,
      lengths,
      prefixes: { count: 1, length: 341 },
    });
    const [shared, alone] = [true, false].map((prefixCaching) =>
      simulate(trace, { memory: "paged", scheduler: { prefixCaching } }),
    );
    // 336 of the 341 tokens fill blocks of 16; the first request has none to find.
    expect(shared!.numCachedTokens).toBe(336 * 199);
    expect(alone!.numCachedTokens).toBe(0);
    expect(shared!.timesToFirstToken.at(-1)).toBeLessThan(alone!.timesToFirstToken.at(-1)! / 2);
    expect(shared!.requestThroughput).toBeGreaterThan(1.67 * alone!.requestThroughput);
  });
});

describe("a replay", () => {
  it("serves every request under every policy, in arrival order", () => {
    const trace = synthesizeTrace({
      numRequests: 120,
      lengths: publishedLengths.alpaca,
      requestRate: 20,
      n: 2,
    });
    const numTokens = trace.reduce((sum, { outputLengths: [a = 0, b = 0] }) => sum + a + b, 0);
    for (const memory of ["paged", "oracle", "power-of-two", "max"] as const) {
      const result = simulate(trace, { memory });
      expect(result.numFinished, memory).toBe(120);
      expect(result.numStarted, memory).toBe(120);
      expect(result.outputThroughput * result.duration, memory).toBeCloseTo(numTokens, 3);
      expect(result.duration).toBeGreaterThan(trace.at(-1)!.arrivalTime);
    }
  });

  it("takes the time that the cost model says", () => {
    const trace = [{ arrivalTime: 3, promptLength: 10, outputLengths: [4] }];
    const cost = linearCost({
      secondsPerStep: 1,
      secondsPerToken: 0.5,
      secondsPerContextToken: 0.001,
    });
    for (const memory of ["paged", "max"] as const) {
      const result = simulate(trace, { memory, cost });
      expect(result.numSteps).toBe(4);
      // Ten tokens at once, then one in each of three steps; contexts of 10, 11, 12 and 13.
      expect(result.duration).toBeCloseTo(3 + 5 + 3 + 0.046, 9);
      expect(result.timesToFirstToken[0]).toBeCloseTo(5.01, 9);
      expect(result.normalizedLatencies[0]).toBeCloseTo(8.046 / 4, 9);
    }
  });
});
