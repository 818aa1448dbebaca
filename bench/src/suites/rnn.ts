import { GRU, LSTM, type RecurrentLayer, type RecurrentState, RNN, toArrays, toOnnx } from "@x/rnn";
import { createDevice, type Device, normal, tidy } from "@x/tensor";
import { type BenchOptions, type BenchRow, type BenchSuite, median } from "../bench-row";
import { importPeer } from "../peers";
import { processorTime } from "../processor-time";

interface RecurrentPeer {
  run(input: Float32Array): Promise<Float32Array>;
  dispose(): Promise<void>;
}

interface PeerModule {
  openRecurrent(options: Record<string, unknown>): Promise<RecurrentPeer>;
}

const steps = 128;
const inputSize = 256;
const hiddenSize = 256;
const peerName = "onnxruntime-web 1.30.0";
/** Runs per round: the fastest of them counts. */
const runsPerRound = 5;

/** Whole sequences through one layer. */
export const rnnSuite: BenchSuite = {
  name: "rnn",
  description: `LSTM, GRU and RNN over ${steps} steps against ${peerName}, one thread each`,
  async run(options) {
    const { openRecurrent } = await importPeer<PeerModule>("onnxruntime-web.mjs", options.log);
    using device = await createDevice("wasm", { threads: 1 });
    const rows: BenchRow[] = [];
    for (const operator of ["LSTM", "GRU", "RNN"] as const) {
      for (const batch of [1, 16]) {
        const name = `${operator} B=${batch}`;
        if (options.only !== undefined && !name.includes(options.only)) continue;
        rows.push(await compare(operator, batch, device, openRecurrent, options));
      }
    }
    return rows;
  },
};

async function compare(
  operator: "LSTM" | "GRU" | "RNN",
  batch: number,
  device: Device,
  openRecurrent: PeerModule["openRecurrent"],
  { rounds, log }: BenchOptions,
): Promise<BenchRow> {
  const settings = { inputSize, hiddenSize, device };
  using layer = (
    operator === "LSTM"
      ? new LSTM(settings)
      : operator === "GRU"
        ? new GRU(settings)
        : new RNN(settings)
  ) as RecurrentLayer<RecurrentState>;
  using input = normal([steps, batch, inputSize], { device, seed: 1 });
  const values = input.dataSync() as Float32Array;
  const { W, R, B } = toOnnx(layer.kind, await toArrays(layer.parameters));
  const peer = await openRecurrent({
    operator,
    steps,
    batch,
    inputSize,
    hiddenSize,
    weights: { W, R, B },
    threads: 1,
  });
  const runOurs = () => tidy(() => layer.forward(input).output.dataSync() as Float32Array);
  assertEqual(runOurs(), await peer.run(values));
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    ours.push(await fastest(async () => runOurs()));
    theirs.push(await fastest(() => peer.run(values)));
  }
  await peer.dispose();
  const [our, their] = [median(ours), median(theirs)];
  log(`${operator} B=${batch}: ${our.toFixed(2)} ms, ${peerName} ${their.toFixed(2)} ms`);
  return {
    suite: "rnn",
    case: `${operator} B=${batch} T=${steps} (${device.kernels})`,
    unit: "ms",
    ours: our,
    peer: their,
    peerName,
    ratio: their / our,
    threads: 1,
    node: process.version,
  };
}

async function fastest(run: () => Promise<unknown>): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let index = 0; index < runsPerRound; index++) {
    best = Math.min(best, await processorTime(run));
  }
  return best;
}

/** Figures of a computation that differs would say nothing. */
function assertEqual(ours: Float32Array, theirs: Float32Array): void {
  for (const [index, value] of ours.entries()) {
    if (Math.abs(value - (theirs[index] ?? Number.NaN)) <= 1e-4) continue;
    throw new Error(`element ${index} is ${value}, the peer has ${theirs[index]}`);
  }
}
