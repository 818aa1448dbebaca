import { createDevice, type Device, type Tensor, tensor, tidy } from "@x/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  boundedStore,
  type EvictionRequest,
  heavyHitterPolicy,
  recentPolicy,
  SequenceCache,
  sinkStore,
  slidingStore,
  snapPolicy,
} from "../src/index";
import { appendPositions, positionTokens, shownPositions } from "./support/tokens";

const sizes = { layers: 1, kvHeads: 2, headDim: 4 };
const range = (start: number, end: number) =>
  Array.from({ length: end - start }, (_, index) => start + index);
const ascending = (positions: Iterable<number>) => [...positions].sort((a, b) => a - b);

let device: Device;
beforeAll(async () => {
  device = await createDevice("wasm");
});
afterAll(() => {
  expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0, leakedTensors: 0 });
  device.dispose();
});

/** What `count` new tokens attend to, by position. */
function update(cache: SequenceCache, count: number) {
  const { kvHeads, headDim } = cache.geometry;
  return tidy(() => {
    const made = positionTokens(device, { start: cache.length(), count, kvHeads, headDim });
    const views = cache.update(0, made.keys, made.values);
    return { shown: shownPositions(views), window: views.window };
  });
}

describe("a sliding window of W = 8", () => {
  const window = 8;
  const open = () => new SequenceCache({ device, ...sizes, store: slidingStore({ window }) });

  it.each([7, 8, 9, 16, 17, 25, 80])("token by token to %i", (total) => {
    using cache = open();
    for (let length = 1; length <= total; length++) {
      const { shown } = update(cache, 1);
      const expected = range(Math.max(0, length - window), length);
      expect(ascending(shown)).toEqual(expected);
      expect(ascending(cache.positions())).toEqual(expected);
      expect([cache.length(), cache.held()]).toEqual([length, Math.min(length, window)]);
    }
  });

  it.each([
    { past: 0, count: 7 },
    { past: 0, count: 8 },
    { past: 0, count: 9 },
    { past: 0, count: 50 },
    { past: 5, count: 3 },
    { past: 5, count: 4 },
    { past: 8, count: 2 },
    { past: 9, count: 8 },
    { past: 30, count: 20 },
  ])("shows a chunk of $count after $past the W - 1 tokens before it", ({ past, count }) => {
    using cache = open();
    if (past > 0) appendPositions(cache, past);
    const views = update(cache, count);
    expect(views.shown).toEqual(range(Math.max(0, past - window + 1), past + count));
    expect(views.window).toBe(window);
    const total = past + count;
    expect(ascending(cache.positions())).toEqual(range(Math.max(0, total - window), total));
  });

  it("crops while nothing is overwritten, and refuses once something is", () => {
    using cache = open();
    appendPositions(cache, 8);
    cache.crop(3);
    appendPositions(cache, 5);
    expect(shownPositions(cache.view(0))).toEqual(range(0, 8));
    appendPositions(cache, 1);
    expect(cache.canCrop(8)).toBe(false);
    expect(() => cache.crop(8)).toThrow(/cannot go back to 8 tokens of 9.*reset\(\)/);
    expect(ascending(shownPositions(cache.view(0)))).toEqual(range(1, 9));
    cache.crop(9);
    cache.crop(0);
    expect([cache.length(), cache.held()]).toEqual([0, 0]);
    appendPositions(cache, 2);
    expect(shownPositions(cache.view(0))).toEqual([0, 1]);
  });

  it("takes the same memory however long the sequence", () => {
    using cache = open();
    appendPositions(cache, 1);
    const { bytes } = cache;
    expect(bytes).toBe(2 * 2 * 4 * 4 * window);
    appendPositions(cache, 300);
    expect(cache.bytes).toBe(bytes);
  });
});

