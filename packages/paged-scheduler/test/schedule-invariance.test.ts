import { describe, expect, it } from "vitest";
import { type KvGroupSpec, NgramProposer, Scheduler, type SchedulerOptions } from "../src/index";
import { endOfSequence, FakeModel, mix, referenceOutput, vocabulary } from "./support/fake-model";

const blockSize = 4;
const maxTokens = 14;
/** Output length at which some requests fork, and what the fork continues with. */
const forkLength = 5;
const forkToken = 3;

interface Schedule {
  readonly prefixCaching: boolean;
  readonly chunk: number | "whole";
  readonly pool: "large" | "tiny";
  readonly speculation: boolean;
  readonly fork: boolean;
  readonly shareWithinStep: boolean;
}

const groupings: Record<string, KvGroupSpec[]> = {
  "full attention": [{ kind: "full-attention" }],
  "full attention and window": [{ kind: "full-attention" }, { kind: "sliding-window", window: 6 }],
};

function tokens(seed: number, length: number): number[] {
  return Array.from({ length }, (_, index) => 1 + ((mix(seed, index) >>> 0) % (vocabulary - 1)));
}

/** Ten prompts, of which most share a beginning and two are equal; one samples three outputs. */
const prompts = [5, 9, 16, 17, 23, 31, 31, 40, 12, 3].map((length, index) => [
  ...tokens(1, Math.min(length, 21)),
  ...tokens(index === 6 ? 5 : index, Math.max(0, length - 21)),
]);
const numSamples = (index: number) => (index === 3 ? 3 : 1);
const forks = (index: number) => index % 3 === 1;

function expectedOutputs(groups: readonly KvGroupSpec[], fork: boolean): Map<string, number[]> {
  const expected = new Map<string, number[]>();
  prompts.forEach((prompt, index) => {
    for (let sample = 0; sample < numSamples(index); sample++) {
      const id = sample === 0 ? `${index}` : `${index}#${sample}`;
      expected.set(id, referenceOutput(prompt, maxTokens, groups, sample));
    }
    const output = expected.get(`${index}`)!;
    if (!fork || !forks(index) || output.length <= forkLength + 4) return;
    const kept = [...output.slice(0, forkLength), forkToken];
    const rest = referenceOutput([...prompt, ...kept], maxTokens - kept.length, groups);
    expected.set(`${index}-fork`, [...kept, ...rest]);
  });
  return expected;
}

function run(schedule: Schedule, groups: readonly KvGroupSpec[]) {
  const numBlocks = 1 + (schedule.pool === "large" ? 400 : 15 * groups.length);
  const chunking: Partial<SchedulerOptions> =
    schedule.chunk === "whole"
      ? { chunkedPrefill: false, maxBatchedTokens: 64 }
      : { longPrefillThreshold: schedule.chunk, maxBatchedTokens: 64 };
  const scheduler = new Scheduler({
    numBlocks,
    blockSize,
    groups,
    maxSequences: schedule.pool === "large" ? 16 : 6,
    prefixCaching: schedule.prefixCaching,
    shareWithinStep: schedule.shareWithinStep,
    eosTokenIds: [endOfSequence],
    ...chunking,
  });
  const model = new FakeModel(groups, numBlocks, blockSize);
  const proposer = new NgramProposer({ minTokens: 1, maxTokens: 3, numDraftTokens: 3 });
  const outputs = new Map<string, number[]>();
  const expectFork = expectedOutputs(groups, schedule.fork);
  const arrive = (first: number, end: number) => {
    for (let index = first; index < end; index++) {
      const promptTokens = prompts[index]!;
      scheduler.addRequest({ id: `${index}`, promptTokens, maxTokens, n: numSamples(index) });
    }
  };
  arrive(0, 5);
  let numCopies = 0;
  for (let steps = 0; scheduler.numUnfinishedRequests > 0; steps++) {
    if (steps > 2000) throw new Error("the schedule does not end");
    if (steps === 6) arrive(5, prompts.length);
    const step = scheduler.schedule();
    numCopies += step.copies.length;
    for (const { id, newTokens } of scheduler.update(step, model.run(step))) {
      outputs.set(id, [...(outputs.get(id) ?? []), ...newTokens]);
      const request = scheduler.request(id);
      if (!request) continue;
      const forkId = `${id}-fork`;
      if (expectFork.has(forkId) && !outputs.has(forkId) && request.numOutputTokens >= forkLength) {
        const kept = [...request.outputTokens.slice(0, forkLength), forkToken];
        outputs.set(forkId, kept);
        const numTokens = request.numPromptTokens + forkLength;
        scheduler.fork(id, { id: forkId, numTokens, append: [forkToken] });
      }
      if (schedule.speculation) scheduler.setDraftTokens(id, proposer.propose(request.tokens));
    }
  }
  const stats = scheduler.stats();
  expect(stats.numFreeBlocks).toBe(numBlocks - 1);
  return { outputs, stats, numCopies };
}

describe.each(Object.entries(groupings))("%s", (_, groups) => {
  const schedules: Schedule[] = [];
  for (const prefixCaching of [true, false]) {
    for (const chunk of [7, 16, 64, "whole"] as const) {
      for (const pool of ["large", "tiny"] as const) {
        for (const speculation of [true, false]) {
          for (const fork of [true, false]) {
            for (const shareWithinStep of [true, false]) {
              schedules.push({ prefixCaching, chunk, pool, speculation, fork, shareWithinStep });
            }
          }
        }
      }
    }
  }

  it.each(schedules)("%o", (schedule) => {
    const { outputs, stats, numCopies } = run(schedule, groups);
    const expected = expectedOutputs(groups, schedule.fork);
    expect([...outputs.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [id, output] of expected) expect(outputs.get(id), id).toEqual(output);
    // The schedule must really have done what it is there to test.
    expect(stats.prefixCacheHits > 0).toBe(schedule.prefixCaching);
    if (schedule.pool === "tiny") expect(stats.numPreemptions).toBeGreaterThan(0);
    else expect(stats.numPreemptions).toBe(0);
    expect(stats.speculation.numAcceptedTokens > 0).toBe(schedule.speculation);
    if (schedule.pool === "large") expect(numCopies).toBeGreaterThan(0);
  });
});
