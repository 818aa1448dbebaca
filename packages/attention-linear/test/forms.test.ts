import { createDevice, type Device, normalNumbers, type Tensor, tensor, tidy } from "@x/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gatedRecurrence } from "../src/gated-recurrence";
import { type NaiveOperands, naiveRecurrence } from "./support/naive-recurrence";
import { relativeError } from "./support/relative-error";

interface Member {
  readonly name: string;
  readonly decay: "none" | "head" | "scalar" | "vector";
  readonly isDelta: boolean;
  readonly tolerance: number;
}

const members: Member[] = [
  { name: "no decay", decay: "none", isDelta: false, tolerance: 2e-4 },
  { name: "decay per head", decay: "head", isDelta: false, tolerance: 2e-4 },
  { name: "scalar gate", decay: "scalar", isDelta: false, tolerance: 2e-4 },
  { name: "vector gate", decay: "vector", isDelta: false, tolerance: 2e-4 },
  { name: "delta rule", decay: "none", isDelta: true, tolerance: 1e-3 },
  { name: "gated delta rule", decay: "scalar", isDelta: true, tolerance: 1e-3 },
];

interface Sizes {
  readonly batch: number;
  readonly time: number;
  readonly heads: number;
  readonly key: number;
  readonly value: number;
}

/** Random operands: keys of length 1 for the delta rule, gates from -0.01 to `strength`. */
function makeOperands(member: Member, sizes: Sizes, seed: number, strength = 3): NaiveOperands {
  const { batch, time, heads, key, value } = sizes;
  const tokens = batch * time * heads;
  const numbers = (count: number, offset: number) => normalNumbers(count, seed * 100 + offset);
  const keys = Float64Array.from(numbers(tokens * key, 1));
  if (member.isDelta) {
    for (let token = 0; token < tokens; token++) {
      const row = keys.subarray(token * key, (token + 1) * key);
      const length = Math.hypot(...row);
      for (let i = 0; i < key; i++) row[i]! /= length;
    }
  }
  const gates = numbers(tokens * key, 2).map((x) => -0.01 - strength / (1 + Math.exp(-x * 4)));
  const logDecay = Float32Array.from({ length: tokens * key }, (_, index) => {
    const token = Math.floor(index / key);
    if (member.decay === "vector") return gates[index]!;
    if (member.decay === "scalar") return gates[token]!;
    return Math.log(1 - 2 ** (-5 - (token % heads)));
  });
  return {
    sizes,
    queries: numbers(tokens * key, 3).map((x) => x / Math.sqrt(key)),
    keys: Float32Array.from(keys),
    values: numbers(tokens * value, 4),
    initialState: numbers(batch * heads * key * value, 5),
    ...(member.decay === "none" ? {} : { logDecay }),
    ...(member.isDelta ? { beta: numbers(tokens, 6).map((x) => 1 / (1 + Math.exp(-x * 3))) } : {}),
  };
}

function toTensors(operands: NaiveOperands, member: Member, device: Device) {
  const { batch, time, heads, key, value } = operands.sizes;
  const { logDecay } = operands;
  const perToken =
    logDecay && Float32Array.from({ length: batch * time * heads }, (_, i) => logDecay[i * key]!);
  const from = (values: ArrayLike<number>, ...shape: number[]) => tensor(values, shape, { device });
  return {
    queries: from(operands.queries, batch, time, heads, key),
    keys: from(operands.keys, batch, time, heads, key),
    values: from(operands.values, batch, time, heads, value),
    logDecay:
      member.decay === "vector"
        ? logDecay && from(logDecay, batch, time, heads, key)
        : perToken && from(perToken, batch, time, heads),
    beta: operands.beta && from(operands.beta, batch, time, heads),
    initialState: from(operands.initialState!, batch, heads, key, value),
  };
}

const cases: Sizes[] = [
  { batch: 2, time: 1, heads: 2, key: 16, value: 8 },
  { batch: 1, time: 15, heads: 3, key: 16, value: 16 },
  { batch: 2, time: 63, heads: 2, key: 16, value: 5 },
  { batch: 1, time: 64, heads: 1, key: 60, value: 64 },
  { batch: 1, time: 75, heads: 2, key: 64, value: 32 },
  { batch: 1, time: 100, heads: 1, key: 128, value: 16 },
];

describe.each(members)("$name", (member) => {
  let device: Device;
  beforeAll(async () => {
    device = await createDevice("wasm");
  });
  afterAll(() => {
    expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0 });
    device.dispose();
  });

  const run = (
    operands: NaiveOperands,
    form: "recurrent" | "chunked" | "parallel",
    chunkSize: number,
  ) =>
    tidy(() => {
      const { initialState, ...rest } = toTensors(operands, member, device);
      const result = gatedRecurrence("test", rest, { form, chunkSize, initialState });
      return { output: result.output.dataSync(), state: result.finalState.dataSync() };
    });

  it.each(cases)("every form equals the recurrence: T $time, K $key, V $value", (sizes) => {
    const operands = makeOperands(member, sizes, 7);
    const expected = naiveRecurrence(operands);
    const forms = [
      ["recurrent", 1],
      ["parallel", 1],
      ...[1, 16, 63, 64].map((size) => ["chunked", size] as const),
    ] as const;
    for (const [form, chunkSize] of forms) {
      const { output, state } = run(operands, form, chunkSize);
      expect(relativeError(output, expected.output)).toBeLessThan(member.tolerance);
      expect(relativeError(state, expected.state)).toBeLessThan(member.tolerance);
    }
  });

  it("stays finite and right under the strongest decay and near 0", () => {
    const sizes = { batch: 1, time: 40, heads: 2, key: 8, value: 4 };
    for (const strength of [0, 20, 200]) {
      const operands = makeOperands(member, sizes, 3, strength);
      const expected = naiveRecurrence(operands);
      for (const form of ["recurrent", "chunked", "parallel"] as const) {
        const { output } = run(operands, form, 16);
        expect(relativeError(output, expected.output)).toBeLessThan(member.tolerance);
      }
    }
  });

  it("continues from any split", () => {
    const sizes = { batch: 1, time: 50, heads: 2, key: 12, value: 6 };
    const operands = makeOperands(member, sizes, 5);
    const whole = naiveRecurrence(operands);
    for (const split of [1, 17, 32, 49]) {
      const joined = tidy(() => {
        const { initialState, ...rest } = toTensors(operands, member, device);
        const part = (from: number, to: number, state: Tensor) => {
          const cut = (one: Tensor | undefined) => one?.slice(1, from, to);
          return gatedRecurrence(
            "test",
            {
              queries: rest.queries.slice(1, from, to),
              keys: rest.keys.slice(1, from, to),
              values: rest.values.slice(1, from, to),
              logDecay: cut(rest.logDecay),
              beta: cut(rest.beta),
            },
            { chunkSize: 16, initialState: state },
          );
        };
        const first = part(0, split, initialState);
        const second = part(split, 50, first.finalState);
        return [...first.output.dataSync(), ...second.output.dataSync()];
      });
      expect(relativeError(joined, whole.output)).toBeLessThan(member.tolerance);
    }
  });
});
