import { availableParallelism } from "node:os";
import { type LanguageModel, loadModel } from "@x/models";
import { openFile, resolveModel } from "@x/models/node";
import { argmax } from "@x/tensor";
import { type BenchOptions, type BenchRow, type BenchSuite, median } from "../bench-row";
import { type DecodeMeasurement, type DecodePeer, importPeer } from "../peers";

interface PeerModule {
  openPeer(options: { modelPath: string; threads: number }): Promise<DecodePeer>;
}

const modelName = "smollm2-135m-instruct";
const promptTokens = 96;
const newTokens = 64;
const peerName = "node-llama-cpp 3.21.1";

/** Reading a prompt and answering it greedily, one sequence: tokens per second. */
export const decodeSuite: BenchSuite = {
  name: "decode",
  description: `prompt and decoding speed of ${modelName} against ${peerName}`,
  async run(options) {
    const modelPath = await resolveModel(modelName);
    const source = await openFile(modelPath);
    using model = await loadModel(source);
    await source.close();
    const { openPeer } = await importPeer<PeerModule>("node-llama-cpp.mjs", options.log);
    const prompt = promptIds(model);
    const rows: BenchRow[] = [];
    for (const threads of availableParallelism() > 1 ? [1, 2] : [1]) {
      const peer = await openPeer({ modelPath, threads });
      rows.push(...(await compare(model, peer, prompt, threads, options)));
      await peer.dispose();
    }
    return rows;
  },
};

async function compare(
  model: LanguageModel,
  peer: DecodePeer,
  prompt: number[],
  threads: number,
  { rounds, log }: BenchOptions,
): Promise<BenchRow[]> {
  const ours: DecodeMeasurement[] = [];
  const theirs: DecodeMeasurement[] = [];
  for (let round = 0; round <= rounds; round++) {
    const measured = decodeOurs(model, prompt);
    const peerMeasured = await peer.decode({ promptTokens: prompt, newTokens });
    if (round === 0) continue; // a warm-up of both
    ours.push(measured);
    theirs.push(peerMeasured);
    log(`peer threads ${threads}, round ${round}/${rounds}`);
  }
  const row = (name: string, tokens: number, time: (of: DecodeMeasurement) => number): BenchRow => {
    const speed = (of: DecodeMeasurement) => (tokens * 1000) / time(of);
    const [our, their] = [median(ours.map(speed)), median(theirs.map(speed))];
    return {
      suite: "decode",
      case: `${name}, ours on 1 thread (${model.kernels})`,
      unit: "tokens/s",
      ours: our,
      peer: their,
      peerName,
      ratio: our / their,
      threads,
      node: process.version,
    };
  };
  return [
    row(`prompt of ${promptTokens}`, promptTokens, ({ prefillMs }) => prefillMs),
    row(`decode ${newTokens}`, newTokens - 1, ({ decodeMs }) => decodeMs),
  ];
}

function decodeOurs({ model }: LanguageModel, prompt: readonly number[]): DecodeMeasurement {
  using state = model.createState();
  const step = (tokenIds: readonly number[]): number => {
    using logits = model.forward([{ state, tokenIds }]);
    using best = argmax(logits);
    return best.dataSync()[0] ?? 0;
  };
  const startedAt = performance.now();
  const tokens = [step(prompt)];
  const firstTokenAt = performance.now();
  while (tokens.length < newTokens) tokens.push(step(tokens.slice(-1)));
  const decodeMs = performance.now() - firstTokenAt;
  return { prefillMs: firstTokenAt - startedAt, decodeMs, tokens };
}

/** A text of exactly `promptTokens` tokens. */
function promptIds({ tokenizer }: LanguageModel): number[] {
  const text = "The history of computing begins long before electricity: ".repeat(20);
  return tokenizer.encode(text).slice(0, promptTokens);
}
