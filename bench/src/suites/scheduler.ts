import { Scheduler, type SchedulerOutput } from "@x/paged-scheduler";
import { type BenchOptions, type BenchRow, type BenchSuite, median } from "../bench-row";

const numSequences = 256;
const stepsPerRound = 300;
const cachedTokens = 8000;
const admissionsPerRound = 40;
const blockSize = 16;

/** What scheduling itself costs, without any model: medians in microseconds. No package to compare. */
export const schedulerSuite: BenchSuite = {
  name: "scheduler",
  description: "one scheduling step, and admission of a cached prompt",
  async run(options) {
    return [
      ...stepRows(options),
      row(
        `add, schedule and update: ${cachedTokens} prompt tokens, all in the prefix cache`,
        rounds(options, "admission", timeAdmissions),
      ),
    ];
  },
};

/** The smallest pool holds 256 sequences of 64 tokens; the largest must not make steps slower. */
function stepRows(options: BenchOptions): BenchRow[] {
  return [
    { name: "1 k", numBlocks: 2 ** 10 + 1, numTokens: 48 },
    { name: "64 k", numBlocks: 2 ** 16, numTokens: 48 },
    { name: "1 M", numBlocks: 2 ** 20, numTokens: 48 },
    { name: "1 M", numBlocks: 2 ** 20, numTokens: 2048 },
  ].map(({ name, numBlocks, numTokens }) =>
    row(
      `schedule and update: ${numSequences} running at ${numTokens} tokens or more, ${name} blocks`,
      rounds(options, `${name} blocks`, () => timeSteps(numBlocks, numTokens)),
    ),
  );
}

function rounds(
  { rounds: count, log }: BenchOptions,
  name: string,
  measure: () => number[],
): number[] {
  const times: number[] = [];
  for (let round = 0; round <= count; round++) {
    const measured = measure();
    if (round > 0) times.push(...measured); // the first warms up
    log(`${name}, round ${round}/${count}`);
  }
  return times;
}

function row(name: string, milliseconds: readonly number[]): BenchRow {
  return {
    suite: "scheduler",
    case: name,
    unit: "µs",
    ours: 1000 * median(milliseconds),
    peer: null,
    peerName: null,
    ratio: null,
    threads: 1,
    node: process.version,
  };
}

/** Milliseconds of each step in which every sequence is given one token. */
function timeSteps(numBlocks: number, promptLength: number): number[] {
  // In the smallest pool each sequence can grow by a block only: then the next pool goes on.
  const stepsPerPool = numBlocks < 2 ** 16 ? blockSize : stepsPerRound;
  const times: number[] = [];
  while (times.length < stepsPerRound) {
    const scheduler = fillPool(numBlocks, promptLength);
    for (let step = 0; step < stepsPerPool; step++) {
      const begin = performance.now();
      update(scheduler, scheduler.schedule());
      times.push(performance.now() - begin);
    }
    if (scheduler.stats().numPreemptions > 0) throw new Error("the pool was too small to measure");
  }
  return times;
}

/** A scheduler whose sequences have all computed their prompts. */
function fillPool(numBlocks: number, promptLength: number): Scheduler {
  const scheduler = new Scheduler({
    numBlocks,
    blockSize,
    maxBatchedTokens: numSequences * promptLength,
    maxSequences: numSequences,
  });
  for (let index = 0; index < numSequences; index++) {
    const promptTokens = new Int32Array(promptLength).fill(index);
    scheduler.addRequest({ id: `${index}`, promptTokens });
  }
  update(scheduler, scheduler.schedule());
  return scheduler;
}

/** Milliseconds from submission to the first token of prompts that were computed before. */
function timeAdmissions(): number[] {
  const scheduler = new Scheduler({
    numBlocks: 1024,
    blockSize,
    maxBatchedTokens: cachedTokens + 1,
  });
  // One token more than the cached ones: the last is always computed.
  const promptTokens = Int32Array.from({ length: cachedTokens + 1 }, (_, index) => index % 997);
  const times: number[] = [];
  for (let admission = 0; admission <= admissionsPerRound; admission++) {
    const begin = performance.now();
    scheduler.addRequest({ id: `${admission}`, promptTokens, maxTokens: 1 });
    const step = scheduler.schedule();
    update(scheduler, step);
    times.push(performance.now() - begin);
    const expected = admission === 0 ? cachedTokens + 1 : 1;
    if (step.numScheduledTokens !== expected) throw new Error("the prefix was not in the cache");
  }
  return times.slice(1);
}

function update(scheduler: Scheduler, step: SchedulerOutput): void {
  scheduler.update(
    step,
    step.scheduled.map(({ numSamples }) => (numSamples === 1 ? [7] : [])),
  );
}