describe("2 sinks and a window of 6", () => {
  /** Marks a key with the position that it was turned to: by hundreds. */
  const rotateKeys = (keys: Tensor, positions: Int32Array) => {
    const width = sizes.kvHeads * sizes.headDim;
    const turned = Float32Array.from(
      keys.dataSync(),
      (key, index) => key + 1000 * positions[Math.floor(index / width)]!,
    );
    return tensor(turned, keys.shape, { device });
  };
  const open = () =>
    new SequenceCache({ device, ...sizes, store: sinkStore({ sinks: 2, window: 6 }), rotateKeys });

  /** Entries as `[token, position within the cache]`, by the latter. */
  function turned(cache: SequenceCache, count: number) {
    return tidy(() => {
      const first = cache.firstPosition(0, count);
      const made = positionTokens(device, { start: cache.length(), count, ...sizes });
      const { keys } = cache.update(0, made.keys, made.values);
      const held = keys.dimension(1);
      const elements = keys.dataSync();
      const entries = range(0, held).map((entry) => {
        const key = elements[entry * sizes.headDim]!;
        return [key % 1000, Math.floor(key / 1000)] as const;
      });
      return { first, entries: entries.sort(([, left], [, right]) => left - right) };
    });
  }

  it("keeps the first two and the newest six, at positions 0 to 7", () => {
    using cache = open();
    for (let length = 1; length <= 40; length++) {
      const { first, entries } = turned(cache, 1);
      const kept = length <= 8 ? range(0, length) : [0, 1, ...range(length - 6, length)];
      expect(entries).toEqual(kept.map((token, rank) => [token, rank]));
      expect(first).toBe(kept.length - 1);
    }
  });

  it("makes room for a chunk first", () => {
    using cache = open();
    turned(cache, 20);
    const { first, entries } = turned(cache, 4);
    const kept = [0, 1, 18, 19, 20, 21, 22, 23];
    expect(entries).toEqual(kept.map((token, rank) => [token, rank]));
    expect(first).toBe(4);
  });

  it("takes a prompt longer than itself, which sees the sinks and itself", () => {
    using cache = open();
    turned(cache, 3);
    const { entries } = turned(cache, 30);
    expect(entries.map(([token]) => token)).toEqual([0, 1, ...range(3, 33)]);
    expect(ascending(cache.positions())).toEqual([0, 1, ...range(27, 33)]);
  });

  it("needs the model's rotary embedding", () => {
    expect(() => new SequenceCache({ device, ...sizes, store: sinkStore({ window: 6 }) })).toThrow(
      /give the cache `rotateKeys`/,
    );
  });
});

describe("eviction", () => {
  const request = (scores: number[], keep: number): EvictionRequest => ({
    positions: Int32Array.from(scores, (_, index) => index),
    scores: Float64Array.from(scores),
    recentScores: Float64Array.from(scores),
    keep,
  });

  it("of all but the newest, and the first", () => {
    const scores = new Array<number>(6).fill(0);
    expect(recentPolicy().select(request(scores, 3))).toEqual([3, 4, 5]);
    expect(recentPolicy({ sinks: 2 }).select(request(scores, 3))).toEqual([0, 1, 5]);
    expect(recentPolicy({ sinks: 4 }).select(request(scores, 3))).toEqual([0, 1, 2]);
  });

  it("of what got little attention", () => {
    const scores = [9, 1, 8, 2, 7, 0, 0, 0];
    const kept = heavyHitterPolicy().select(request(scores, 4));
    expect(ascending(kept)).toEqual([0, 2, 6, 7]);
  });

  it("of what the end of the prompt does not look at, with neighbours kept", () => {
    const scores = [0, 0, 0, 5, 0, 0, 0, 0, 1, 0, 0, 0];
    const policy = snapPolicy({ observationWindow: 2, kernelSize: 3 });
    expect(ascending(policy.select(request(scores, 5)))).toEqual([2, 3, 4, 10, 11]);
  });

  it("uses what was observed, and keeps the positions", () => {
    const store = boundedStore({ maxTokens: 4, policy: heavyHitterPolicy({ recentShare: 0.25 }) });
    using cache = new SequenceCache({ device, ...sizes, store });
    appendPositions(cache, 6);
    // Two heads of two queries that look at tokens 1 and 3.
    const looks = [0, 0.5, 0, 0.5, 0, 0];
    using weights = tensor([...looks, ...looks, ...looks, ...looks], [2, 2, 6], { device });
    cache.observe(0, weights);
    using short = weights.slice(2, 0, 5);
    expect(() => cache.observe(0, short)).toThrow(/observe after each/);
    appendPositions(cache, 1);
    expect([...cache.positions()]).toEqual([1, 3, 5, 6]);
    expect(shownPositions(cache.view(0))).toEqual([1, 3, 5, 6]);
    expect(cache.length()).toBe(7);
    expect(cache.canCrop(6)).toBe(false);
    cache.keepEntries(0, [0, 3]);
    expect(shownPositions(cache.view(0))).toEqual([1, 6]);
    expect(() => cache.keepEntries(0, [1, 1])).toThrow(/index 1 does not ascend/);
    expect(() => cache.keepEntries(0, [2])).toThrow(/index 2 does not ascend within 0 to 1/);
  });

  it("can be asked for at once", () => {
    using cache = new SequenceCache({ device, ...sizes, store: boundedStore({ maxTokens: 4 }) });
    appendPositions(cache, 9);
    expect(cache.held()).toBe(9);
    cache.evict();
    expect(shownPositions(cache.view(0))).toEqual([5, 6, 7, 8]);
  });

  it("refuses a policy that chooses wrongly", () => {
    const policy = { name: "broken", needsWeights: false, select: () => [0, 0] };
    using cache = new SequenceCache({
      device,
      ...sizes,
      store: boundedStore({ maxTokens: 3, policy }),
    });
    appendPositions(cache, 3);
    expect(() => appendPositions(cache, 1)).toThrow(/"broken" chose 1 entries; select 2/);
    expect(shownPositions(cache.view(0))).toEqual([0, 1, 2]);
  });
});
