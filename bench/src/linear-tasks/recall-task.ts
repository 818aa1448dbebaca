import { deltaRule, identityFeatures, linearAttention } from "@x/attention-linear";
import {
  Adam,
  add,
  argmax,
  clipByGlobalNorm,
  crossEntropy,
  type Device,
  keep,
  linear,
  matmul,
  mul,
  normal,
  oneHot,
  ones,
  type Parameters,
  rmsNorm,
  rsqrt,
  sigmoid,
  square,
  sum,
  type Tensor,
  tensor,
  tidy,
  valueAndGrad,
} from "@x/tensor";
import { randomNumbers } from "../adding/adding-problem";

/** Which rule writes into the state. */
export type WriteRule = "plain accumulation" | "delta rule";

/** Size of a key, and so how many keys a state holds apart. */
export const keySize = 16;
/** Different keys: twice as many. */
export const keyCount = 32;
/** Pairs that are written, so that a key is written twice on average. */
export const writes = 64;
const valueCount = 16;
const width = 64;
const batch = 32;
const ignored = -100;
const tokens = writes + keyCount;

/**
 * Associative recall: pairs of a key and a value are shown, keys again with other values; then every key
 * is asked for its latest value. One layer of attention between linear ones learns it, with either rule
 * and otherwise the same parameters.
 *
 * @returns Share of right answers on sequences that were not learned.
 */
export function learnToRecall(
  rule: WriteRule,
  { device, seed, updates }: { device: Device; seed: number; updates: number },
): number {
  let drawn = 0;
  const weight = (rows: number, columns: number, deviation = 1 / Math.sqrt(columns)) =>
    keep(normal([rows, columns], { device, seed: 100 * seed + drawn++, deviation }));
  const parameters = {
    keys: weight(keyCount, width, 1),
    values: weight(valueCount + 1, width, 1),
    query: weight(keySize, width),
    key: weight(keySize, width),
    value: weight(width, width),
    beta: weight(1, width),
    norm: keep(ones([width], { device })),
    head: weight(valueCount, width),
  };
  using optimizer = new Adam(parameters, {
    learningRate: (step) => (step < updates * 0.7 ? 5e-3 : 1e-3),
  });
  const random = randomNumbers(seed);
  for (let update = 0; update < updates; update++) {
    tidy(() => {
      const { keys, values, targets } = recallBatch(random, batch, device);
      const { gradients } = valueAndGrad((own: Parameters) =>
        crossEntropy(answer(rule, own, keys, values), targets),
      )(parameters);
      optimizer.step(clipByGlobalNorm(gradients, 1).gradients);
    });
  }
  const accuracy = tidy(() => {
    const { keys, values, targets } = recallBatch(randomNumbers(seed + 1_000_000), 256, device);
    const answers = argmax(answer(rule, parameters, keys, values)).dataSync();
    const wanted = [...targets.dataSync().entries()].filter(([, target]) => target !== ignored);
    return wanted.filter(([index, target]) => answers[index] === target).length / wanted.length;
  });
  for (const one of Object.values(parameters)) one.dispose();
  return accuracy;
}

/** Logits of the values, `[B, T, values]`. */
function answer(rule: WriteRule, parameters: Parameters, keys: Tensor, values: Tensor): Tensor {
  const named = (name: string) => {
    const parameter = parameters[name];
    if (parameter === undefined) throw new Error(`the parameter ${name} is missing`);
    return parameter;
  };
  const rows = (table: Tensor, ids: Tensor) => matmul(oneHot(ids, table.dimension(0)), table);
  const x = add(rows(named("keys"), keys), rows(named("values"), values)); // [B, T, width]
  const oneHead = (tensor: Tensor) => tensor.expandDims(2); // [B, T, 1, ·]
  const q = oneHead(unitLength(linear(x, named("query"))));
  const k = oneHead(unitLength(linear(x, named("key"))));
  const v = oneHead(linear(x, named("value")));
  // Questions write nothing.
  const mask = tensor(
    Array.from({ length: tokens }, (_, t) => (t < writes ? 1 : 0)),
    [1, tokens],
    { device: x.device },
  ).broadcastTo([x.dimension(0), tokens]);
  const { output } =
    rule === "delta rule"
      ? deltaRule(q, k, v, sigmoid(add(linear(x, named("beta")), 2)), {
          ...{ mask, normalizeKeys: false, scale: 1 },
        })
      : linearAttention(q, k, v, { mask, featureMap: identityFeatures, normalize: false });
  return linear(rmsNorm(output.squeeze(2), named("norm")), named("head"));
}

function unitLength(vectors: Tensor): Tensor {
  return mul(vectors, rsqrt(add(sum(square(vectors), { axis: -1, keepDims: true }), 1e-6)));
}

/** int32 `[B, T]`: keys; values, or their number where a key is asked for; the answers. */
function recallBatch(
  random: () => number,
  rows: number,
  device: Device,
): { keys: Tensor; values: Tensor; targets: Tensor } {
  const keys = new Int32Array(rows * tokens);
  const values = new Int32Array(rows * tokens).fill(valueCount);
  const targets = new Int32Array(rows * tokens).fill(ignored);
  for (let row = 0; row < rows; row++) {
    const latest = new Map<number, number>();
    for (let t = 0; t < writes; t++) {
      const [key, value] = [Math.floor(random() * keyCount), Math.floor(random() * valueCount)];
      keys[row * tokens + t] = key;
      values[row * tokens + t] = value;
      latest.set(key, value);
    }
    for (let key = 0; key < keyCount; key++) {
      keys[row * tokens + writes + key] = key;
      targets[row * tokens + writes + key] = latest.get(key) ?? ignored;
    }
  }
  const make = (data: Int32Array) => tensor(data, [rows, tokens], { device, dtype: "int32" });
  return { keys: make(keys), values: make(values), targets: make(targets) };
}
