import { describe, expect, it } from "vitest";
import { OutOfBlocksError } from "../../src/errors";
import { FreeBlockQueue } from "../../src/free-block-queue";
import { HitRateWindow } from "../../src/hit-rate";
import { KvCacheManager } from "../../src/kv-cache-manager";
import { createKvGroup } from "../../src/kv-group";
import { PrefixCache } from "../../src/prefix-cache";
import { Request } from "../../src/request";
import { count, extend, mustStart, start, tableOf } from "../support/sequence";

/** A pool of ten usable blocks, 1 to 10, of 16 tokens. */
function tenBlocks(): KvCacheManager {
  return new KvCacheManager({ numBlocks: 11, blockSize: 16 });
}

function freeOrder(manager: KvCacheManager): number[] {
  return [...manager.pool.freeBlocks];
}

const shared = count(1000, 48);

describe("free queue", () => {
  it("hands out in order, with removals and additions in between", () => {
    const queue = new FreeBlockQueue(5);
    expect(queue.pop()).toBe(0);
    queue.remove(2);
    queue.append(2);
    expect([queue.pop(), queue.pop(), queue.pop(), queue.pop()]).toEqual([1, 3, 4, 2]);
    expect(() => queue.pop()).toThrow(OutOfBlocksError);
    expect(queue.length).toBe(0);
  });

  it("keeps the order of blocks that are put in front", () => {
    const queue = new FreeBlockQueue(6, 6);
    queue.append(0);
    queue.prepend([4, 5]);
    queue.prepend([1, 2]);
    expect([...queue]).toEqual([1, 2, 4, 5, 0]);
    expect(queue.length).toBe(5);
  });
});

describe("sharing a prefix", () => {
  function shareAndFree() {
    const manager = tenBlocks();
    const first = mustStart(manager, [...shared, ...count(1, 7)]);
    const tableFirst = tableOf(first.request);
    const second = mustStart(manager, [...shared, ...count(50, 5)]);
    return { manager, first: first.request, second, tableFirst };
  }

  it("counts owners and frees tails first, unfindable blocks before findable ones", () => {
    const { manager, first, second, tableFirst } = shareAndFree();
    expect(tableFirst).toEqual([1, 2, 3, 4]);
    expect([1, 2, 3, 4].map((id) => manager.pool.isCached(id))).toEqual([true, true, true, false]);
    expect(second.numHitTokens).toBe(48);
    expect(tableOf(second.request)).toEqual([1, 2, 3, 5]);
    expect([1, 2, 3].map((id) => manager.pool.refCount(id))).toEqual([2, 2, 2]);
    expect(manager.pool.numFreeBlocks).toBe(5);
    manager.free(first);
    manager.free(second.request);
    expect(freeOrder(manager)).toEqual([5, 4, 6, 7, 8, 9, 10, 3, 2, 1]);
  });

  it("hands freed blocks out in that order, and the old prefix is gone", () => {
    const { manager, first, second } = shareAndFree();
    manager.free(first);
    manager.free(second.request);
    const other = mustStart(manager, count(5000, 160));
    expect(tableOf(other.request)).toEqual([5, 4, 6, 7, 8, 9, 10, 3, 2, 1]);
    manager.free(other.request);
    expect(mustStart(manager, [...shared, 1]).numHitTokens).toBe(0);
  });

  it("leaves the last token to compute", () => {
    const manager = tenBlocks();
    manager.free(mustStart(manager, shared).request);
    const same = mustStart(manager, shared);
    expect(same.numHitTokens).toBe(32);
    manager.free(same.request);
    expect(mustStart(manager, [...shared, 1]).numHitTokens).toBe(48);
  });

  it("adds blocks as output fills them, and makes only full ones findable", () => {
    const manager = tenBlocks();
    const { request } = mustStart(manager, count(1, 55));
    expect(tableOf(request)).toHaveLength(4);
    expect(extend(manager, request, count(100, 4))).toBe(0);
    expect(extend(manager, request, count(200, 19))).toBe(1);
    const [, , , fourth = 0, fifth = 0] = tableOf(request);
    expect(manager.pool.isCached(fourth)).toBe(true);
    expect(manager.pool.isCached(fifth)).toBe(false);
  });

  it("evicts the least recently used first", () => {
    const manager = tenBlocks();
    const a = mustStart(manager, [...shared, ...count(1, 39)]);
    const b = mustStart(manager, count(9000, 48));
    expect(manager.pool.numFreeBlocks).toBe(1);
    manager.free(a.request);
    expect(freeOrder(manager)).toEqual([6, 10, 5, 4, 3, 2, 1]);
    manager.free(b.request);
    expect(freeOrder(manager)).toEqual([6, 10, 5, 4, 3, 2, 1, 9, 8, 7]);
    const next = mustStart(manager, [...shared.slice(0, 32), 1, 2, 3]);
    expect(next.numHitTokens).toBe(32);
    expect(tableOf(next.request)).toEqual([1, 2, 6]);
    expect(manager.pool.numFreeBlocks).toBe(7);
  });

  it("never evicts a block that the same request reuses", () => {
    const manager = new KvCacheManager({ numBlocks: 3, blockSize: 16 });
    const a = mustStart(manager, count(0, 16));
    const b = mustStart(manager, count(100, 16));
    expect([tableOf(a.request), tableOf(b.request)]).toEqual([[1], [2]]);
    manager.free(a.request);
    manager.free(b.request);
    const both = mustStart(manager, [...count(0, 16), ...count(100, 16)]);
    expect(both.numHitTokens).toBe(16);
    expect(tableOf(both.request)).toEqual([1, 2]);
  });

  it("refuses, taking nothing, when reused free blocks leave too few", () => {
    const manager = tenBlocks();
    const prefix = mustStart(manager, shared);
    const doubled = mustStart(manager, [...shared, ...shared]);
    const table = tableOf(doubled.request);
    manager.free(doubled.request);
    mustStart(manager, count(7000, 32));
    expect(manager.pool.numFreeBlocks).toBe(5);
    const tripled = [...shared, ...shared, ...shared];
    expect(manager.lookUp(new Request({ id: "tripled", promptTokens: tripled })).numTokens).toBe(
      96,
    );
    expect(start(manager, tripled)).toBeUndefined();
    expect(table.map((id) => manager.pool.refCount(id))).toEqual([1, 1, 1, 0, 0, 0]);
    expect(manager.pool.numFreeBlocks).toBe(5);
    expect(prefix.numHitTokens).toBe(0);
  });

  it("keeps salts apart", () => {
    const manager = tenBlocks();
    const tokens = count(1, 59);
    manager.free(mustStart(manager, tokens, { cacheSalt: "s1" }).request);
    const same = mustStart(manager, tokens, { cacheSalt: "s1" });
    expect(same.numHitTokens).toBe(48);
    manager.free(same.request);
    expect(mustStart(manager, tokens, { cacheSalt: "s2" }).numHitTokens).toBe(0);
  });
});

