import { Scheduler, type SchedulerOutput } from "@x/paged-scheduler";
import { describe, expect, it } from "vitest";
import type { Conversation } from "../chat/conversation";
import { countKinds, toBlockCells } from "./block-cell";
import { Owners } from "./owners";
import { requestPhase } from "./request-phase";

const nobody: ReadonlyMap<string, Conversation> = new Map();

/** Gives every request that samples the token 7. */
function finishStep(scheduler: Scheduler, step: SchedulerOutput): void {
  scheduler.update(
    step,
    step.scheduled.map(({ numSamples }) => new Array<number>(numSamples).fill(7)),
  );
}

function createScheduler(): Scheduler {
  return new Scheduler({ numBlocks: 13, blockSize: 4, maxBatchedTokens: 8, maxSequences: 2 });
}

const prompt = Array.from({ length: 14 }, (_, index) => index + 10);

describe("the view of a scheduler", () => {
  it("tells a prompt that is computed from an answer that is decoded", () => {
    const scheduler = createScheduler();
    scheduler.addRequest({ id: "0", promptTokens: prompt, maxTokens: 4 });
    const phase = () => {
      const { running, waiting } = scheduler.snapshot();
      return [...running, ...waiting].map(requestPhase);
    };
    expect(phase()).toEqual(["waiting"]);
    finishStep(scheduler, scheduler.schedule());
    expect(phase()).toEqual(["prefill"]);
    finishStep(scheduler, scheduler.schedule());
    expect(phase()).toEqual(["decode"]);
    finishStep(scheduler, scheduler.schedule());
    expect(phase()).toEqual(["decode"]);
  });

  it("shows whose blocks are whose, what is shared, what is kept, and how full it is", () => {
    const scheduler = createScheduler();
    scheduler.addRequest({ id: "0", promptTokens: prompt, maxTokens: 4 });
    finishStep(scheduler, scheduler.schedule());
    finishStep(scheduler, scheduler.schedule());
    // Begins with two whole blocks of the first.
    scheduler.addRequest({ id: "1", promptTokens: [...prompt.slice(0, 8), 1, 2], maxTokens: 4 });
    finishStep(scheduler, scheduler.schedule());

    const snapshot = scheduler.snapshot();
    const cells = toBlockCells(snapshot, new Owners().assign(snapshot, nobody));
    expect(cells.map(({ id }) => id)).toEqual(Array.from({ length: 12 }, (_, index) => index + 1));
    expect(countKinds(cells)).toEqual({ shared: 2, used: 3, cached: 0, free: 7 });
    const shared = cells.filter(({ kind }) => kind === "shared");
    for (const { owners, fill, id, description } of shared) {
      expect(owners.map(({ label }) => label)).toEqual(["#0", "#1"]);
      expect(new Set(owners.map(({ color }) => color)).size).toBe(2);
      expect(fill).toBe(1);
      expect(description).toBe(`Block ${id}: shared by #0 and #1, 4 of 4 slots, 2 references`);
    }
    const partly = cells.filter(({ kind, fill }) => kind === "used" && fill < 1);
    expect(partly.map(({ description }) => description.replace(/^Block \d+/, ""))).toEqual([
      ": held by #0, 3 of 4 slots, 1 reference",
      ": held by #1, 2 of 4 slots, 1 reference",
    ]);

    scheduler.abort("0");
    scheduler.abort("1");
    const after = scheduler.snapshot();
    const afterCells = toBlockCells(after, new Owners().assign(after, nobody));
    expect(countKinds(afterCells)).toEqual({ shared: 0, used: 0, cached: 3, free: 9 });
  });

  it("keeps the colour of a request while others come and go, and a column's own", () => {
    const scheduler = createScheduler();
    const owners = new Owners();
    const column = { index: 3, letter: "D" } as Conversation;
    const own = new Map([["9", column]]);
    scheduler.addRequest({ id: "5", promptTokens: [1, 2], maxTokens: 4 });
    const before = owners.assign(scheduler.snapshot(), own).get("5");
    scheduler.addRequest({ id: "9", promptTokens: [3, 4], maxTokens: 4 });
    scheduler.addRequest({ id: "4", promptTokens: [5, 6], maxTokens: 4 });
    const now = owners.assign(scheduler.snapshot(), own);
    expect(now.get("5")).toEqual(before);
    expect(now.get("9")).toEqual({ id: "9", label: "D", color: 3 });
    expect(new Set([...now.values()].map(({ color }) => color)).size).toBe(3);
    scheduler.abort("5");
    expect(owners.assign(scheduler.snapshot(), own).get("4")).toEqual(now.get("4"));
  });
});
