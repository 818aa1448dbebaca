import {
  createDevice,
  type Device,
  grad,
  mul,
  normal,
  normalNumbers,
  sum,
  tensor,
  tidy,
} from "@x/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { lshAttention } from "../src/index";
import { relativeError } from "./support/relative-error";

/** Full attention with shared queries and keys, in float64: what enough rounds come near to. */
function fullAttention(
  queries: ArrayLike<number>,
  values: ArrayLike<number>,
  time: number,
  size: number,
  width: number,
  causal: boolean,
): Float64Array {
  const result = new Float64Array(time * width);
  for (let i = 0; i < time; i++) {
    const scores = Array.from({ length: time }, (_, j) => {
      if (causal && j > i) return Number.NEGATIVE_INFINITY;
      if (i === j) return -5e4;
      let dot = 0;
      let norm = 0;
      for (let d = 0; d < size; d++) {
        dot += queries[i * size + d]! * queries[j * size + d]!;
        norm += queries[j * size + d]! ** 2;
      }
      return dot / Math.sqrt(norm) / Math.sqrt(size);
    });
    const top = Math.max(...scores);
    const weights = scores.map((score) => Math.exp(score - top));
    const total = weights.reduce((a, b) => a + b);
    weights.forEach((weight, j) => {
      for (let d = 0; d < width; d++)
        result[i * width + d]! += (weight / total) * values[j * width + d]!;
    });
  }
  return result;
}

describe("lshAttention", () => {
  let device: Device;
  beforeAll(async () => {
    device = await createDevice("wasm");
  });
  afterAll(() => {
    expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0 });
    device.dispose();
  });

  const run = (
    queries: Float32Array,
    values: Float32Array,
    time: number,
    options: Parameters<typeof lshAttention>[2],
  ) =>
    tidy(() => {
      const size = queries.length / time;
      const q = tensor(queries, [1, time, 1, size], { device });
      const v = tensor(values, [1, time, 1, values.length / time], { device });
      return lshAttention(q, v, options).dataSync() as Float32Array;
    });

  it.each([true, false])("is full attention when one chunk holds all (causal %s)", (causal) => {
    for (const time of [1, 5, 31, 32]) {
      const queries = normalNumbers(time * 8, 1);
      const values = normalNumbers(time * 4, 2);
      const options = { bucketSize: 32, rounds: 2, causal, seed: 3 };
      const expected = fullAttention(queries, values, time, 8, 4, causal);
      expect(relativeError(run(queries, values, time, options), expected)).toBeLessThan(1e-5);
    }
  });

  it("comes nearer to full attention with every doubling of the rounds", () => {
    const [time, size] = [256, 16];
    const errors = [1, 2, 4, 8].map((rounds) => {
      let total = 0;
      for (const seed of [1, 2, 3, 4]) {
        const queries = normalNumbers(time * size, seed).map((x) => x * 2.5);
        const values = normalNumbers(time * size, seed + 10);
        const expected = fullAttention(queries, values, time, size, size, true);
        const actual = run(queries, values, time, { bucketSize: 16, rounds, seed: seed + 20 });
        total += relativeError(actual, expected);
      }
      return total;
    });
    for (let index = 1; index < errors.length; index++) {
      expect(errors[index]!).toBeLessThan(errors[index - 1]!);
    }
  });

  it("never looks ahead, whatever follows", () => {
    const [time, size, kept] = [100, 8, 61];
    const queries = normalNumbers(time * size, 1);
    const values = normalNumbers(time * size, 2);
    const options = { bucketSize: 8, rounds: 3, seed: 5 };
    const before = run(queries, values, time, options);
    const otherValues = values.map((x, index) => (index < kept * size ? x : 1e6));
    const after = run(queries, otherValues, time, options);
    expect([...after.slice(0, kept * size)]).toEqual([...before.slice(0, kept * size)]);
  });

  it("gives padding no weight", () => {
    const [time, size] = [70, 8];
    const queries = normalNumbers(time * size, 1).map((x) => x * 0.01);
    const ones = new Float32Array(time * size).fill(1);
    for (const acrossBuckets of [true, false]) {
      const options = { bucketSize: 8, rounds: 2, causal: false, seed: 5, acrossBuckets };
      for (const value of run(queries, ones, time, options)) expect(value).toBeCloseTo(1, 5);
    }
  });

  it("has gradients that central differences confirm", () => {
    const [time, size] = [24, 4];
    const options = { bucketSize: 4, rounds: 2, seed: 9 };
    const queries = normalNumbers(time * size, 1);
    const values = normalNumbers(time * size, 2);
    const weights = normalNumbers(time * size, 3);
    const shape = [1, time, 1, size];
    const loss = (q: Float32Array, v: Float32Array) =>
      run(q, v, time, options).reduce((total, x, i) => total + x * weights[i]!, 0);
    const gradients = tidy(() => {
      const w = tensor(weights, shape, { device });
      const both = grad(
        ({ q, v }: { q: ReturnType<typeof normal>; v: ReturnType<typeof normal> }) =>
          sum(mul(lshAttention(q, v, options), w)),
      )({ q: tensor(queries, shape, { device }), v: tensor(values, shape, { device }) });
      return { q: both.q.dataSync(), v: both.v.dataSync() };
    });
    for (const index of [0, 13, 40, 77, 95]) {
      const step = 1e-2;
      const shift = (source: Float32Array, by: number) =>
        source.map((x, i) => (i === index ? x + by : x));
      const byValues =
        (loss(queries, shift(values, step)) - loss(queries, shift(values, -step))) / (2 * step);
      expect(gradients.v[index]).toBeCloseTo(byValues, 2);
      // A bucket may flip under a step in the queries; a smaller one is safe here.
      const small = 1e-3;
      const byQueries =
        (loss(shift(queries, small), values) - loss(shift(queries, -small), values)) / (2 * small);
      expect(gradients.q[index]).toBeCloseTo(byQueries, 1);
    }
  });

  it("refuses shapes and sizes that do not fit", () => {
    tidy(() => {
      const x = normal([1, 4, 2, 3], { device, seed: 1 });
      const y = normal([1, 5, 2, 3], { device, seed: 1 });
      expect(() => lshAttention(x, y, { seed: 1 })).toThrow(/\[1, 4, 2, 3\], \[1, 5, 2, 3\]/);
      expect(() => lshAttention(x, x, { seed: 1, bucketSize: 0 })).toThrow(/bucketSize 0/);
    });
  });
});
