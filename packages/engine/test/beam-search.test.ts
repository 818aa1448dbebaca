import type { LanguageModel } from "@x/models";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createEngine } from "../src/index";
import { openTinyModel } from "./support/models";

interface PlainBeam {
  readonly tokenIds: readonly number[];
  readonly logprob: number;
}

/** Beam search in its plainest form: every beam is computed from its first token on, alone. */
function plainBeamSearch(
  model: LanguageModel,
  prompt: readonly number[],
  { beamWidth, maxTokens }: { beamWidth: number; maxTokens: number },
) {
  const eos = model.tokenizer.eosTokenIds;
  const finished: { tokenIds: readonly number[]; score: number; logprob: number }[] = [];
  let beams: PlainBeam[] = [{ tokenIds: [], logprob: 0 }];
  for (let length = 1; length <= maxTokens; length++) {
    const grown = beams.flatMap(({ tokenIds, logprob }) => {
      using state = model.model.createState();
      using logits = model.model.forward([{ state, tokenIds: [...prompt, ...tokenIds] }]);
      const row = [...(logits.dataSync() as Float32Array)];
      const largest = Math.max(...row);
      const normalizer = largest + Math.log(row.reduce((sum, x) => sum + Math.exp(x - largest), 0));
      return row.map((logit, id) => ({
        tokenIds: [...tokenIds, id],
        logprob: logprob + logit - normalizer,
      }));
    });
    const isEnd = ({ tokenIds }: PlainBeam) => eos.includes(tokenIds.at(-1) ?? -1);
    for (const beam of grown.filter(isEnd)) {
      const score = beam.logprob / length;
      finished.push({ tokenIds: beam.tokenIds.slice(0, -1), score, logprob: beam.logprob });
    }
    beams = grown
      .filter((beam) => !isEnd(beam))
      .sort((a, b) => b.logprob - a.logprob)
      .slice(0, beamWidth);
  }
  for (const { tokenIds, logprob } of beams) {
    finished.push({ tokenIds, score: logprob / maxTokens, logprob });
  }
  return finished.sort((a, b) => b.score - a.score).slice(0, beamWidth);
}

describe("beamSearch", () => {
  let model: LanguageModel;
  beforeAll(async () => {
    model = await openTinyModel();
  });
  afterAll(() => model.dispose());

  it.each([
    { beamWidth: 1, maxTokens: 6 },
    { beamWidth: 3, maxTokens: 8 },
    { beamWidth: 5, maxTokens: 1 },
    { beamWidth: 8, maxTokens: 12 },
  ])(
    "finds what the plain algorithm finds: $beamWidth beams of $maxTokens tokens",
    async (sizes) => {
      for (const text of ["hello", "The quick brown fox", "0123456789abcdef0123456789"]) {
        using engine = createEngine({ model, blockSize: 4, cacheBytes: 2 ** 18 });
        const expected = plainBeamSearch(model, model.tokenizer.encode(text), sizes);
        const answers = await engine.beamSearch(text, sizes);
        expect(answers.map(({ tokenIds }) => tokenIds)).toEqual(
          expected.map(({ tokenIds }) => tokenIds),
        );
        for (const [index, { score, cumulativeLogprob }] of answers.entries()) {
          expect(score).toBeCloseTo(expected[index]?.score ?? Number.NaN, 5);
          expect(cumulativeLogprob).toBeCloseTo(expected[index]?.logprob ?? Number.NaN, 4);
        }
        const { numFreeBlocks, numBlocks } = engine.stats();
        expect(numFreeBlocks).toBe(numBlocks);
      }
    },
  );

  it("finds the same when the pool is too small for all beams at once", async () => {
    const sizes = { beamWidth: 4, maxTokens: 24 };
    using roomy = createEngine({ model, blockSize: 2 });
    const expected = await roomy.beamSearch("hello", sizes);
    const bytesPerBlock = roomy.stats().cacheBytes / (roomy.stats().numBlocks + 1);
    using tight = createEngine({ model, blockSize: 2, cacheBytes: 22 * bytesPerBlock });
    const others = tight.generateBatch(["some other text", "and one more"], { maxTokens: 20 });
    expect(await tight.beamSearch("hello", sizes)).toEqual(expected);
    await others;
    expect(tight.stats().numPreemptions).toBeGreaterThan(0);
    expect(tight.stats().numFreeBlocks).toBe(tight.stats().numBlocks);
  });

  it("rejects bad sizes, and ends with its signal", async () => {
    using engine = createEngine({ model, maxSequences: 4 });
    await expect(engine.beamSearch("a", { beamWidth: 5, maxTokens: 3 })).rejects.toThrow(
      /beamWidth is 5; use at most the engine's maxSequences, 4/,
    );
    await expect(engine.beamSearch("a", { beamWidth: 0, maxTokens: 3 })).rejects.toThrow(
      /beamWidth/,
    );
    await expect(engine.beamSearch("a", { beamWidth: 2, maxTokens: 0.5 })).rejects.toThrow(
      /maxTokens/,
    );
    const controller = new AbortController();
    const search = engine.beamSearch("a", {
      beamWidth: 2,
      maxTokens: 200,
      ignoreEos: true,
      signal: controller.signal,
    });
    setTimeout(() => controller.abort(), 20);
    await expect(search).rejects.toThrow(/abort/);
    await engine.idle();
    expect(engine.stats().numFreeBlocks).toBe(engine.stats().numBlocks);
  });
});
