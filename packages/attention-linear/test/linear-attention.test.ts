import {
  createDevice,
  type Device,
  mean,
  normalNumbers,
  square,
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
  LinearAttention,
  linearAttention,
  reluFeatures,
  retention,
  squaredRelu,
  taylorFeatures,
} from "../src/index";
import { relativeError } from "./support/relative-error";

const [time, size, width] = [37, 6, 5];

let device: Device;
beforeAll(async () => {
  device = await createDevice("wasm");
});
afterAll(() => {
  expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0 });
  device.dispose();
});

const make = (values: Float32Array, ...shape: number[]) => tensor(values, shape, { device });

/** Weights φ(q)·φ(k) in float64, normalized by rows where asked. */
function weightedSums(
  features: { queries: ArrayLike<number>; keys: ArrayLike<number>; count: number },
  values: ArrayLike<number>,
  { causal, normalize }: { causal: boolean; normalize: boolean },
): Float64Array {
  const { queries, keys, count } = features;
  const result = new Float64Array(time * width);
  for (let i = 0; i < time; i++) {
    let total = 1e-6;
    for (let j = 0; j < (causal ? i + 1 : time); j++) {
      let weight = 0;
      for (let f = 0; f < count; f++) weight += queries[i * count + f]! * keys[j * count + f]!;
      total += weight;
      for (let d = 0; d < width; d++) result[i * width + d]! += weight * values[j * width + d]!;
    }
    if (normalize) for (let d = 0; d < width; d++) result[i * width + d]! /= total;
  }
  return result;
}

describe("linearAttention", () => {
  const maps: [string, (device: Device) => FeatureMap][] = [
    ["elu + 1", () => eluPlusOne],
    ["relu", () => reluFeatures],
    ["relu²", () => squaredRelu],
    ["exp", () => expFeatures],
    ["Taylor", () => taylorFeatures],
    ["DPFP", () => dpfpFeatures({ nu: 2 })],
  ];

  it.each(maps)("with %s equals the sums over all earlier tokens, in every form", (_, mapOf) => {
    const featureMap = mapOf(device);
    const [q, k] = [normalNumbers(time * size, 1), normalNumbers(time * size, 2)];
    const values = normalNumbers(time * width, 3);
    tidy(() => {
      const [queries, keys] = [make(q, 1, time, 1, size), make(k, 1, time, 1, size)];
      const features = {
        queries: featureMap.map(queries, "query").dataSync(),
        keys: featureMap.map(keys, "key").dataSync(),
        count: featureMap.features(size),
      };
      expect(features.queries.length).toBe(time * features.count);
      for (const causal of [true, false]) {
        for (const normalize of [true, false]) {
          const expected = weightedSums(features, values, { causal, normalize });
          for (const form of ["recurrent", "chunked", "parallel"] as const) {
            const { output, finalState } = linearAttention(
              queries,
              keys,
              make(values, 1, time, 1, width),
              { featureMap, causal, normalize, form, chunkSize: 8 },
            );
            expect(relativeError(output.dataSync(), expected)).toBeLessThan(2e-4);
            expect(finalState.shape).toEqual([1, 1, features.count, width + Number(normalize)]);
          }
        }
      }
    });
  });

  it("continues a prompt token by token", () => {
    const [q, k] = [normalNumbers(time * size, 1), normalNumbers(time * size, 2)];
    const values = normalNumbers(time * width, 3);
    tidy(() => {
      const all = [
        make(q, 1, time, 1, size),
        make(k, 1, time, 1, size),
        make(values, 1, time, 1, width),
      ] as const;
      const whole = linearAttention(...all).output.dataSync();
      const part = (from: number, to: number, initialState?: Tensor) => {
        const [queries, keys, cut] = all.map((one) => one.slice(1, from, to));
        return linearAttention(queries!, keys!, cut!, initialState ? { initialState } : {});
      };
      let step = part(0, 20);
      const outputs = [...step.output.dataSync()];
      for (let token = 20; token < time; token++) {
        step = part(token, token + 1, step.finalState);
        outputs.push(...step.output.dataSync());
      }
      expect(relativeError(outputs, whole)).toBeLessThan(1e-5);
    });
  });

  it("defines no tokens as no output and an unchanged state", () => {
    tidy(() => {
      const none = make(new Float32Array(0), 1, 0, 2, size);
      const state = make(normalNumbers(2 * size * 3, 1), 1, 2, size, 3);
      const { output, finalState } = retention(none, none, make(new Float32Array(0), 1, 0, 2, 3), {
        initialState: state,
      });
      expect(output.shape).toEqual([1, 0, 2, 3]);
      expect(finalState.dataSync()).toEqual(state.dataSync());
    });
  });
});

