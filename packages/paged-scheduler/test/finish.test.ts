import { describe, expect, it } from "vitest";
import { Scheduler } from "../src/index";
import { advance } from "./support/drive";

describe("finish", () => {
  it("ends one of several outputs, and leaves the others running", () => {
    const scheduler = new Scheduler({ numBlocks: 20, blockSize: 2 });
    scheduler.addRequest({ id: "a", promptTokens: [1, 2, 3], maxTokens: 9, n: 3 });
    advance(scheduler);
    expect(scheduler.finish("a", "stop")).toBe(true);
    expect(scheduler.request("a")).toBeUndefined();
    const { scheduled } = advance(scheduler);
    expect(scheduled.map(({ id }) => id)).toEqual(["a#1", "a#2"]);
    expect(scheduler.stats().numFinished).toMatchObject({ stop: 1, abort: 0 });
    // The id stays taken while a sibling lives.
    expect(() => scheduler.addRequest({ id: "a", promptTokens: [1] })).toThrow(/live request/);
    expect(scheduler.finish("a#1", "stop")).toBe(true);
    expect(scheduler.finish("a#2", "length")).toBe(true);
    expect(scheduler.finish("a#2", "length")).toBe(false);
    expect(scheduler.stats().numFreeBlocks).toBe(19);
    scheduler.addRequest({ id: "a", promptTokens: [1] });
  });
});
