import {
  createDevice,
  type Device,
  normalNumbers,
  sum,
  type Tensor,
  tensor,
  tidy,
  valueAndGrad,
} from "@x/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  dpfpFeatures,
  eluPlusOne,
  expFeatures,
  type FeatureMap,
  favorFeatures,
  fourierFeatures,
  gatedDeltaRule,
  gatedLinearAttention,
  identityFeatures,
  linearAttention,
  type OwnedFeatureMap,
  reluFeatures,
  squaredRelu,
  taylorFeatures,
} from "../src/index";
import { makeOperands, members } from "./support/members";
import { naiveGradients } from "./support/naive-gradients";
import { naiveRecurrence } from "./support/naive-recurrence";
import { relativeError } from "./support/relative-error";
import { runGradients } from "./support/run-gradients";

const forms = ["recurrent", "chunked", "parallel"] as const;

let device: Device;
beforeAll(async () => {
  device = await createDevice("wasm");
});
afterAll(() => {
  expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0 });
  device.dispose();
});

const assertFinite = (values: ArrayLike<number>, what: string) => {
  for (const [index, value] of Array.from(values).entries()) {
    if (!Number.isFinite(value)) expect.fail(`${what}: element ${index} is ${value}`);
  }
};

describe.each(members.filter(({ decay }) => decay === "scalar" || decay === "vector"))(
  "$name under extreme gates",
  (member) => {
    const sizes = { batch: 1, time: 70, heads: 2, key: 8, value: 4 };
    const gates: [string, (index: number) => number][] = [
      ["0: nothing decays", () => 0],
      ["near 1", () => -1e-6],
      ["near 0", () => -80],
      ["below what float32 holds", () => -1000],
      ["open, with a shut one now and then", (index) => (index % 29 === 0 ? -300 : -1e-4)],
    ];

    it.each(gates)("%s", (_, gate) => {
      const tokens = sizes.time * sizes.heads;
      const logDecay = Float32Array.from({ length: tokens * sizes.key }, (_, index) =>
        gate(member.decay === "vector" ? index : Math.floor(index / sizes.key)),
      );
      const operands = { ...makeOperands(member, sizes, 3), logDecay };
      const weights = {
        output: normalNumbers(tokens * sizes.value, 8),
        state: normalNumbers(sizes.heads * sizes.key * sizes.value, 9),
      };
      const expected = naiveRecurrence(operands);
      const exact = naiveGradients(operands, weights.output, weights.state);
      for (const form of forms) {
        const actual = runGradients(device, member, operands, weights, form, 16);
        expect(relativeError(actual.output, expected.output)).toBeLessThan(member.tolerance);
        for (const name of ["queries", "keys", "values", "initialState"] as const) {
          const gradient = actual.gradients[name]!;
          assertFinite(gradient, name);
          // Below 1e-30 a gradient counts as 0.
          if (exact[name].every((one) => Math.abs(one) < 1e-30)) continue;
          expect(relativeError(gradient, exact[name]), name).toBeLessThan(member.tolerance);
        }
        assertFinite(actual.gradients.logDecay!, "gradient of the gates");
      }
    });
  },
);

it("gates of minus infinity forget all, without NaN", () => {
  tidy(() => {
    const make = (seed: number, size: number) =>
      tensor(normalNumbers(20 * size, seed), [1, 20, 1, size], { device });
    const [q, k, v] = [make(1, 4), make(2, 4), make(3, 3)];
    const shut = new Array(20).fill(Number.NEGATIVE_INFINITY);
    const scalar = tensor(shut, [1, 20, 1], { device });
    const beta = tensor(new Array(20).fill(0.5), [1, 20, 1], { device });
    const output = gatedDeltaRule(q, k, v, beta, scalar, { form: "recurrent" }).output.dataSync();
    assertFinite(output, "output");
    const vector = tensor(
      shut.flatMap((x) => [x, x, x, x]),
      [1, 20, 1, 4],
      { device },
    );
    assertFinite(
      gatedLinearAttention(q, k, v, vector, { form: "recurrent" }).output.dataSync(),
      "output",
    );
  });
});

describe("the delta rule with keys far from length 1", () => {
  it.each(members.filter(({ isDelta }) => isDelta))("$name", (member) => {
    const sizes = { batch: 1, time: 64, heads: 1, key: 8, value: 4 };
    for (const length of [1e-3, 0.1, 1.3]) {
      const given = makeOperands(member, sizes, 6);
      const operands = { ...given, keys: Float32Array.from(given.keys, (x) => x * length) };
      const expected = naiveRecurrence(operands);
      for (const form of forms) {
        const weights = {
          output: new Float32Array(64 * 4).fill(1),
          state: new Float32Array(32).fill(1),
        };
        const { output } = runGradients(device, member, operands, weights, form, 16);
        expect(relativeError(output, expected.output), `${form}, ${length}`).toBeLessThan(
          member.tolerance,
        );
      }
    }
  });
});

describe("features of large, opposite and zero vectors stay finite", () => {
  const maps: [string, () => FeatureMap][] = [
    ["elu + 1", () => eluPlusOne],
    ["relu", () => reluFeatures],
    ["relu²", () => squaredRelu],
    ["exp", () => expFeatures],
    ["identity", () => identityFeatures],
    ["Taylor", () => taylorFeatures],
    ["DPFP", () => dpfpFeatures()],
    ["FAVOR+", () => favorFeatures({ device, size: 8, features: 32, seed: 1 })],
    ["Fourier", () => fourierFeatures({ device, size: 8, features: 32, seed: 1 })],
  ];

  it.each(maps)("%s", (_, mapOf) => {
    const featureMap = mapOf();
    const [time, size] = [96, 8];
    const rows: ((t: number, d: number) => number)[] = [
      () => 0,
      (t, d) => (t % 2 === 0 ? 1 : -1) * (d + 1),
      (t, d) => Math.sin(t * 7 + d) * 100,
      () => -50,
      () => 60,
    ];
    for (const row of rows) {
      tidy(() => {
        const x = tensor(
          Float32Array.from({ length: time * size }, (_, i) => row(Math.floor(i / size), i % size)),
          [1, time, 1, size],
          { device },
        );
        for (const causal of [true, false]) {
          const { value, gradients } = valueAndGrad((own: Tensor) =>
            sum(linearAttention(own, own, own, { featureMap, causal }).output),
          )(x);
          assertFinite(value.dataSync(), "output");
          assertFinite(gradients.dataSync(), "gradient");
        }
      });
    }
    if ("dispose" in featureMap) (featureMap as OwnedFeatureMap).dispose();
  });
});
