import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LanguageModel, type LoadModelOptions, loadModel } from "../src/index";
import { openTestModel } from "./support/model-file";
import { readSafetensors } from "./support/read-safetensors";

const fixture = (name: string) => new URL(`./fixtures/${name}`, import.meta.url);
const readJson = (name: string) => JSON.parse(readFileSync(fixture(name), "utf8"));

/** Prompts with the logits after their last token, by Hugging Face transformers in float32. */
const references: { name: string; promptTokenIds: number[] }[] = readJson("hf-logits.json").prompts;
const referenceLogits = readSafetensors(fixture("hf-logits.safetensors"));

/** Prompts with 48 greedy tokens by llama.cpp on the same weights, as float32. */
const continuations: { id: string; promptTokenIds: number[]; float32: number[] }[] =
  readJson("llama-cpp-greedy.json").prompts;

/** What llama.cpp's Vulkan backend writes on the quantized file itself, by id. */
const sameFile = new Map<string, number[]>(
  readJson("llama-cpp-vulkan.json").prompts.map(
    ({ id, tokens }: { id: string; tokens: number[] }) => [id, tokens],
  ),
);

/** Tokens of a prompt that is read in a moment by any SIMD kernels. */
const longestShortPrompt = 64;

/** Below this difference of the best two logits, arithmetic noise may decide. */
const tieGap = 0.05;

async function load(options: LoadModelOptions): Promise<LanguageModel> {
  const source = await openTestModel();
  try {
    return await loadModel(source, options);
  } finally {
    await source.close();
  }
}

/** Logits after the last of `tokenIds`, computed in chunks, the first of them as long as asked. */
function lastLogits(
  { model }: LanguageModel,
  tokenIds: readonly number[],
  chunk: number,
  firstChunk = chunk,
) {
  using state = model.createState();
  using first = model.forward([{ state, tokenIds: tokenIds.slice(0, firstChunk) }]);
  let row = first.dataSync() as Float32Array<ArrayBuffer>;
  for (let start = firstChunk; start < tokenIds.length; start += chunk) {
    using logits = model.forward([{ state, tokenIds: tokenIds.slice(start, start + chunk) }]);
    row = logits.dataSync() as Float32Array<ArrayBuffer>;
  }
  return row;
}

function largestDifference(actual: Float32Array, expected: Float32Array): number {
  expect(actual.length).toBe(expected.length);
  expect(actual.every(Number.isFinite)).toBe(true);
  return actual.reduce((max, value, i) => Math.max(max, Math.abs(value - expected[i]!)), 0);
}

interface Divergence {
  readonly position: number;
  /** Difference of our best two logits where we part. */
  readonly gap: number;
}

/** Decodes greedily along `expected` and tells where our choice first differs. */
function firstDivergence(
  { model }: LanguageModel,
  prompt: readonly number[],
  expected: readonly number[],
): Divergence | undefined {
  using state = model.createState();
  let pending = prompt;
  for (const [position, tokenId] of expected.entries()) {
    using logits = model.forward([{ state, tokenIds: pending }]);
    const row = logits.dataSync() as Float32Array;
    const best = Math.max(...row);
    if (row.indexOf(best) !== tokenId) {
      const second = row.filter((value) => value < best).reduce((a, b) => Math.max(a, b));
      return { position, gap: best - second };
    }
    pending = [tokenId];
  }
  return undefined;
}

