import { createDevice, type Device, type Tensor, tensor, tidy } from "@x/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CacheViews, quantizedStore, SequenceCache } from "../src/index";
import { Random } from "./support/random";

/** Attention of one query token in float64, from views. */
function attention(queries: Float32Array, { keys, values }: CacheViews): number[] {
  const [kvHeads = 0, total = 0, headDim = 0] = keys.shape;
  const heads = queries.length / headDim;
  const [k, v] = [keys.dataSync(), values.dataSync()];
  return Array.from({ length: heads }, (_, head) => {
    const kvHead = Math.floor((head * kvHeads) / heads);
    const at = (entry: number, channel: number) => (kvHead * total + entry) * headDim + channel;
    const scores = Array.from({ length: total }, (_, entry) => {
      let dot = 0;
      for (let channel = 0; channel < headDim; channel++) {
        dot += queries[head * headDim + channel]! * k[at(entry, channel)]!;
      }
      return dot / Math.sqrt(headDim);
    });
    const largest = Math.max(...scores);
    const weights = scores.map((score) => Math.exp(score - largest));
    const sum = weights.reduce((left, right) => left + right, 0);
    return Array.from({ length: headDim }, (_, channel) =>
      weights.reduce((mixed, weight, entry) => mixed + (weight / sum) * v[at(entry, channel)]!, 0),
    );
  }).flat();
}

