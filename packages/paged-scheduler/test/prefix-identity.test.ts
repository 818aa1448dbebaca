import { describe, expect, it } from "vitest";
import { type BlockEvent, type RequestOptions, Scheduler } from "../src/index";
import { PrefixCache } from "../src/prefix-cache";
import { advance } from "./support/drive";
import { count } from "./support/sequence";

const tokens = count(1, 40);

/** Prompt tokens that the second request finds of the first. */
function hits(first: Partial<RequestOptions>, second: Partial<RequestOptions>): number {
  const scheduler = new Scheduler({ numBlocks: 20, blockSize: 16 });
  scheduler.addRequest({ id: "a", promptTokens: tokens, ...first });
  advance(scheduler);
  scheduler.addRequest({ id: "b", promptTokens: tokens, ...second });
  advance(scheduler);
  return scheduler.request("b")!.numCachedTokens;
}

describe("what counts as the same prefix", () => {
  it("is the tokens", () => {
    expect(hits({}, {})).toBe(32);
    expect(hits({}, { promptTokens: tokens.with(3, 99) })).toBe(0);
    expect(hits({}, { promptTokens: tokens.with(20, 99) })).toBe(16);
  });

  it("is the adapter", () => {
    expect(hits({ adapter: "x" }, { adapter: "x" })).toBe(32);
    expect(hits({ adapter: "x" }, { adapter: "y" })).toBe(0);
    expect(hits({ adapter: "x" }, {})).toBe(0);
  });

  it("is the media, from the block on in which they begin", () => {
    const image = (id: string, offset: number) => ({ media: [{ id, offset, length: 4 }] });
    expect(hits(image("cat", 20), image("cat", 20))).toBe(32);
    expect(hits(image("cat", 20), image("dog", 20))).toBe(16);
    expect(hits(image("cat", 20), image("cat", 21))).toBe(16);
    expect(hits(image("cat", 14), image("dog", 14))).toBe(0);
    expect(hits(image("cat", 36), image("dog", 36))).toBe(32);
  });

  it("keeps a value of one kind from passing for another", () => {
    expect(hits({ adapter: "x" }, { cacheSalt: "x" })).toBe(0);
    expect(hits({ cacheSalt: "x" }, { media: [{ id: "x", offset: 0, length: 40 }] })).toBe(0);
    expect(hits({ adapter: "x", cacheSalt: "y" }, { adapter: "y", cacheSalt: "x" })).toBe(0);
    expect(hits({ adapter: 'x","salt":"y' }, { adapter: "x", cacheSalt: "y" })).toBe(0);
  });

  it("is not used by a request that needs its whole prompt computed, but serves others", () => {
    expect(hits({}, { skipPrefixCache: true })).toBe(0);
    expect(hits({ skipPrefixCache: true }, {})).toBe(32);
  });

  it("is decided by the tokens when hashes collide", () => {
    const cache = new PrefixCache(4, 2);
    const content = { group: 0, hashLow: 1, hashHigh: 2, start: 0, extraKey: "" };
    cache.insert(1, { ...content, tokens: Int32Array.of(5, 6) });
    expect(cache.find({ ...content, tokens: Int32Array.of(5, 7) })).toBeUndefined();
    expect(cache.find({ ...content, tokens: Int32Array.of(5, 6), group: 1 })).toBeUndefined();
    expect(cache.find({ ...content, tokens: Int32Array.of(5, 6), extraKey: "x" })).toBeUndefined();
    expect(cache.find({ ...content, tokens: Int32Array.of(5, 6) })).toBe(1);
  });
});

describe("events", () => {
  function record(hashKey?: [number, number, number, number]) {
    const events: BlockEvent[] = [];
    const scheduler = new Scheduler({
      numBlocks: 5,
      blockSize: 4,
      onEvent: (event) => events.push(event),
      ...(hashKey ? { hashKey } : {}),
    });
    scheduler.addRequest({ id: "a", promptTokens: count(1, 10), maxTokens: 1 });
    advance(scheduler);
    scheduler.addRequest({ id: "b", promptTokens: count(50, 16), maxTokens: 1 });
    advance(scheduler);
    scheduler.resetPrefixCache();
    return events;
  }

  it("tell what was stored, removed and cleared", () => {
    const [stored, ...rest] = record();
    if (stored?.type !== "blocks-stored") throw new Error("the first event stores blocks");
    const { hashes, ...others } = stored;
    expect(others).toEqual({
      type: "blocks-stored",
      group: 0,
      blockIds: [1, 2],
      parentHash: undefined,
      tokens: count(1, 8),
    });
    // Block 3 was not full, 4 was never used: only then are the findable ones taken, tail first.
    expect(rest.slice(0, 2)).toEqual([
      { type: "block-removed", group: 0, blockId: 2, hash: hashes[1] },
      { type: "block-removed", group: 0, blockId: 1, hash: hashes[0] },
    ]);
    expect(rest[2]).toMatchObject({ type: "blocks-stored", blockIds: [3, 4, 2, 1] });
    expect(rest.slice(3)).toEqual([{ type: "cache-cleared" }]);
  });

  it("name the block before, so that a mirror can rebuild the chain", () => {
    const events: BlockEvent[] = [];
    const scheduler = new Scheduler({
      numBlocks: 9,
      blockSize: 4,
      maxBatchedTokens: 8,
      maxSequences: 1,
      onEvent: (event) => events.push(event),
    });
    scheduler.addRequest({ id: "a", promptTokens: count(1, 16), maxTokens: 1 });
    advance(scheduler);
    advance(scheduler);
    const [first, second] = events;
    if (first?.type !== "blocks-stored" || second?.type !== "blocks-stored") throw new Error();
    expect(second.parentHash).toBe(first.hashes[1]);
  });

  it("have equal hashes for equal keys only", () => {
    const hashes = (events: BlockEvent[]) => JSON.stringify(events);
    expect(hashes(record([1, 2, 3, 4]))).toBe(hashes(record([1, 2, 3, 4])));
    expect(hashes(record([1, 2, 3, 4]))).not.toBe(hashes(record([1, 2, 3, 5])));
    expect(hashes(record())).not.toBe(hashes(record()));
  });
});
