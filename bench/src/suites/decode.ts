import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { resolveModel } from "@x/models/node";
import { type BenchOptions, type BenchRow, type BenchSuite, median } from "../bench-row";
import { convertToQ4_0 } from "../convert-to-q4-0";
import { type DecodeEngine, type DecodeEngineOptions, openOurs } from "../decode-engine";
import { importPeer } from "../peers";

interface PeerModule {
  openPeer(options: DecodeEngineOptions): Promise<DecodeEngine>;
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

/** An engine with what it is called in rows. */
interface Contestant {
  readonly isOurs: boolean;
  readonly threads: number;
  readonly engine: DecodeEngine;
}

async function compareFormat(
  format: string,
  modelPath: string,
  openPeer: PeerModule["openPeer"],
  options: BenchOptions,
): Promise<BenchRow[]> {
  const contestants: Contestant[] = [];
  let textTokens: number[] = [];
  for (const threads of availableParallelism() > 1 ? [1, 2] : [1]) {
    const settings = { modelPath, threads, contextSize };
    const ours = await openOurs(settings);
    const text = "The history of computing begins long before electricity: ".repeat(200);
    textTokens = ours.language.tokenizer.encode(text);
    contestants.push({ isOurs: true, threads, engine: ours });
    contestants.push({ isOurs: false, threads, engine: await openPeer(settings) });
  }
  const rows: BenchRow[] = [];
  const wanted = (name: string) => options.only === undefined || name.includes(options.only);
  const add = async (name: string, tokens: number, open: OpenCase) => {
    if (wanted(name)) rows.push(await compare(name, tokens, contestants, open, options));
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
  contestant: Contestant,
) => Promise<{ run(): Promise<number>; close(): Promise<void> }>;

/** Runs all engines in turn, and compares the better number of threads of each side. */
async function compare(
  name: string,
  tokens: number,
  contestants: readonly Contestant[],
  open: OpenCase,
  { rounds, log }: BenchOptions,
): Promise<BenchRow> {
  const cases: { contestant: Contestant; opened: Awaited<ReturnType<OpenCase>>; ms: number[] }[] =
    [];
  for (const contestant of contestants) {
    cases.push({ contestant, opened: await open(contestant), ms: [] });
  }
  for (let round = 0; round <= rounds; round++) {
    for (const { opened, ms } of cases) {
      const elapsed = await opened.run();
      if (round > 0) ms.push(elapsed); // the first is a warm-up
    }
    log(`${name}, round ${round}/${rounds}`);
  }
  for (const { opened } of cases) await opened.close();
  const speeds = cases.map(({ contestant, ms }) => ({
    ...contestant,
    speed: (tokens * 1000) / median(ms),
  }));
  for (const { isOurs, threads, speed } of speeds) {
    log(`  ${isOurs ? "ours" : peerName}, ${threads} threads: ${speed.toFixed(1)} tokens/s`);
  }
  const best = (isOurs: boolean) =>
    speeds
      .filter((one) => one.isOurs === isOurs)
      .reduce((left, right) => (right.speed > left.speed ? right : left));
  const [ours, peer] = [best(true), best(false)];
  return {
    suite: "decode",
    case: `${name}, ours on ${ours.threads}, theirs on ${peer.threads}`,
    unit: "tokens/s",
    ours: ours.speed,
    peer: peer.speed,
    peerName,
    ratio: ours.speed / peer.speed,
    threads: ours.threads,
    node: process.version,
  };
}
