import {
  Adam,
  add,
  argmax,
  cast,
  crossEntropy,
  type Device,
  equal,
  linear,
  mean,
  relu,
  type Tensor,
  tensor,
  tidy,
  valueAndGrad,
} from "../../src/index";
import type { FixtureFile } from "./parse-safetensors";

/** What training gave. */
export interface TrainedDigits {
  /** The loss of each step, before its update. */
  readonly losses: readonly number[];
  /** Share of the test images that is right at the end. */
  readonly accuracy: number;
}

const [training, batchSize] = [1408, 64];
const names = ["hiddenWeight", "hiddenBias", "outputWeight", "outputBias"] as const;

type Weights = Readonly<Record<(typeof names)[number], Tensor>>;

/** Two layers: `[N, 64]` to `[N, 10]`. */
function logitsOf(weights: Weights, images: Tensor): Tensor {
  const hidden = relu(add(linear(images, weights.hiddenWeight), weights.hiddenBias));
  return add(linear(hidden, weights.outputWeight), weights.outputBias);
}

/** Trains the perceptron of tools/oracles/torch_digits.py on a device. */
export async function trainDigits(
  device: Device,
  fixture: FixtureFile,
  steps: number,
): Promise<TrainedDigits> {
  const floats = Float32Array.from(fixture.tensor("images").values, (pixel) => pixel / 16);
  using images = tensor(floats, [floats.length / 64, 64], { device });
  const classes = fixture.tensor("labels").values;
  using labels = tensor(classes, [classes.length], { device, dtype: "int32" });
  const weights = Object.fromEntries(
    names.map((name) => {
      const { values, shape } = fixture.tensor(`weights.${name}`);
      return [name, tensor(values, shape, { device })];
    }),
  ) as Record<(typeof names)[number], Tensor>;
  using optimizer = new Adam(weights, { learningRate: 0.01 });
  const lossAndGradients = valueAndGrad((parameters: Weights, rows: Tensor, targets: Tensor) =>
    crossEntropy(logitsOf(parameters, rows), targets),
  );
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const first = (step * batchSize) % training;
    using rows = images.slice(0, first, first + batchSize);
    using targets = labels.slice(0, first, first + batchSize);
    const { value, gradients } = lossAndGradients(weights, rows, targets);
    optimizer.step(gradients);
    losses.push((await value.data())[0]!);
    value.dispose();
    for (const gradient of Object.values(gradients)) gradient.dispose();
  }
  using share = tidy(() => {
    const predicted = argmax(logitsOf(weights, images.slice(0, training)));
    return mean(cast(equal(predicted, labels.slice(0, training)), "float32"));
  });
  const accuracy = (await share.data())[0]!;
  for (const weight of Object.values(weights)) weight.dispose();
  return { losses, accuracy };
}