describe("attention straight from the codes", () => {
  let device: Device;
  beforeAll(async () => {
    device = await createDevice("wasm");
  });
  afterAll(() => {
    expect(device.memory()).toMatchObject({ tensors: 0, leakedTensors: 0 });
    device.dispose();
  });

  const random = new Random(3);
  const rows = (...shape: number[]): Tensor =>
    tensor(
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 2 * random.normal()),
      shape,
      { device },
    );

  it.each([
    { bits: 8, headDim: 64, kvHeads: 3, heads: 9, groupSize: 32, tokens: [1, 31, 200, 1, 1] },
    { bits: 4, headDim: 64, kvHeads: 3, heads: 9, groupSize: 32, tokens: [200, 1, 70, 1] },
    { bits: 8, headDim: 8, kvHeads: 1, heads: 1, groupSize: 2, tokens: [1, 1, 1, 5, 1] },
    { bits: 4, headDim: 16, kvHeads: 2, heads: 2, groupSize: 6, tokens: [40, 1, 1] },
    { bits: 8, headDim: 256, kvHeads: 1, heads: 4, groupSize: 64, tokens: [300, 1] },
    { bits: 4, headDim: 96, kvHeads: 2, heads: 4, groupSize: 10, tokens: [99, 1] },
  ] as const)(
    "equals the definition: $bits bits, head of $headDim, groups of $groupSize",
    ({ bits, headDim, kvHeads, heads, groupSize, tokens }) => {
      const store = quantizedStore({ bits, groupSize, residual: 16 });
      using cache = new SequenceCache({ device, layers: 1, kvHeads, headDim, store });
      for (const count of tokens) {
        tidy(() => {
          const queries = rows(1, heads, headDim);
          const [keys, values] = [rows(count, kvHeads, headDim), rows(count, kvHeads, headDim)];
          if (count > 1) {
            cache.append(0, keys, values);
            // A crop leaves a block of which not all tokens count.
            cache.crop(cache.length() - 1);
            return;
          }
          const attended = cache.attend(0, queries, keys, values)!;
          const expected = attention(queries.dataSync() as Float32Array, cache.view(0));
          const actual = attended.dataSync();
          expect(attended.shape).toEqual([1, heads * headDim]);
          expect(actual.every(Number.isFinite)).toBe(true);
          const errors = expected.map((value, index) => Math.abs(value - actual[index]!));
          // Query and weights are rounded to 16 bits.
          expect(Math.max(...errors)).toBeLessThan(2e-3);
        });
      }
    },
  );

  it.each([4, 2] as const)("suffers less from large channels of the keys: %i bits", (bits) => {
    const [headDim, tokens] = [64, 256];
    const store = quantizedStore({ bits, groupSize: 32, residual: 0 });
    using cache = new SequenceCache({ device, layers: 1, kvHeads: 1, headDim, store });
    tidy(() => {
      const raw = Float32Array.from(
        { length: tokens * headDim },
        // Every 20th channel is twelve times as large and off centre, as keys of real models are.
        (_, index) => random.normal() * (index % 20 === 3 ? 12 : 1) + (index % 20 === 3 ? 20 : 0),
      );
      const shape = [tokens, 1, headDim];
      const values = rows(...shape);
      cache.append(0, tensor(raw, shape, { device }), values);
      const queries = Float32Array.from({ length: headDim }, () => random.normal());
      const byHead = (keys: Float32Array) => ({
        keys: tensor(keys, [1, tokens, headDim], { device }),
        values: values.permute([1, 0, 2]),
      });
      const perToken = raw.slice();
      for (let start = 0; start < raw.length; start += headDim) {
        const row = raw.subarray(start, start + headDim);
        const low = Math.min(...row);
        const step = (Math.max(...row) - low) / (2 ** bits - 1);
        perToken.set(
          row.map((key) => low + step * Math.round((key - low) / step)),
          start,
        );
      }
      const perChannel = Float32Array.from(cache.view(0).keys.dataSync());
      const exact = attention(queries, byHead(raw));
      const errorOf = (keys: Float32Array) =>
        Math.hypot(...attention(queries, byHead(keys)).map((value, i) => value - exact[i]!));
      expect(errorOf(perChannel)).toBeGreaterThan(0);
      expect(errorOf(perChannel)).toBeLessThan(0.75 * errorOf(perToken));
    });
  });

  it("handles constant groups and lone tokens exactly", () => {
    const store = quantizedStore({ bits: 2, groupSize: 2, residual: 0 });
    using cache = new SequenceCache({ device, layers: 1, kvHeads: 1, headDim: 4, store });
    tidy(() => {
      const constant = tensor(new Float32Array(12).fill(-0.3), [3, 1, 4], { device });
      cache.append(0, constant, constant);
      const { keys, values } = cache.view(0);
      expect([...keys.dataSync()]).toEqual([...constant.dataSync()]);
      expect([...values.dataSync()]).toEqual([...constant.dataSync()]);
    });
  });

  it("crops into a packed block and goes on", () => {
    const [kvHeads, headDim] = [2, 16];
    const store = quantizedStore({ bits: 8, groupSize: 8, residual: 4 });
    using cache = new SequenceCache({ device, layers: 1, kvHeads, headDim, store });
    tidy(() => {
      cache.append(0, rows(41, kvHeads, headDim), rows(41, kvHeads, headDim));
      cache.crop(13);
      cache.append(0, rows(9, kvHeads, headDim), rows(9, kvHeads, headDim));
      const queries = rows(1, 4, headDim);
      const attended = cache.attend(
        0,
        queries,
        rows(1, kvHeads, headDim),
        rows(1, kvHeads, headDim),
      );
      expect(cache.length()).toBe(23);
      const expected = attention(queries.dataSync() as Float32Array, cache.view(0));
      const actual = attended!.dataSync();
      for (const [index, value] of expected.entries()) expect(actual[index]).toBeCloseTo(value, 3);
    });
  });

  it("leaves what the kernel does not take to the views", () => {
    const sizes = { device, layers: 1, kvHeads: 1 };
    using two = new SequenceCache({ ...sizes, headDim: 8, store: quantizedStore({ bits: 2 }) });
    using odd = new SequenceCache({ ...sizes, headDim: 12, store: quantizedStore({ bits: 8 }) });
    tidy(() => {
      expect(two.attend(0, rows(1, 1, 8), rows(1, 1, 8), rows(1, 1, 8))).toBeUndefined();
      expect(odd.attend(0, rows(1, 1, 12), rows(1, 1, 12), rows(1, 1, 12))).toBeUndefined();
    });
    expect([two.length(), odd.length()]).toEqual([0, 0]);
  });
});
