import { LSTM } from "@x/rnn";
import {
  add,
  clipByValue,
  createDevice,
  type Device,
  linear,
  mean,
  normal,
  type Parameters,
  RMSProp,
  SGD,
  square,
  sub,
  sum,
  type Tensor,
  tidy,
  valueAndGrad,
  zeros,
} from "@x/tensor";
import { type BenchOptions, type BenchRow, type BenchSuite, median } from "../bench-row";
import { importPeer } from "../peers";
import { processorTime } from "../processor-time";

interface TrainingPeer {
  step(): unknown;
  dispose?(): Promise<void>;
}

interface RegressionModule {
  openTraining(options: Record<string, number>): Promise<TrainingPeer>;
}

interface PredictionModule {
  openPrediction(options: {
    readonly sequences: readonly (readonly Float32Array[])[];
    readonly inputSize: number;
    readonly hiddenSize: number;
    readonly learningRate: number;
  }): TrainingPeer;
}

const sizes = { steps: 64, batch: 16, inputSize: 64, hiddenSize: 128 };
const learningRate = 0.01;
/** The compilers of both have seen enough by then. */
const warmUpMs = 1000;
const sampleMs = 200;

/** Forward, backward and update of an LSTM with a linear head. */
export const rnnTrainingSuite: BenchSuite = {
  name: "rnn-training",
  description: "a training step of an LSTM against tfjs and brain.js, one thread each",
  async run(options) {
    using device = await createDevice("wasm", { threads: 1 });
    const rows: BenchRow[] = [];
    const isChosen = (name: string) => options.only === undefined || name.includes(options.only);
    if (isChosen("tfjs")) rows.push(await compareRegression(device, options));
    if (!isChosen("brain.js")) return rows;
    for (const batch of [1, sizes.batch]) {
      rows.push(await comparePrediction(batch, device, options));
    }
    return rows;
  },
};

/** The last state answers with one number; plain descent, a batch at a time. */
async function compareRegression(device: Device, options: BenchOptions): Promise<BenchRow> {
  const { openTraining } = await importPeer<RegressionModule>("tfjs.mjs", options.log);
  const { steps, batch, inputSize, hiddenSize } = sizes;
  using layer = new LSTM({ inputSize, hiddenSize, device });
  using weight = normal([1, hiddenSize], { device, seed: 1, deviation: 0.1 });
  using bias = zeros([1], { device });
  using inputs = normal([steps, batch, inputSize], { device, seed: 2 });
  using targets = normal([batch, 1], { device, seed: 3 });
  const parameters: Parameters = { ...layer.parameters, weight, bias };
  using optimizer = new SGD(parameters, { learningRate });
  const compute = valueAndGrad(({ weight: head, bias: shift, ...own }: Parameters) => {
    const { hidden } = layer.forward(inputs, { parameters: own }).state;
    return mean(square(sub(answer(hidden.squeeze(0), head, shift), targets)));
  });
  const step = () =>
    tidy(() => {
      const { value, gradients } = compute(parameters);
      optimizer.step(gradients);
      return value.dataSync();
    });
  const peer = await openTraining({ ...sizes, threads: 1 });
  const times = await alternate(step, () => peer.step(), options);
  await peer.dispose?.();
  return rowOf("last state to a number", batch, device, times, "tfjs 4.22.0, wasm");
}

/**
 * Every state predicts the next input; RMSProp and clipping by value, as brain.js does it. It takes
 * the sequences of a batch in turn, an update each.
 */
async function comparePrediction(
  batch: number,
  device: Device,
  options: BenchOptions,
): Promise<BenchRow> {
  const { openPrediction } = await importPeer<PredictionModule>("brain.mjs", options.log);
  const { steps, inputSize, hiddenSize } = sizes;
  using layer = new LSTM({ inputSize, hiddenSize, device });
  using weight = normal([inputSize, hiddenSize], { device, seed: 1, deviation: 0.1 });
  using bias = zeros([inputSize], { device });
  using data = normal([steps + 1, batch, inputSize], { device, seed: 2, deviation: 0.5 });
  const parameters: Parameters = { ...layer.parameters, weight, bias };
  using optimizer = new RMSProp(parameters, { learningRate, alpha: 0.999 });
  const compute = valueAndGrad(({ weight: head, bias: shift, ...own }: Parameters) => {
    const { output } = layer.forward(data.slice(0, 0, steps), { parameters: own });
    return sum(square(sub(answer(output, head, shift), data.slice(0, 1, steps + 1))));
  });
  const step = () =>
    tidy(() => {
      const { value, gradients } = compute(parameters);
      optimizer.step(clipByValue(gradients, 5));
      return value.dataSync();
    });
  const peer = openPrediction({
    sequences: toSequences(data),
    inputSize,
    hiddenSize,
    learningRate,
  });
  const stepPeer = () => {
    for (let turn = 0; turn < batch; turn++) peer.step();
  };
  const times = await alternate(step, stepPeer, options);
  return rowOf("every state to the next input", batch, device, times, "brain.js 2.0.0-beta.24");
}

function answer(states: Tensor, head: Tensor | undefined, shift: Tensor | undefined): Tensor {
  if (head === undefined || shift === undefined) throw new Error("the head is missing");
  return add(linear(states, head), shift);
}

/** `[T, B, I]` as arrays of one step of one sequence. */
function toSequences(data: Tensor): Float32Array[][] {
  const values = data.dataSync() as Float32Array;
  const [steps, batch, size] = [data.dimension(0), data.dimension(1), data.dimension(2)];
  return Array.from({ length: batch }, (_, row) =>
    Array.from({ length: steps }, (__, t) => {
      const start = (t * batch + row) * size;
      return values.slice(start, start + size);
    }),
  );
}

interface Times {
  readonly ours: number;
  readonly peer: number;
}

/** Medians of both, in turn. */
async function alternate(
  step: () => unknown,
  stepPeer: () => unknown,
  { rounds }: BenchOptions,
): Promise<Times> {
  await fastest(step, warmUpMs);
  await fastest(stepPeer, warmUpMs);
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    ours.push(await fastest(step, sampleMs));
    theirs.push(await fastest(stepPeer, sampleMs));
  }
  return { ours: median(ours), peer: median(theirs) };
}

/** Runs for a while, at least once; the fastest counts. */
async function fastest(step: () => unknown, duration: number): Promise<number> {
  const begin = performance.now();
  let best = Number.POSITIVE_INFINITY;
  do {
    best = Math.min(best, await processorTime(step));
  } while (performance.now() - begin < duration);
  return best;
}

function rowOf(
  task: string,
  batch: number,
  device: Device,
  { ours, peer }: Times,
  peerName: string,
): BenchRow {
  const { steps, inputSize, hiddenSize } = sizes;
  return {
    suite: "rnn-training",
    case: `LSTM T=${steps} B=${batch} input ${inputSize} hidden ${hiddenSize}, ${task} (${device.kernels})`,
    unit: "ms/step",
    ours,
    peer,
    peerName,
    ratio: peer / ours,
    threads: 1,
    node: process.version,
  };
}
