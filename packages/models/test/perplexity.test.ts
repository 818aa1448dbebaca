import { readFileSync } from "node:fs";
import { availableDevices } from "@x/tensor";
import { describe, expect, it } from "vitest";
import { loadModel } from "../src/index";
import { openTestModel } from "./support/model-file";

/** Windows of a text, and what transformers in float32 makes of them on the dequantized weights. */
const { windows }: { windows: { tokenIds: number[]; logLikelihood: number }[] } = JSON.parse(
  readFileSync(new URL("./fixtures/hf-perplexity.json", import.meta.url), "utf8"),
);

/** Tokens of each window in one step. */
const chunk = 32;

/** ln of the softmax of `logits` at `index`, in float64. */
function logProbability(logits: Float32Array, index: number): number {
  let largest = -Infinity;
  for (const logit of logits) if (logit > largest) largest = logit;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - largest);
  return (logits[index] ?? Number.NaN) - largest - Math.log(sum);
}

async function measurePerplexity(activationBits: 8 | 16): Promise<number> {
  const source = await openTestModel();
  using language = await loadModel(source, { activationBits });
  await source.close();
  const { model } = language;
  const tokens = windows.reduce((sum, { tokenIds }) => sum + tokenIds.length, 0);
  expect(tokens).toBe(4000);
  // The windows are read side by side, in blocks dealt out in turn.
  const numBlocks = Math.ceil(tokens / 16) + windows.length;
  using cache = model.createPagedCache!({ numBlocks, blockSize: 16 });
  const states = windows.map(({ tokenIds }, index) => {
    const state = cache.createState();
    const blocks = Math.ceil(tokenIds.length / 16);
    state.assign(
      Array.from({ length: blocks }, (_, block) => block * windows.length + index),
      0,
    );
    return state;
  });
  const sums = windows.map(() => 0);
  const { vocabularySize } = model.config;
  const length = windows[0]!.tokenIds.length;
  for (let start = 0; start < length; start += chunk) {
    using logits = model.forward(
      states.map((state, index) => {
        const tokenIds = windows[index]!.tokenIds.slice(start, start + chunk);
        return { state, tokenIds, logits: "all" as const };
      }),
    );
    const values = (await logits.data()) as Float32Array;
    const rows = values.length / vocabularySize / windows.length;
    for (const [index, { tokenIds }] of windows.entries()) {
      for (let row = 0; row < rows && start + row + 1 < length; row++) {
        const at = (index * rows + row) * vocabularySize;
        const next = tokenIds[start + row + 1]!;
        sums[index]! += logProbability(values.subarray(at, at + vocabularySize), next);
      }
    }
  }
  for (const state of states) state.dispose();
  return perplexity(sums);
}

function perplexity(likelihoods: readonly number[]): number {
  const tokens = windows.reduce((sum, { tokenIds }) => sum + tokenIds.length - 1, 0);
  return Math.exp(-likelihoods.reduce((left, right) => left + right) / tokens);
}

const devices = await availableDevices();
const supportsRelaxedSimd = devices.some(({ reason }) => reason.includes("relaxed-simd"));

describe("the perplexity of 4,000 tokens is that of Hugging Face transformers", () => {
  const theirs = perplexity(windows.map(({ logLikelihood }) => logLikelihood));

  it("within 0.01 % with activations of 16 bits", async () => {
    const ours = await measurePerplexity(16);
    expect(ours).toBeGreaterThan(1);
    expect(Math.abs(ours / theirs - 1)).toBeLessThan(1e-4);
  }, 600_000);

  // Baseline SIMD computes with 16 bits either way.
  it.runIf(supportsRelaxedSimd)(
    "within 0.6 % with activations of 8 bits",
    async () => {
      const ours = await measurePerplexity(8);
      expect(ours).toBeGreaterThan(1);
      expect(Math.abs(ours / theirs - 1)).toBeLessThan(0.006);
    },
    600_000,
  );
});
