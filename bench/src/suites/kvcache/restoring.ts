import type { LanguageModel } from "@x/models";
import { type BenchRow, type BenchSuite, median } from "../../bench-row";
import { modelName, openModel, textTokens } from "./text";

const promptTokens = 1500;

/** The first token of a long prompt: computed, and restored from the bytes of a file. */
export const restoringSuite: BenchSuite = {
  name: "kvcache-restoring",
  description: `time to the first token of a prompt of ${promptTokens} with ${modelName}, restored and computed`,
  async run({ rounds, log }) {
    using language = await openModel();
    const prompt = textTokens(language, promptTokens);
    const file = await savedPrompt(language, prompt);
    const restored: number[] = [];
    const computed: number[] = [];
    for (let round = 0; round < rounds; round++) {
      restored.push(await firstToken(language, prompt, file));
      computed.push(await firstToken(language, prompt));
      log(`round ${round + 1}/${rounds}: ${restored.at(-1)} and ${computed.at(-1)} ms`);
    }
    const [ours, peer] = [median(restored), median(computed)];
    const row: BenchRow = {
      suite: "kvcache-restoring",
      case: `first token of ${promptTokens}, restored from ${(file.length / 1e6).toFixed(0)} MB`,
      unit: "ms",
      ours,
      peer,
      peerName: "computed",
      ratio: peer / ours,
      threads: 1,
      node: process.version,
    };
    return [row];
  },
};

async function savedPrompt(language: LanguageModel, prompt: number[]): Promise<Uint8Array> {
  using state = language.createState();
  for await (const _ of language.generate(prompt, { state, maxTokens: 1, temperature: 0 })) {
    // The state is all that is wanted.
  }
  return language.saveState(state);
}

async function firstToken(
  language: LanguageModel,
  prompt: readonly number[],
  file?: Uint8Array,
): Promise<number> {
  const startedAt = performance.now();
  using state = file === undefined ? language.createState() : language.restoreState(file);
  const run = language.generate(prompt, { state, maxTokens: 1, temperature: 0 });
  for (let step = await run.next(); !step.done; step = await run.next()) {
    if (step.value.type === "text-delta") break;
  }
  const elapsed = performance.now() - startedAt;
  await run.return(undefined as never);
  return elapsed;
}
