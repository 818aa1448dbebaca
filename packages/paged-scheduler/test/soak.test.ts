import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { type FinishReason, Scheduler } from "../src/index";
import { createRandom } from "../src/simulator/random";

/** A million takes a minute or two: `SOAK_REQUESTS=1000000 npx vitest run test/soak.test.ts`. */
const numRequests = Number(process.env.SOAK_REQUESTS ?? 100_000);
const numBlocks = 129;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Bytes of the heap and of array buffers that are still reachable. */
function reachableBytes(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

it(`serves ${numRequests} requests without growing`, () => {
  const random = createRandom(7);
  const scheduler = new Scheduler({ numBlocks, blockSize: 4, maxSequences: 64, eosTokenIds: [0] });
  const finished: Record<FinishReason, number> = { stop: 0, length: 0, abort: 0, error: 0 };
  let numSubmitted = 0;
  let numForks = 0;
  const submit = () => {
    const length = 1 + Math.floor(random() * 24);
    const shared = Math.floor(random() * 8);
    const id = `${numSubmitted++}`;
    scheduler.addRequest({
      id,
      promptTokens: Array.from({ length }, (_, index) =>
        index < 12 ? shared + 1 : 1 + Math.floor(random() * 1000),
      ),
      maxTokens: 1 + Math.floor(random() * 12),
      ...(random() < 0.02 ? { n: 3 } : {}),
      ...(random() < 0.05 ? { cacheSalt: id } : {}),
    });
    if (random() < 0.01 && scheduler.abort(id)) finished.abort++;
  };
  let warmBytes = 0;
  while (numSubmitted < numRequests || scheduler.numUnfinishedRequests > 0) {
    while (numSubmitted < numRequests && scheduler.numUnfinishedRequests < 96) submit();
    if (warmBytes === 0 && numSubmitted >= numRequests / 5) warmBytes = reachableBytes();
    const step = scheduler.schedule();
    const sampled = step.scheduled.map(({ numSamples }) =>
      Array.from({ length: numSamples }, () => Math.floor(random() * 40)),
    );
    for (const { id, parentId, finishReason } of scheduler.update(step, sampled)) {
      if (parentId !== undefined) numForks++;
      if (finishReason) finished[finishReason]++;
      else if (random() < 0.002 && scheduler.abort(id)) finished.abort++;
    }
  }
  const grownBytes = reachableBytes() - warmBytes;
  const stats = scheduler.stats();
  expect(stats).toMatchObject({
    numRunningRequests: 0,
    numWaitingRequests: 0,
    numFreeBlocks: numBlocks - 1,
  });
  expect(stats.numCachedBlocks).toBeLessThan(numBlocks);
  expect(scheduler.schedule().finishedIds.length).toBeLessThan(200);
  expect(numForks).toBeGreaterThan(0);
  const { stop, length, abort } = stats.numFinished;
  expect(stop + length + abort).toBeGreaterThanOrEqual(numRequests);
  expect({ stop, length }).toEqual({ stop: finished.stop, length: finished.length });
  expect(stats.numPreemptions).toBeGreaterThan(0);
  expect(stats.prefixCacheHits).toBeGreaterThan(numRequests);
  // Compiled code comes and goes by up to 3 MB. One object kept per request would be more than
  // this in a hundred thousand requests, one number in a million.
  expect(grownBytes).toBeLessThan(6e6);
}, 600_000);
