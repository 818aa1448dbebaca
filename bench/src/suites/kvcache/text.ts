import { readFileSync } from "node:fs";
import { type LanguageModel, type LoadModelOptions, loadModel } from "@x/models";
import { openFile, resolveModel } from "@x/models/node";
import type { Tensor } from "@x/tensor";

/** The model of these suites. */
export const modelName = "smollm2-135m-instruct";

/** Loads the model. Dispose it. */
export async function openModel(options: LoadModelOptions = {}): Promise<LanguageModel> {
  const source = await openFile(await resolveModel(modelName));
  try {
    return await loadModel(source, options);
  } finally {
    await source.close();
  }
}

/** The first `count` tokens of the text, Genesis in the King James Version. */
export function textTokens({ tokenizer }: LanguageModel, count: number): number[] {
  const text = readFileSync(new URL("../texts/genesis.txt", import.meta.url), "utf8");
  return tokenizer.encode(text).slice(0, count);
}

/**
 * Negative log-likelihood of each token, in nats.
 *
 * @param logits - float32 `[T, V]`; row `t` predicts `targets[t]`. Rows beyond the targets are left
 * out.
 */
export function negativeLogLikelihoods(logits: Tensor, targets: readonly number[]): number[] {
  const vocabulary = logits.dimension(1);
  const data = logits.dataSync();
  return targets.map((target, row) => {
    const scores = data.subarray(row * vocabulary, (row + 1) * vocabulary);
    let largest = Number.NEGATIVE_INFINITY;
    for (const score of scores) largest = Math.max(largest, score);
    let sum = 0;
    for (const score of scores) sum += Math.exp(score - largest);
    return Math.log(sum) + largest - (scores[target] ?? Number.NEGATIVE_INFINITY);
  });
}

/** e to the mean. */
export function perplexity(losses: readonly number[]): number {
  return Math.exp(losses.reduce((sum, loss) => sum + loss, 0) / losses.length);
}