describe("prefix cache", () => {
  it("finds one of several blocks of equal content, until the last is gone", () => {
    const cache = new PrefixCache(8, 2);
    const tokens = Int32Array.of(5, 6);
    const content = { group: 0, hashLow: 11, hashHigh: 22, tokens, start: 0, extraKey: "" };
    cache.insert(0, content);
    cache.insert(3, content);
    expect(cache.remove(0)).toBe(true);
    expect(cache.find(content)).toBe(3);
    expect(cache.remove(5)).toBe(false);
    expect(cache.find(content)).toBe(3);
    expect(cache.size).toBe(1);
    expect(cache.remove(3)).toBe(true);
    expect(cache.find(content)).toBeUndefined();
    expect(cache.size).toBe(0);
  });

  it("is reset only while nobody holds a block", () => {
    const manager = tenBlocks();
    const { request } = mustStart(manager, shared);
    expect(manager.pool.reset()).toBe(false);
    expect(manager.pool.numCachedBlocks).toBe(3);
    manager.free(request);
    expect(manager.pool.reset()).toBe(true);
    expect(manager.pool.numCachedBlocks).toBe(0);
    expect(mustStart(manager, [...shared, 1]).numHitTokens).toBe(0);
  });

  it("reports the hit rate of recent requests", () => {
    const window = new HitRateWindow(5);
    expect(window.rate).toBe(0);
    window.observe(1, 20, 9);
    expect(window.rate).toBeCloseTo(0.45, 12);
    window.observe(4, 80, 16);
    expect(window.rate).toBeCloseTo(0.25, 12);
    window.observe(1, 10, 2);
    expect(window.rate).toBeCloseTo(0.2, 12);
  });
});

describe("sliding window", () => {
  const group = createKvGroup({ kind: "sliding-window", window: 4 }, 2);

  it("releases the blocks that no later token reads", () => {
    expect([4, 5, 7, 11].map((computed) => group.numSkippedBlocks(computed))).toEqual([0, 1, 2, 4]);

    const manager = new KvCacheManager({
      numBlocks: 11,
      blockSize: 2,
      groups: [{ kind: "sliding-window", window: 4 }],
    });
    const { request } = mustStart(manager, count(1, 11));
    expect(tableOf(request)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(extend(manager, request, [50])).toBe(0);
    expect(tableOf(request)).toEqual([0, 0, 0, 0, 5, 6]);
    expect(manager.pool.numFreeBlocks).toBe(8);
  });

  it.each([
    ["110", 2, [0, 1]],
    ["10", 1, [0]],
    ["11010011000", 8, [6, 7]],
  ])("needs only the blocks under the window to be cached: %s", (cached, length, used) => {
    const blocks = group.findHit(
      (index) => (cached[index] === "1" ? 100 + index : undefined),
      cached.length,
    );
    expect(blocks).toHaveLength(length);
    expect(blocks.flatMap((id, index) => (id === 0 ? [] : [index]))).toEqual(used);
    expect(blocks.filter((id) => id !== 0)).toEqual(used.map((index) => 100 + index));
  });
});
