import {
  type FeatureMap,
  type LinearAttentionKind,
  LinearLanguageModel,
} from "@x/attention-linear";
import {
  argmax,
  clipByGlobalNorm,
  crossEntropy,
  type Device,
  RAdam,
  type Tensor,
  tensor,
  tidy,
  valueAndGrad,
} from "@x/tensor";
import { randomNumbers } from "../adding/adding-problem";

/** A model and how it learns to copy. */
export interface CopyOptions {
  readonly kind: LinearAttentionKind;
  readonly featureMap?: FeatureMap;
  readonly device: Device;
  readonly seed: number;
  readonly maxUpdates: number;
  readonly learningRate: number;
  /** Is told the accuracy at every hundredth update. */
  readonly onCheck: (update: number, accuracy: number) => void;
}

/** How it went. */
export interface CopyResult {
  /** Share of copied symbols that are right, on sequences that were not learned. */
  readonly accuracy: number;
  readonly updates: number;
  readonly parameters: number;
}

const symbols = 10;
/** A sequence is a separator, 63 symbols, a separator, and the 63 symbols again: 128 tokens. */
const word = 63;
const batch = 8;
const goal = 0.999;
const ignored = -100;

/**
 * The copy task (Graves et al. 2014, arXiv 1410.5401, section 4.1; as a language model: Katharopoulos et
 * al. 2020, section 4.1): to go on after the second separator as after the first.
 */
export function learnToCopy(options: CopyOptions): CopyResult {
  const { kind, featureMap, device, seed, maxUpdates, learningRate, onCheck } = options;
  using model = new LinearLanguageModel({
    ...{ kind, vocabularySize: symbols + 1, dim: 64, heads: 4, layers: 1, positions: 2 * word + 2 },
    ...{ device, seed },
    ...(featureMap && { featureMap }),
  });
  using optimizer = new RAdam(model.parameters, {
    learningRate: (step) => (step < maxUpdates * 0.8 ? learningRate : learningRate / 10),
  });
  const random = randomNumbers(seed);
  let accuracy = 0;
  let update = 0;
  while (update < maxUpdates && accuracy < goal) {
    tidy(() => {
      const { inputs, targets } = copyBatch(random, batch, device);
      const { gradients } = valueAndGrad((parameters: Record<string, Tensor>) =>
        crossEntropy(model.logits(inputs, { parameters }).value, targets),
      )({ ...model.parameters });
      optimizer.step(clipByGlobalNorm(gradients, 1).gradients);
    });
    update++;
    if (update % 100 !== 0) continue;
    accuracy = accuracyOf(model, randomNumbers(seed + 1_000_000), device);
    onCheck(update, accuracy);
  }
  return { accuracy, updates: update, parameters: model.parameterCount };
}

function accuracyOf(model: LinearLanguageModel, random: () => number, device: Device): number {
  return tidy(() => {
    const { inputs, targets } = copyBatch(random, 64, device);
    const answers = argmax(model.logits(inputs).value).dataSync();
    const wanted = targets.dataSync();
    let [right, asked] = [0, 0];
    for (const [index, target] of wanted.entries()) {
      if (target === ignored) continue;
      asked++;
      if (answers[index] === target) right++;
    }
    return right / asked;
  });
}

/** int32 `[B, T]`: sequences without their last symbol, and the symbols that follow from the copy on. */
function copyBatch(
  random: () => number,
  rows: number,
  device: Device,
): { inputs: Tensor; targets: Tensor } {
  const length = 2 * word + 1;
  const inputs = new Int32Array(rows * length);
  const targets = new Int32Array(rows * length).fill(ignored);
  for (let row = 0; row < rows; row++) {
    for (let index = 0; index < word; index++) {
      const symbol = 1 + Math.floor(random() * symbols);
      inputs[row * length + 1 + index] = symbol;
      if (index < word - 1) inputs[row * length + word + 2 + index] = symbol;
      targets[row * length + word + 1 + index] = symbol;
    }
  }
  const make = (values: Int32Array) => tensor(values, [rows, length], { device, dtype: "int32" });
  return { inputs: make(inputs), targets: make(targets) };
}
