import { LSTM } from "@x/rnn";
import {
  add,
  createDevice,
  linear,
  mean,
  normal,
  type Parameters,
  SGD,
  square,
  sub,
  tidy,
  valueAndGrad,
  zeros,
} from "@x/tensor";
import { type BenchRow, type BenchSuite, median } from "../bench-row";
import { importPeer } from "../peers";

interface TrainingPeer {
  step(): Promise<unknown>;
  dispose(): Promise<void>;
}

interface PeerModule {
  openTraining(options: Record<string, number>): Promise<TrainingPeer>;
}

const sizes = { steps: 64, batch: 16, inputSize: 64, hiddenSize: 128 };
const peerName = "tfjs 4.22.0, wasm";

/** Forward, backward and update of an LSTM with a linear head. */
export const rnnTrainingSuite: BenchSuite = {
  name: "rnn-training",
  description: `a training step of an LSTM against ${peerName}, one thread each`,
  async run({ rounds, log }) {
    const { openTraining } = await importPeer<PeerModule>("tfjs.mjs", log);
    using device = await createDevice("wasm", { threads: 1 });
    const { steps, batch, inputSize, hiddenSize } = sizes;
    using layer = new LSTM({ inputSize, hiddenSize, device });
    using weight = normal([1, hiddenSize], { device, seed: 1, deviation: 0.1 });
    using bias = zeros([1], { device });
    using inputs = normal([steps, batch, inputSize], { device, seed: 2 });
    using targets = normal([batch, 1], { device, seed: 3 });
    const parameters: Parameters = { ...layer.parameters, weight, bias };
    using optimizer = new SGD(parameters, { learningRate: 0.01 });
    const compute = valueAndGrad(({ weight: head, bias: shift, ...own }: Parameters) => {
      const { hidden } = layer.forward(inputs, { parameters: own }).state;
      if (head === undefined || shift === undefined) throw new Error("the head is missing");
      return mean(square(sub(add(linear(hidden.squeeze(0), head), shift), targets)));
    });
    const step = () =>
      tidy(() => {
        const { value, gradients } = compute(parameters);
        optimizer.step(gradients);
        return value.dataSync();
      });
    const peer = await openTraining({ ...sizes, threads: 1 });
    const [ours, theirs]: [number[], number[]] = [[], []];
    for (let round = 0; round <= rounds; round++) {
      const startedAt = performance.now();
      step();
      const between = performance.now();
      await peer.step();
      const endedAt = performance.now();
      if (round === 0) continue; // a warm-up of both
      ours.push(between - startedAt);
      theirs.push(endedAt - between);
    }
    await peer.dispose();
    const [our, their] = [median(ours), median(theirs)];
    const row: BenchRow = {
      suite: "rnn-training",
      case: `LSTM T=${steps} B=${batch} input ${inputSize} hidden ${hiddenSize} (${device.kernels})`,
      unit: "ms/step",
      ours: our,
      peer: their,
      peerName,
      ratio: their / our,
      threads: 1,
      node: process.version,
    };
    return [row];
  },
};
