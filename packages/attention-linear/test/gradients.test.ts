import {
  add,
  createDevice,
  type Device,
  mul,
  normalNumbers,
  sum,
  type Tensor,
  tensor,
  valueAndGrad,
} from "@x/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gatedRecurrence } from "../src/gated-recurrence";
import { type NaiveOperands, naiveRecurrence } from "./support/naive-recurrence";
import { relativeError } from "./support/relative-error";

const sizes = { batch: 1, time: 21, heads: 2, key: 5, value: 3 };
const { batch, time, heads, key, value } = sizes;
const tokens = batch * time * heads;

const members = [
  { name: "no decay", decay: "none", isDelta: false },
  { name: "scalar gate", decay: "scalar", isDelta: false },
  { name: "vector gate", decay: "vector", isDelta: false },
  { name: "delta rule", decay: "none", isDelta: true },
  { name: "gated delta rule", decay: "scalar", isDelta: true },
] as const;

/** Every operand that a member has, by name, with its shape. */
function operandsOf({ decay, isDelta }: (typeof members)[number]) {
  const numbers = (count: number, seed: number) => Float64Array.from(normalNumbers(count, seed));
  const gates = (count: number) => numbers(count, 3).map((x) => -Math.log1p(Math.exp(x)));
  return {
    queries: { shape: [batch, time, heads, key], values: numbers(tokens * key, 1) },
    keys: {
      shape: [batch, time, heads, key],
      values: numbers(tokens * key, 2).map((x) => x * (isDelta ? 0.4 : 1)),
    },
    values: { shape: [batch, time, heads, value], values: numbers(tokens * value, 4) },
    initialState: {
      shape: [batch, heads, key, value],
      values: numbers(batch * heads * key * value, 5),
    },
    ...(decay === "none"
      ? {}
      : decay === "scalar"
        ? { logDecay: { shape: [batch, time, heads], values: gates(tokens) } }
        : { logDecay: { shape: [batch, time, heads, key], values: gates(tokens * key) } }),
    ...(isDelta
      ? {
          beta: {
            shape: [batch, time, heads],
            values: numbers(tokens, 6).map((x) => 1 / (1 + Math.exp(-x))),
          },
        }
      : {}),
  };
}

type Operands = Record<string, { shape: number[]; values: Float64Array }>;

/** Σ output · r + Σ state · s in float64: both results have a gradient. */
function naiveLoss(operands: Operands, r: Float64Array, s: Float64Array): number {
  const { queries, keys, values, initialState, logDecay, beta } = operands;
  const expanded =
    logDecay && logDecay.values.length === tokens
      ? Float64Array.from({ length: tokens * key }, (_, i) => logDecay.values[Math.floor(i / key)]!)
      : logDecay?.values;
  const naive: NaiveOperands = {
    sizes,
    queries: queries!.values,
    keys: keys!.values,
    values: values!.values,
    initialState: initialState!.values,
    ...(expanded && { logDecay: expanded }),
    ...(beta && { beta: beta.values }),
  };
  const { output, state } = naiveRecurrence(naive);
  return (
    output.reduce((total, x, i) => total + x * r[i]!, 0) +
    state.reduce((total, x, i) => total + x * s[i]!, 0)
  );
}

describe.each(members)("gradients of $name", (member) => {
  let device: Device;
  beforeAll(async () => {
    device = await createDevice("wasm");
  });
  afterAll(() => {
    expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0 });
    device.dispose();
  });

  it.each([
    ["recurrent", 1],
    ["chunked", 1],
    ["chunked", 8],
    ["parallel", 1],
  ] as const)("%s form, chunks of %i, against central differences", (form, chunkSize) => {
    const operands: Operands = operandsOf(member);
    const r = Float64Array.from(normalNumbers(tokens * value, 8));
    const s = Float64Array.from(normalNumbers(batch * heads * key * value, 9));
    const make = (values: Float64Array, shape: number[]) => tensor(values, shape, { device });
    const parameters = Object.fromEntries(
      Object.entries(operands).map(([name, { values, shape }]) => [name, make(values, shape)]),
    );
    using outputWeights = make(r, [batch, time, heads, value]);
    using stateWeights = make(s, [batch, heads, key, value]);
    const step = valueAndGrad((tensors: Record<string, Tensor>) => {
      const { queries, keys, values, logDecay, beta, initialState } = tensors;
      const result = gatedRecurrence(
        "test",
        { queries: queries!, keys: keys!, values: values!, logDecay, beta },
        { form, chunkSize, initialState: initialState! },
      );
      return add(sum(mul(result.output, outputWeights)), sum(mul(result.finalState, stateWeights)));
    });
    const { value: loss, gradients } = step(parameters);
    for (const [name, { values }] of Object.entries(operands)) {
      const numeric = values.map((centre, index) => {
        const step = 1e-5;
        values[index] = centre + step;
        const above = naiveLoss(operands, r, s);
        values[index] = centre - step;
        const below = naiveLoss(operands, r, s);
        values[index] = centre;
        return (above - below) / (2 * step);
      });
      const error = relativeError(gradients[name]!.dataSync(), numeric);
      expect(error, `gradient of ${name}`).toBeLessThan(member.isDelta ? 1e-3 : 2e-4);
    }
    loss.dispose();
    for (const one of [...Object.values(parameters), ...Object.values(gradients)]) one.dispose();
  });
});
