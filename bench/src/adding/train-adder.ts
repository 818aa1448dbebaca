import {
  GRU,
  gradientNormsByLag,
  type InitializeOptions,
  initialize,
  LSTM,
  type RecurrentLayer,
  type RecurrentState,
  RNN,
} from "@x/rnn";
import {
  Adam,
  add,
  clipByGlobalNorm,
  type Device,
  linear,
  mean,
  type Parameters,
  SGD,
  square,
  sub,
  type Tensor,
  tidy,
  uniform,
  valueAndGrad,
  zeros,
} from "@x/tensor";
import { addingBatch, randomNumbers } from "./adding-problem";

/** A network and how it learns. */
export interface AdderOptions {
  readonly kind: "RNN" | "relu RNN" | "LSTM" | "GRU";
  readonly steps: number;
  readonly seed: number;
  readonly maxUpdates: number;
  readonly device: Device;
  readonly hiddenSize?: number;
  readonly optimizer?: "adam" | "sgd";
  readonly learningRate?: number;
  /** Largest norm of the gradients; `undefined` leaves them as they are. */
  readonly clipNorm?: number | undefined;
  readonly start?: InitializeOptions;
}

/** How it went. */
export interface AdderResult {
  /** Mean squared error on sequences that were not learned. */
  readonly error: number;
  /** Errors on the way, one for each {@link updatesPerCheck} updates. */
  readonly curve: readonly number[];
  readonly updates: number;
  /** Whether the loss left every bound, or the error at the end is above {@link divergedAbove}. */
  readonly diverged: boolean;
  /** Norm of ∂loss/∂h_t by lag, before the first update. */
  readonly gradientNorms: readonly number[];
}

/** The goal of the problem. */
const goal = 0.02;
export const updatesPerCheck = 50;
/** Answering 0 has an error of 7/6. */
const divergedAbove = 10;
const lostAbove = 1e8;
const batch = 32;

function createLayer({ kind, hiddenSize = 48, device, seed }: AdderOptions) {
  const settings = { inputSize: 2, hiddenSize, device, seed };
  const layer =
    kind === "LSTM"
      ? new LSTM(settings)
      : kind === "GRU"
        ? new GRU(settings)
        : new RNN({ ...settings, nonlinearity: kind === "RNN" ? "tanh" : "relu" });
  return layer as RecurrentLayer<RecurrentState>;
}

/** Trains a network on the adding problem until it is solved or the updates are used up. */
export async function trainAdder(options: AdderOptions): Promise<AdderResult> {
  const { kind, steps, seed, maxUpdates, device, clipNorm, optimizer = "adam" } = options;
  const { learningRate = 5e-3 } = options;
  using layer = createLayer(options);
  const start = options.start ?? (kind === "LSTM" ? { forgetBias: 1 } : {});
  initialize(layer, { ...start, seed });
  const bound = 1 / Math.sqrt(layer.hiddenSize);
  using weight = uniform([1, layer.hiddenSize], {
    device,
    seed: seed + 77,
    low: -bound,
    high: bound,
  });
  using bias = zeros([1], { device });
  const parameters: Parameters = { ...layer.parameters, weight, bias };
  using learner =
    optimizer === "adam"
      ? new Adam(parameters, { learningRate })
      : new SGD(parameters, { learningRate });
  const random = randomNumbers(seed);
  const test = tidy(() => addingBatch(randomNumbers(seed + 1_000_000), steps, 256, device));
  const lossOf = (state: RecurrentState, targets: Tensor, from: Parameters) => {
    const { weight: head, bias: shift } = from;
    if (head === undefined || shift === undefined) throw new Error("the head is missing");
    return mean(square(sub(add(linear(state.hidden.squeeze(0), head), shift), targets)));
  };
  const gradientNorms = await gradientNormsByLag(layer, test.inputs, {
    loss: ({ state }) => lossOf(state, test.targets, parameters),
  });
  const evaluate = () =>
    tidy(
      () => lossOf(layer.forward(test.inputs).state, test.targets, parameters).dataSync()[0] ?? 0,
    );
  const curve: number[] = [];
  let diverged = false;
  let update = 0;
  while (update < maxUpdates && !diverged) {
    const loss = tidy(() => {
      const { inputs, targets } = addingBatch(random, steps, batch, device);
      const { value, gradients } = valueAndGrad((own: Parameters) => {
        const { weight: _, bias: __, ...recurrent } = own;
        return lossOf(layer.forward(inputs, { parameters: recurrent }).state, targets, own);
      })(parameters);
      const used =
        clipNorm === undefined ? gradients : clipByGlobalNorm(gradients, clipNorm).gradients;
      learner.step(used);
      return value.dataSync()[0] ?? 0;
    });
    update++;
    diverged = !(loss <= lostAbove);
    if (update % updatesPerCheck !== 0) continue;
    const error = evaluate();
    curve.push(error);
    if (error < goal * 0.75) break;
  }
  const error = evaluate();
  test.inputs.dispose();
  test.targets.dispose();
  return {
    error,
    curve,
    updates: update,
    diverged: diverged || !(error <= divergedAbove),
    gradientNorms,
  };
}
