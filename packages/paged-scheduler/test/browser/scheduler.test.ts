import { expect, it } from "vitest";
import { NgramProposer, Scheduler } from "../../src/index";
import { publishedLengths, simulate, synthesizeTrace } from "../../src/simulator/index";
import { FakeModel, referenceOutput } from "../support/fake-model";

it("serves requests in a browser, with sharing, preemption, forks and drafts", () => {
  const groups = [{ kind: "full-attention" as const }];
  const numBlocks = 16;
  const scheduler = new Scheduler({ numBlocks, blockSize: 4, groups, eosTokenIds: [0] });
  const model = new FakeModel(groups, numBlocks, 4);
  const proposer = new NgramProposer({ minTokens: 1, numDraftTokens: 3 });
  const prompts = [9, 14, 17, 20].map((length) =>
    Array.from({ length }, (_, index) => 1 + (index % 4)),
  );
  const outputs = new Map<string, number[]>();
  prompts.forEach((promptTokens, index) => {
    scheduler.addRequest({ id: `${index}`, promptTokens, maxTokens: 12, n: 2 });
  });
  while (scheduler.numUnfinishedRequests > 0) {
    const step = scheduler.schedule();
    for (const { id, newTokens } of scheduler.update(step, model.run(step))) {
      outputs.set(id, [...(outputs.get(id) ?? []), ...newTokens]);
      const request = scheduler.request(id);
      if (request) scheduler.setDraftTokens(id, proposer.propose(request.tokens));
    }
  }
  prompts.forEach((prompt, index) => {
    expect(outputs.get(`${index}`)).toEqual(referenceOutput(prompt, 12, groups));
    expect(outputs.get(`${index}#1`)).toEqual(referenceOutput(prompt, 12, groups, 1));
  });
  const stats = scheduler.stats();
  expect(stats.numFreeBlocks).toBe(numBlocks - 1);
  expect(stats.numPreemptions).toBeGreaterThan(0);
  expect(stats.prefixCacheHits).toBeGreaterThan(0);
  expect(stats.speculation.numAcceptedTokens).toBeGreaterThan(0);
});

it("simulates in a browser", () => {
  const trace = synthesizeTrace({ numRequests: 60, lengths: publishedLengths.alpaca });
  expect(simulate(trace, { memory: "paged" }).numFinished).toBe(60);
});
