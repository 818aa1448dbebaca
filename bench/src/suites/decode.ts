import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { openFile, resolveModel } from "@x/models/node";
import type { BenchOptions, BenchRow, BenchSuite } from "../bench-row";
import { type Contestant, compareContestants } from "../compare-contestants";
import { convertToQ4_0 } from "../convert-to-q4-0";
import { type DecodeEngine, type DecodeEngineOptions, openOurs } from "../decode-engine";
import { importPeer } from "../peers";

interface PeerModule {
  openPeer(options: DecodeEngineOptions & { readonly modelPath: string }): Promise<DecodeEngine>;
}

const modelName = "smollm2-135m-instruct";
const peerName = "node-llama-cpp 3.21.1";
const promptTokens = 512;
/** Tokens of each sequence before it decodes. */
const context = 128;
const contextSize = 640;
const batches = [1, 8, 16];

/** Tokens per second of prompts, of one sequence and of several that decode together. */
export const decodeSuite: BenchSuite = {
  name: "decode",
  description: `prompts and decoding of ${modelName}, alone and in a batch, against ${peerName}`,
  async run(options) {
    const { openPeer } = await importPeer<PeerModule>("node-llama-cpp.mjs", options.log);
    const q4_1 = await resolveModel(modelName);
    const folder = mkdtempSync(join(tmpdir(), "x-bench-"));
    try {
      const q4_0 = join(folder, "q4_0.gguf");
      await convertToQ4_0(q4_1, q4_0);
      const rows: BenchRow[] = [];
      for (const [format, modelPath] of Object.entries({ Q4_1: q4_1, Q4_0: q4_0 })) {
        rows.push(...(await compareFormat(format, modelPath, openPeer, options)));
      }
      return rows;
    } finally {
      if (existsSync(folder)) rmSync(folder, { recursive: true });
    }
  },
};

interface DecodeContestant extends Contestant {
  readonly engine: DecodeEngine;
}

async function compareFormat(
  format: string,
  modelPath: string,
  openPeer: PeerModule["openPeer"],
  options: BenchOptions,
): Promise<BenchRow[]> {
  const contestants: DecodeContestant[] = [];
  let textTokens: number[] = [];
  for (const threads of availableParallelism() > 1 ? [1, 2] : [1]) {
    const settings = { threads, contextSize };
    for (const activationBits of [16, 8] as const) {
      const ours = await openOurs(await openFile(modelPath), { ...settings, activationBits });
      const text = "The history of computing begins long before electricity: ".repeat(200);
      textTokens = ours.language.tokenizer.encode(text);
      const variant = `ours with ${activationBits} bits`;
      contestants.push({ isOurs: true, threads, variant, engine: ours });
    }
    contestants.push({
      isOurs: false,
      threads,
      engine: await openPeer({ ...settings, modelPath }),
    });
  }
  const rows: BenchRow[] = [];
  const wanted = (name: string) => options.only === undefined || name.includes(options.only);
  const add = async (name: string, tokens: number, open: OpenCase) => {
    if (wanted(name)) rows.push(...(await compare(name, tokens, contestants, open, options)));
  };
  await add(`${format} prompt of ${promptTokens}`, promptTokens, async ({ engine }) => ({
    run: () => engine.readPrompt(textTokens.slice(0, promptTokens)),
    close: async () => {},
  }));
  for (const batch of batches) {
    const steps = batch === 1 ? 64 : 16;
    const prompts = Array.from({ length: batch }, (_, index) =>
      textTokens.slice(index, index + context),
    );
    await add(`${format} decode, batch ${batch}`, batch * steps, async ({ engine }) => {
      const sequences = await engine.openSequences(prompts);
      return { run: () => sequences.decode(steps), close: () => sequences.close() };
    });
  }
  for (const { engine } of contestants) await engine.dispose();
  return rows;
}

/** Makes a case ready on one engine; `run` gives milliseconds. */
type OpenCase = (
  contestant: DecodeContestant,
) => Promise<{ run(): Promise<number>; close(): Promise<void> }>;

/** Makes the case ready on all engines, and runs it on all in turn. */
async function compare(
  name: string,
  tokens: number,
  engines: readonly DecodeContestant[],
  open: OpenCase,
  options: BenchOptions,
): Promise<BenchRow[]> {
  const contestants: (Contestant & { readonly opened: Awaited<ReturnType<OpenCase>> })[] = [];
  for (const contestant of engines) {
    contestants.push({ ...contestant, opened: await open(contestant) });
  }
  const rows = await compareContestants(
    contestants,
    { suite: "decode", name, tokens, peerName, run: ({ opened }) => opened.run() },
    options,
  );
  for (const { opened } of contestants) await opened.close();
  return rows;
}
