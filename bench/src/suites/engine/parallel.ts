import { availableParallelism } from "node:os";
import { createEngine } from "@x/engine";
import { resolveModel } from "@x/models/node";
import { type BenchOptions, type BenchRow, type BenchSuite, median } from "../../bench-row";
import { importPeer } from "../../peers";
import { differentPrompts, modelName, openModel } from "./model";

const sequences = 8;
const promptTokens = 64;
const newTokens = 96;
const peerName = "node-llama-cpp 3.21.1";

/** Prompts that are answered at once. */
interface ParallelRequest {
  readonly prompts: readonly (readonly number[])[];
  readonly newTokens: number;
}

/** Answers prompts at once, greedily, past any end; gives the milliseconds that it took. */
interface ParallelServer {
  serve(request: ParallelRequest): Promise<number>;
  dispose(): Promise<void>;
}

interface PeerModule {
  openParallelPeer(options: {
    modelPath: string;
    threads: number;
    sequences: number;
  }): Promise<ParallelServer>;
}

/** Tokens per second of eight sequences at once, ours and llama.cpp each on 1 and 2 threads. */
export const parallelSuite: BenchSuite = {
  name: "engine-parallel",
  description: `${sequences} sequences of ${modelName} at once against ${peerName}`,
  async run(options) {
    const { openParallelPeer } = await importPeer<PeerModule>(
      "node-llama-cpp-parallel.mjs",
      options.log,
    );
    const modelPath = await resolveModel(modelName);
    const rows: BenchRow[] = [];
    for (const threads of availableParallelism() > 1 ? [1, 2] : [1]) {
      const peer = await openParallelPeer({ modelPath, threads, sequences });
      for (const activationBits of [16, 8] as const) {
        rows.push(await compare(threads, activationBits, peer, options));
      }
      await peer.dispose();
    }
    return rows;
  },
};

async function compare(
  threads: number,
  activationBits: 8 | 16,
  peer: ParallelServer,
  { rounds, log }: BenchOptions,
): Promise<BenchRow> {
  using model = await openModel(threads, activationBits);
  const prompts = differentPrompts(model, sequences, promptTokens);
  const serveOurs = async () => {
    using engine = createEngine({ model, maxSequences: sequences, prefixCaching: false });
    const startedAt = performance.now();
    await engine.generateBatch(
      prompts.map((tokenIds) => ({ tokenIds })),
      { temperature: 0, ignoreEos: true, maxTokens: newTokens },
    );
    return performance.now() - startedAt;
  };
  const ours: number[] = [];
  const theirs: number[] = [];
  const speed = (ms: number) => (sequences * newTokens * 1000) / ms;
  for (let round = 0; round <= rounds; round++) {
    const our = speed(await serveOurs());
    const their = speed(await peer.serve({ prompts, newTokens }));
    if (round === 0) continue; // a warm-up of both
    ours.push(our);
    theirs.push(their);
    log(
      `threads ${threads}, ${activationBits} bits, round ${round}/${rounds}: ${our.toFixed(1)} and ${their.toFixed(1)}`,
    );
  }
  const [our, their] = [median(ours), median(theirs)];
  return {
    suite: "engine-parallel",
    case: `${sequences} × (${promptTokens} + ${newTokens}) tokens (${model.kernels}, ${activationBits} bits)`,
    unit: "tokens/s",
    ours: our,
    peer: their,
    peerName,
    ratio: our / their,
    threads,
    node: process.version,
  };
}
