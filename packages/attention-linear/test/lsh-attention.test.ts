import {
  createDevice,
  type Device,
  grad,
  mul,
  normal,
  normalNumbers,
  sum,
  type Tensor,
  tensor,
  tidy,
} from "@x/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { lshAttention, lshBuckets } from "../src/index";
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

  it("comes nearer to full attention, and finds more of the true keys, with every doubling of the rounds", () => {
    const [time, size, top] = [256, 16, 8];
    const statistics = [1, 2, 4, 8].map((rounds) => {
      let [error, found] = [0, 0];
      for (const seed of [1, 2, 3, 4]) {
        const queries = normalNumbers(time * size, seed).map((x) => x * 2.5);
        const values = normalNumbers(time * size, seed + 10);
        const options = { bucketSize: 16, rounds, seed: seed + 20 };
        const expected = fullAttention(queries, values, time, size, size, true);
        error += relativeError(run(queries, values, time, options), expected);
        // With unit vectors as values, the output is the weights themselves.
        const unit = Float32Array.from({ length: time * time }, (_, i) => +(i % (time + 1) === 0));
        const weights = run(queries, unit, time, options);
        const exact = fullAttention(queries, unit, time, size, time, true);
        for (let i = top; i < time; i++) {
          const row = exact.subarray(i * time, (i + 1) * time);
          const best = [...row.keys()].sort((a, b) => row[b]! - row[a]!).slice(0, top);
          found += best.filter((j) => weights[i * time + j]! > 0).length / top / (time - top) / 4;
        }
      }
      return { error, found };
    });
    for (const [index, { error, found }] of statistics.entries()) {
      if (index === 0) continue;
      expect(error).toBeLessThan(statistics[index - 1]!.error);
      expect(found).toBeGreaterThan(statistics[index - 1]!.found);
    }
    expect(statistics[3]!.found).toBeGreaterThan(0.85);
  });

  it("does not split the last bucket wrongly, and gives the same whatever the padding", () => {
    const [time, size, bucketSize] = [70, 8, 8];
    const queries = normalNumbers(time * size, 1);
    const values = normalNumbers(time * size, 2);
    tidy(() => {
      // All in one bucket but the last 6, which share their chunk with padding.
      const buckets = tensor(
        Int32Array.from({ length: time }, (_, t) => (t < 64 ? 0 : 7)),
        [1, 1, 1, time],
        { device, dtype: "int32" },
      );
      const q = tensor(queries, [1, time, 1, size], { device });
      const v = tensor(values, [1, time, 1, size], { device });
      const options = { bucketSize, rounds: 1, seed: 1, buckets, causal: false };
      const last = lshAttention(q, v, { ...options, acrossBuckets: false }).slice(1, 64, 70);
      const alone = fullAttention(
        queries.subarray(64 * size),
        values.subarray(64 * size),
        6,
        size,
        size,
        false,
      );
      expect(relativeError(last.dataSync(), alone)).toBeLessThan(1e-5);
    });
  });

  it("takes buckets that were computed before, and refuses others", () => {
    const [time, size] = [50, 8];
    tidy(() => {
      const q = tensor(normalNumbers(2 * time * size, 1), [1, time, 2, size], { device });
      const options = { bucketSize: 8, rounds: 3, seed: 5 };
      const buckets = lshBuckets(q, options);
      expect(buckets.shape).toEqual([1, 2, 3, time]);
      const count = Math.max(...(buckets.dataSync() as Int32Array));
      expect(count).toBeLessThan(8);
      const again = lshAttention(q, q, { ...options, seed: 6, buckets }).dataSync();
      expect(again).toEqual(lshAttention(q, q, options).dataSync());
      const refused = () => lshAttention(q, q, { ...options, rounds: 2, buckets });
      expect(refused).toThrow(/use int32 \[1, 2, 2, 50\]/);
      expect(() => lshBuckets(q, { ...options, bucketSize: 0 })).toThrow(/integers of 1 or more/);
    });
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

  it("treats rows and heads apart, padded or not", () => {
    for (const [batch, time] of [
      [1, 48],
      [2, 48],
      [2, 50],
    ] as const) {
      tidy(() => {
        const [q, v] = [1, 2].map((seed) => normal([batch, time, 3, 8], { device, seed }));
        const options = { bucketSize: 8, rounds: 2, seed: 5 };
        const whole = lshAttention(q!, v!, options);
        for (const [row, head] of [
          [0, 2],
          [batch - 1, 0],
        ] as const) {
          const part = (one: Tensor) => one.slice(0, row, row + 1).slice(2, head, head + 1);
          const alone = lshAttention(part(q!), part(v!), options).dataSync();
          expect(relativeError(part(whole).dataSync(), alone)).toBeLessThan(1e-5);
        }
      });
    }
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
