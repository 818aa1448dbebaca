import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { KvGroupSpec } from "../src/index";
import { CheckedScheduler } from "./support/checked-scheduler";
import { mix, vocabulary } from "./support/fake-model";

const numRuns = 40;
const operationsPerRun = 500;

/** What can happen, and how often in comparison. */
const weights = {
  step: 12,
  add: 4,
  "add-n": 1,
  "add-grammar": 1,
  "grammar-ready": 1,
  abort: 1,
  "abort-in-flight": 1,
  finish: 1,
  fork: 2,
  draft: 2,
  fail: 1,
  reset: 1,
  "reset-preempt": 1,
};
type Operation = keyof typeof weights;
const operations = (Object.keys(weights) as Operation[]).flatMap((kind) =>
  new Array<Operation>(weights[kind]).fill(kind),
);

/** A window alone would let sequences grow without end. */
const longestSequence = 48;
/** A queue so long that nothing new can be seen in it is no use. */
const maxLive = 10;

const groupings: KvGroupSpec[][] = [
  [{ kind: "full-attention" }],
  [{ kind: "sliding-window", window: 7 }],
  [{ kind: "full-attention" }, { kind: "sliding-window", window: 5 }],
];

const configuration = fc.record({
  groups: fc.constantFrom(...groupings),
  numBlocksPerGroup: fc.integer({ min: 8, max: 14 }),
  blockSize: fc.integer({ min: 1, max: 5 }),
  maxSequences: fc.integer({ min: 1, max: 5 }),
  extraTokens: fc.integer({ min: 0, max: 20 }),
  chunkedPrefill: fc.boolean(),
  longPrefillThreshold: fc.constantFrom(0, 0, 3, 8),
  policy: fc.constantFrom("fcfs" as const, "fcfs" as const, "priority" as const),
  reserveFullPrompt: fc.boolean(),
  watermark: fc.constantFrom(0, 0.1, 0.3),
  maxSkipAhead: fc.integer({ min: 0, max: 3 }),
  numLookaheadTokens: fc.constantFrom(0, 2),
  prefixCaching: fc.constantFrom(true, true, true, false),
  shareWithinStep: fc.boolean(),
});

type Configuration = typeof configuration extends fc.Arbitrary<infer Value> ? Value : never;

function create(config: Configuration): CheckedScheduler {
  const { numBlocksPerGroup, extraTokens, longPrefillThreshold, ...options } = config;
  return new CheckedScheduler({
    ...options,
    numBlocks: 1 + numBlocksPerGroup * config.groups.length,
    maxBatchedTokens: config.maxSequences + extraTokens,
    longestSequence,
    longPrefillThreshold: config.chunkedPrefill ? longPrefillThreshold : 0,
  });
}

/** Few distinct prompts, so that they share prefixes. */
function promptTokens(seed: number, length: number): number[] {
  return Array.from({ length }, (_, index) => {
    const shared = index < 6 ? 0 : seed % 3;
    return 1 + ((mix(shared, index) >>> 0) % (vocabulary - 1));
  });
}

function operate(checked: CheckedScheduler, kind: Operation, random: number, serial: number) {
  const { scheduler, liveIds: live } = checked;
  const chosen = live[random % live.length];
  switch (kind) {
    case "step":
      checked.step();
      break;
    case "add":
    case "add-n":
    case "add-grammar":
      if (live.length < maxLive) submit(checked, kind, random, serial);
      break;
    case "grammar-ready":
      if (chosen !== undefined) scheduler.grammarReady(chosen);
      break;
    case "abort":
    case "finish":
      if (chosen !== undefined) checked.abort(chosen, kind === "finish" ? "stop" : "abort");
      break;
    case "abort-in-flight":
      checked.step((step) => {
        const entry = step.scheduled[random % Math.max(1, step.scheduled.length)];
        if (entry) checked.abort(entry.id, "abort");
      });
      break;
    case "fork":
      if (chosen !== undefined && live.length < maxLive) fork(checked, chosen, random, serial);
      break;
    case "draft":
      for (const [index, id] of live.entries()) {
        // The model likes token 1.
        scheduler.setDraftTokens(id, new Array(1 + ((random + index) % 4)).fill(1));
      }
      checked.step();
      break;
    case "fail":
      checked.fail();
      break;
    case "reset":
    case "reset-preempt":
      checked.reset(kind === "reset-preempt");
      break;
    default:
      kind satisfies never;
  }
}

function submit(checked: CheckedScheduler, kind: Operation, random: number, serial: number) {
  const maxLength = Math.min(checked.scheduler.maxModelLength, longestSequence);
  if (maxLength < 2) return;
  const length = 1 + (random % (maxLength - 1));
  checked.add({
    id: `${serial}`,
    promptTokens: promptTokens(random >> 4, length),
    maxTokens: Math.min(maxLength - length, 1 + ((random >> 8) % 12)),
    priority: (random >> 12) % 3,
    arrivalTime: (random >> 14) % 2,
    ...(kind === "add-n" ? { n: 3 } : {}),
    ...(kind === "add-grammar" ? { waitForGrammar: true } : {}),
    ...((random >> 16) % 4 === 0 ? { cacheSalt: `${(random >> 18) % 2}` } : {}),
    ...((random >> 20) % 8 === 0 ? { skipPrefixCache: true } : {}),
  });
}

function fork(checked: CheckedScheduler, parentId: string, random: number, serial: number) {
  const parent = checked.scheduler.request(parentId)!;
  // Forks of forks could keep the oldest family alive for ever.
  if (parentId.includes("/")) return;
  const numTokens = parent.numPromptTokens + (random % (parent.numOutputTokens + 1));
  const append = promptTokens(random >> 8, 1 + ((random >> 4) % 3));
  const limit = parent.numPromptTokens + (parent.options.maxTokens ?? 0);
  if (numTokens + append.length >= limit) return;
  checked.fork(parentId, `${parentId}/${serial}`, numTokens, append);
}

describe("random operations under small pools", () => {
  it(`keeps every invariant over ${numRuns * operationsPerRun} operations`, () => {
    const totals = { numPreemptions: 0, prefixCacheHits: 0, numAcceptedTokens: 0, operations: 0 };
    let longestWait = 0;
    const operation = fc.tuple(fc.constantFrom(...operations), fc.nat());
    const script = fc.array(operation, {
      minLength: operationsPerRun,
      maxLength: operationsPerRun,
    });
    fc.assert(
      fc.property(configuration, script, (config, run) => {
        const checked = create(config);
        run.forEach(([kind, random], serial) => {
          operate(checked, kind, random, serial);
          totals.operations++;
        });
        checked.drain();
        const stats = checked.scheduler.stats();
        totals.numPreemptions += stats.numPreemptions;
        totals.prefixCacheHits += stats.prefixCacheHits;
        totals.numAcceptedTokens += stats.speculation.numAcceptedTokens;
        longestWait = Math.max(longestWait, checked.longestWait);
      }),
      { seed: 20_230_612, numRuns, endOnFailure: true },
    );
    expect(totals.operations).toBe(numRuns * operationsPerRun);
    // The runs must have been worth checking.
    expect(totals.numPreemptions).toBeGreaterThan(100);
    expect(totals.prefixCacheHits).toBeGreaterThan(100);
    expect(totals.numAcceptedTokens).toBeGreaterThan(100);
    expect(longestWait).toBeGreaterThan(0);
  }, 60_000);
});
