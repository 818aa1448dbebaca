import { expect, it } from "vitest";
import { Request } from "./request";
import { StepPlan } from "./step-plan";

function planned(id: string, numTokens: number) {
  const request = new Request({ id, promptTokens: [1, 2, 3, 4, 5, 6] });
  return { request, kind: "new" as const, numTokens, allocation: { newBlocks: [[]], copies: [] } };
}

it("gives a preempted request's tokens and place back", () => {
  const plan = new StepPlan(10);
  const [first, second] = [planned("a", 4), planned("b", 3)];
  plan.add(first);
  plan.add(second);
  plan.cursor = 2;
  expect(plan.budget).toBe(3);
  plan.preempt(first.request, 0);
  expect(plan.budget).toBe(7);
  expect(plan.cursor).toBe(1);
  expect(plan.entries).toEqual([second]);
  expect(plan.preempted).toEqual([first.request]);
});

it("has nothing to give back for a request that it did not reach", () => {
  const plan = new StepPlan(10);
  plan.add(planned("a", 4));
  plan.cursor = 1;
  plan.preempt(planned("c", 2).request, 5);
  expect(plan.budget).toBe(6);
  expect(plan.cursor).toBe(1);
});

it("lays requests out one after the other", () => {
  const plan = new StepPlan(10);
  for (const [id, numTokens, block] of [
    ["a", 6, 3],
    ["b", 2, 7],
  ] as const) {
    const entry = planned(id, numTokens);
    entry.request.blockTables[0]!.append([block, block + 1]);
    plan.add(entry);
  }
  const output = plan.build(5, { blockSize: 4, numGroups: 1 }, ["z"]);
  expect(output).toMatchObject({ step: 5, numScheduledTokens: 8, finishedIds: ["z"] });
  expect([...output.cuSeqlens]).toEqual([0, 6, 8]);
  expect([...output.positions]).toEqual([0, 1, 2, 3, 4, 5, 0, 1]);
  expect([...output.tokenIds]).toEqual([1, 2, 3, 4, 5, 6, 1, 2]);
  expect([...output.slotMappings[0]!]).toEqual([12, 13, 14, 15, 16, 17, 28, 29]);
  // The prompt of the second goes on in a later step: nothing to sample yet.
  expect([...output.logitRows]).toEqual([5]);
});
