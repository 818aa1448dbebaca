import type { LanguageModel } from "@x/models";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  createEngine,
  type Engine,
  type EngineOptions,
  type GenerationOptions,
  type Prompt,
} from "../src/index";
import { openSmolLM2 } from "./support/models";

const text =
  "The river rises in the hills and runs to the sea. Where the river rises in the hills, people " +
  "say that it never runs dry. Repeat: The river rises in the hills and runs to the sea.";

const modes: Record<string, GenerationOptions> = {
  greedy: { temperature: 0, maxTokens: 40, logprobs: 2 },
  seeded: { temperature: 0.9, topP: 0.95, seed: 11, maxTokens: 40, logprobs: 2 },
  penalized: {
    temperature: 0.8,
    seed: 5,
    maxTokens: 40,
    logprobs: 2,
    frequencyPenalty: 0.4,
    presencePenalty: 0.2,
    repetitionPenalty: 1.1,
  },
};

describe("the tokens of an answer do not depend on what else runs", () => {
  let model: LanguageModel;
  beforeAll(async () => {
    model = await openSmolLM2();
  });
  afterAll(() => model.dispose());

  const answers = async (engine: Engine, prompt: Prompt, own: GenerationOptions = {}) => {
    const results = Object.values(modes).map((mode) =>
      engine.generate(prompt, { ...mode, ...own }).result(),
    );
    return (await Promise.all(results)).map(({ outputs }) =>
      outputs.map(({ tokenIds, logprobs }) => ({
        tokenIds,
        logprobs: logprobs?.map(({ logprob }) => logprob),
      })),
    );
  };

  const alone = async (prompt: Prompt, options: Omit<EngineOptions, "model"> = {}) => {
    using engine = createEngine({ model, prefixCaching: false, ...options });
    const all = [];
    for (const mode of Object.values(modes)) {
      const { outputs } = await engine.generate(prompt, mode);
      all.push(
        outputs.map(({ tokenIds, logprobs }) => ({
          tokenIds,
          logprobs: logprobs?.map(({ logprob }) => logprob),
        })),
      );
    }
    return all;
  };

  let expected: Awaited<ReturnType<typeof alone>>;
  beforeAll(async () => {
    expected = await alone(text);
    expect(expected.every(([answer]) => (answer?.tokenIds.length ?? 0) > 10)).toBe(true);
  });

  it("is what the model generates by itself", async () => {
    const run = model.generate(model.tokenizer.encode(text), { temperature: 0, maxTokens: 40 });
    let step = await run.next();
    while (!step.done) step = await run.next();
    expect(expected[0]?.[0]?.tokenIds).toEqual(step.value.tokenIds);
  });

  it("in a batch with 16 strangers", async () => {
    using engine = createEngine({ model, maxSequences: 19 });
    const strangers = Array.from({ length: 16 }, (_, index) =>
      engine
        .generate(`Stranger ${index} says: ${"word ".repeat(index * 3)}`, {
          temperature: index % 2,
          seed: index,
          maxTokens: 20 + index,
        })
        .result(),
    );
    expect(await answers(engine, text)).toEqual(expected);
    await Promise.all(strangers);
  });

  it("with the prefix from the cache", async () => {
    using engine = createEngine({ model });
    await engine.generate(text, { maxTokens: 1 });
    expect(await answers(engine, text)).toEqual(expected);
    expect(engine.stats().prefixCacheHits).toBeGreaterThan(0);
  });

  it("with the prompt in chunks", async () => {
    using engine = createEngine({ model, maxSequences: 3, maxBatchedTokens: 7 });
    expect(await answers(engine, text)).toEqual(expected);
  });

  it.each([1, 5, 16, 64])("with blocks of %d tokens", async (blockSize) => {
    using engine = createEngine({ model, blockSize });
    expect(await answers(engine, text)).toEqual(expected);
  });

  it("preempted and computed anew", async () => {
    const bytesPerToken = 46_080;
    using engine = createEngine({ model, cacheBytes: 16 * 10 * bytesPerToken });
    const strangers = [0, 1].map((seed) =>
      engine.generate(`Another text, number ${seed}`, { seed, maxTokens: 60 }).result(),
    );
    expect(await answers(engine, text)).toEqual(expected);
    await Promise.all(strangers);
    expect(engine.stats().numPreemptions).toBeGreaterThan(0);
  });

  it("with drafts", async () => {
    using engine = createEngine({ model, speculative: { numDraftTokens: 5 } });
    expect(await answers(engine, text)).toEqual(expected);
    expect(engine.stats().speculation.numAcceptedTokens).toBeGreaterThan(0);
  });

  it("as one of several answers to the prompt", async () => {
    using engine = createEngine({ model });
    const [several, first] = await Promise.all([
      engine.generate(text, { ...modes.seeded, seed: 10, n: 3 }),
      engine.generate(text, { ...modes.seeded, seed: 11 }),
    ]);
    expect(several.outputs[1]?.tokenIds).toEqual(first.outputs[0]?.tokenIds);
    expect(first.outputs[0]?.tokenIds).toEqual(expected[1]?.[0]?.tokenIds);
  });
});