describe("SmolLM2-135M-Instruct on wasm", () => {
  let language: LanguageModel;
  beforeAll(async () => {
    // Several would wait for each other while other tests compute.
    language = await load({ device: "wasm", threads: 1 });
    expect(language.kernels).toMatch(/simd/);
  }, 300_000);
  afterAll(() => language?.dispose());

  it.each(references)(
    "has the logits of Hugging Face transformers after $name",
    ({ name, promptTokenIds }) => {
      const logits = lastLogits(language, promptTokenIds, 64);
      expect(largestDifference(logits, referenceLogits.get(name)!)).toBeLessThan(5e-2);
    },
    120_000,
  );

  it.each(continuations)(
    "writes what llama.cpp writes after $id",
    ({ id, promptTokenIds, float32 }) => {
      expect(float32.length).toBe(48);
      const onFile = sameFile.get(id) ?? [];
      expect(onFile.length).toBe(48);
      const isSame = onFile.join() === float32.join();
      for (const expected of isSame ? [float32] : [float32, onFile]) {
        const divergence = firstDivergence(language, promptTokenIds, expected);
        if (divergence === undefined) continue;
        const { position, gap } = divergence;
        console.log(`${id} parts from llama.cpp at token ${position}: gap ${gap}`);
        expect(gap).toBeLessThan(tieGap);
      }
    },
    120_000,
  );

  it("compares with llama.cpp on enough prompts", () => {
    expect(continuations.length).toBeGreaterThanOrEqual(10);
    expect(sameFile.size).toBeGreaterThanOrEqual(10);
  });

  it("gives the same logits whatever the chunks of the prompt", () => {
    const { promptTokenIds } = references.find(({ name }) => name === "long-600")!;
    const whole = lastLogits(language, promptTokenIds, 600);
    for (const [chunk, firstChunk] of [
      [1, 540],
      [7, 7],
      [64, 64],
    ] as const) {
      const logits = lastLogits(language, promptTokenIds, chunk, firstChunk);
      expect(largestDifference(logits, whole)).toBeLessThan(1e-3);
    }
  }, 240_000);

  it("leaves the memory where it was after a generation", async () => {
    const { bytes, tensors } = language.model.device.memory();
    const prompt = language.encodeChat([{ role: "user", content: "Count to ten." }]);
    for await (const _ of language.generate(prompt, { maxTokens: 20, temperature: 0 })) {
      // The events are of no interest here.
    }
    expect(language.model.device.memory()).toMatchObject({ bytes, tensors, leakedTensors: 0 });
  }, 60_000);
});

/** What makes no difference. */
describe.each([
  { what: "threads on", options: { threads: 2 } },
  { what: "relaxed SIMD off", options: { build: "simd", threads: 1 } },
] as const)("SmolLM2-135M-Instruct with $what", ({ options }) => {
  let language: LanguageModel;
  beforeAll(async () => {
    language = await load(options);
  }, 300_000);
  afterAll(() => language?.dispose());

  it.each(references.filter(({ promptTokenIds }) => promptTokenIds.length <= longestShortPrompt))(
    "has the logits of Hugging Face transformers after $name",
    ({ name, promptTokenIds }) => {
      const logits = lastLogits(language, promptTokenIds, 64);
      expect(largestDifference(logits, referenceLogits.get(name)!)).toBeLessThan(5e-2);
    },
    120_000,
  );

  it("writes what llama.cpp writes", () => {
    const { promptTokenIds, float32 } = continuations.find(({ id }) => id === "english-fact")!;
    expect(firstDivergence(language, promptTokenIds, float32)).toBeUndefined();
  }, 120_000);
});

/** The reference kernels take a second and more per token, so they get the short prompts. */
const longestReferencePrompt = 8;

describe.each(["cpu", "wasm"] as const)("SmolLM2-135M-Instruct by gpu.js on %s", (device) => {
  let language: LanguageModel;
  beforeAll(async () => {
    language = await load({ device, kernels: "gpujs" });
  }, 300_000);
  afterAll(() => language?.dispose());

  it.each(
    references.filter(({ promptTokenIds }) => promptTokenIds.length <= longestReferencePrompt),
  )(
    "has the logits of Hugging Face transformers after $name",
    ({ name, promptTokenIds }) => {
      const logits = lastLogits(language, promptTokenIds, promptTokenIds.length);
      expect(largestDifference(logits, referenceLogits.get(name)!)).toBeLessThan(2e-2);
    },
    180_000,
  );

  it("writes what the SIMD kernels write", () => {
    const { promptTokenIds, float32 } = continuations.find(({ id }) => id === "english-fact")!;
    expect(firstDivergence(language, promptTokenIds, float32.slice(0, 5))).toBeUndefined();
  }, 180_000);
});