describe("random features", () => {
  it.each([
    ["FAVOR+", favorFeatures],
    ["Fourier", fourierFeatures],
  ] as const)("%s: the mean error falls as 1/√m, and the mean is exp(q·k/√d)", (_, mapOf) => {
    const q = normalNumbers(size, 1).map((x) => x * 0.7);
    const k = normalNumbers(size, 2).map((x) => x * 0.7);
    let dot = 0;
    for (let d = 0; d < size; d++) dot += q[d]! * k[d]!;
    const exact = Math.exp(dot / Math.sqrt(size));
    const norms = q.reduce((total, x) => total + x * x, 0) / (2 * Math.sqrt(size));
    const draws = 64;
    const statistics = [16, 64, 256].map((features) => {
      const estimates = Array.from({ length: draws }, (_, seed) => {
        using map = mapOf({ device, size, features, seed: seed + 1 });
        return tidy(() => {
          const queries = map.map(make(q, 1, size), "query");
          const keys = map.map(make(k, 1, size), "key");
          const [a, b] = [queries.dataSync(), keys.dataSync()];
          let estimate = 0;
          for (let f = 0; f < a.length; f++) estimate += a[f]! * b[f]!;
          // The query's own factor is left out of its features: it cancels in the normalization.
          const own =
            mapOf === favorFeatures ? Math.exp(favorShift(q, map, device)) : Math.exp(norms);
          return estimate * own;
        });
      });
      const average = estimates.reduce((total, x) => total + x) / draws;
      const spread = Math.sqrt(estimates.reduce((total, x) => total + (x - exact) ** 2, 0) / draws);
      return { average, spread };
    });
    const [coarse, , fine] = statistics;
    expect(Math.abs(fine!.average - exact) / exact).toBeLessThan(0.05);
    // Sixteen times the features: a quarter of the error, within the noise of 64 draws.
    expect(fine!.spread / coarse!.spread).toBeGreaterThan(0.12);
    expect(fine!.spread / coarse!.spread).toBeLessThan(0.45);
  });

  it("keep their projection within a sequence, and never look ahead", () => {
    using map = favorFeatures({ device, size, features: 32, seed: 4 });
    tidy(() => {
      const x = normalNumbers(10 * size, 1);
      const changed = x.map((value, index) => (index < 6 * size ? value : value * 50));
      for (const role of ["query", "key"] as const) {
        const before = map
          .map(make(x, 1, 10, 1, size), role)
          .slice(1, 0, 6)
          .dataSync();
        const after = map
          .map(make(changed, 1, 10, 1, size), role)
          .slice(1, 0, 6)
          .dataSync();
        expect(after).toEqual(before);
      }
    });
  });
});

/** The maximum that a query's features are divided by: those of FAVOR+ peak at `1/√m`. */
function favorShift(q: Float32Array, map: FeatureMap, device: Device): number {
  return tidy(() => {
    const asKey = map.map(tensor(q, [1, size], { device }), "key").dataSync();
    const asQuery = map.map(tensor(q, [1, size], { device }), "query").dataSync();
    return Math.log(asKey[0]! / asQuery[0]!);
  });
}

describe("LinearAttention", () => {
  it.each(["linear", "retention", "gatedLinear", "delta", "gatedDelta"] as const)(
    "%s: continues, and every weight has a gradient",
    (kind) => {
      using layer = new LinearAttention({ device, dim: 12, heads: 3, kind, seed: 5 });
      tidy(() => {
        const x = make(normalNumbers(2 * 9 * 12, 1), 2, 9, 12);
        const whole = layer.forward(x);
        const first = layer.forward(x.slice(1, 0, 5));
        const second = layer.forward(x.slice(1, 5, 9), { initialState: first.state });
        const split = whole.output.slice(1, 5, 9).dataSync();
        expect(relativeError(second.output.dataSync(), split)).toBeLessThan(1e-4);
        const { gradients } = valueAndGrad((parameters: Record<string, Tensor>) =>
          mean(
            square(layer.forward(x, { parameters: { ...layer.parameters, ...parameters } }).output),
          ),
        )({ ...layer.parameters });
        for (const gradient of Object.values(gradients)) {
          expect(gradient.dataSync().some((value) => value !== 0)).toBe(true);
        }
      });
    },
  );

  it("refuses sizes that do not fit", () => {
    expect(() => new LinearAttention({ device, dim: 10, heads: 3, seed: 1 })).toThrow(/3 heads/);
    using layer = new LinearAttention({ device, dim: 12, heads: 3, seed: 1 });
    tidy(() => {
      const x = make(new Float32Array(20), 1, 2, 10);
      expect(() => layer.forward(x)).toThrow(/use \[B, T, 12\]/);
    });
  });
});
