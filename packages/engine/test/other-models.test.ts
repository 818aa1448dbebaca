import { byteSourceFromBuffer, type LanguageModel, loadModel } from "@x/models";
import { openFile } from "@x/models/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tinyLlama } from "../../models/test/support/tiny-llama";
import { createEngine, type Engine } from "../src/index";
import { openTinyModel } from "./support/models";

const prompts = ["And the", "In the beginning God created", "hello hello hello hello hello", "x"];

async function expectSameAlone(engine: Engine, options: { maxTokens: number }): Promise<void> {
  for (const sampling of [{ temperature: 0 }, { temperature: 1, seed: 3 }]) {
    const all = { ...options, ...sampling, ignoreEos: true };
    const batch = await engine.generateBatch(prompts, all);
    for (const [index, prompt] of prompts.entries()) {
      const { outputs } = await engine.generate(prompt, all);
      expect(batch[index]?.outputs).toEqual(outputs);
    }
  }
}

describe("a model of constant state", () => {
  let model: LanguageModel;
  beforeAll(async () => {
    const path = new URL("../../../apps/demo/models/kjv-lstm.gguf", import.meta.url);
    const file = await openFile(path.pathname);
    model = await loadModel(file);
    await file.close();
  });
  afterAll(() => model.dispose());

  it("generates in the same loop: alone, in a batch, with several answers and beams", async () => {
    const before = model.model.device.memory().bytes;
    const engine = createEngine({ model, maxSequences: 5, maxBatchedTokens: 8 });
    await expectSameAlone(engine, { maxTokens: 16 });
    const options = { maxTokens: 12, seed: 7, ignoreEos: true };
    const several = await engine.generate("And the", { ...options, n: 3 });
    const second = await engine.generate("And the", { ...options, seed: 8 });
    expect(several.outputs[1]?.tokenIds).toEqual(second.outputs[0]?.tokenIds);
    const [best] = await engine.beamSearch("And the", { beamWidth: 4, maxTokens: 10 });
    const greedy = await engine.generate("And the", { temperature: 0, maxTokens: 10, logprobs: 0 });
    const logprob = greedy.outputs[0]?.logprobs?.reduce((sum, token) => sum + token.logprob, 0);
    expect(best?.cumulativeLogprob).toBeGreaterThanOrEqual((logprob ?? 0) - 1e-4);
    expect(engine.stats()).toMatchObject({ kvCacheUsage: 0, numRunningRequests: 0 });
    engine.dispose();
    await engine.idle();
    expect(model.model.device.memory().bytes).toBe(before);
  });

  it("has no drafts to take back", async () => {
    using engine = createEngine({ model, speculative: true });
    await engine.generate("the the the the the the", { temperature: 0, maxTokens: 20 });
    expect(engine.stats().speculation.numDraftTokens).toBe(0);
  });
});

describe("a model on gpu.js kernels, without paging", () => {
  it("gives the same answers as with it, with drafts and beams", async () => {
    using paged = await openTinyModel(64);
    const source = byteSourceFromBuffer(tinyLlama(), "tiny.gguf");
    using model = await loadModel(source, { device: "cpu", kernels: "gpujs" });
    using fast = createEngine({ model: paged });
    using engine = createEngine({ model, maxSequences: 4 });
    const options = { temperature: 0, maxTokens: 20, ignoreEos: true };
    for (const speculative of [false, true]) {
      const expected = await fast.generateBatch(prompts, { ...options, speculative });
      const batch = await engine.generateBatch(prompts, { ...options, speculative });
      expect(batch.map(({ text }) => text)).toEqual(expected.map(({ text }) => text));
    }
    expect(engine.stats().speculation.numAcceptedTokens).toBeGreaterThan(0);
    const sizes = { beamWidth: 3, maxTokens: 6 };
    const beams = await engine.beamSearch("hello", sizes);
    const fastBeams = await fast.beamSearch("hello", sizes);
    expect(beams.map(({ text }) => text)).toEqual(fastBeams.map(({ text }) => text));
  });
});
