import * as x from "@x/tensor";
import { full, ShapeError, tensor, tidy, valueAndGrad, zeros } from "@x/tensor";
import { describe, expect, it } from "vitest";
import { flashAttention, flashAttentionBackward, flashAttentionWithLogSumExp } from "../src/index";
import { gpujsCases, recordLaunches, simdCases } from "./support/devices";
import { attend } from "./support/oracle";
import { normalValues } from "./support/random";

describe.each([...gpujsCases, ...simdCases])("on $label", ({ create, kernels }) => {
  it.each([
    [0, 3, 4],
    [2, 0, 4],
    [2, 3, 0],
    [0, 0, 0],
  ])("takes B = %i, Nq = %i, Nk = %i", async (batch, queryLength, keyLength) => {
    using device = await create();
    tidy(() => {
      const queries = full([batch, queryLength, 2, 8], 1, { device });
      const keys = full([batch, keyLength, 2, 8], 1, { device });
      const saved = { queries, keys, values: keys };
      const { output, logSumExp } = flashAttentionWithLogSumExp(queries, keys, keys);
      expect(output.shape).toEqual([batch, queryLength, 2, 8]);
      expect([...output.dataSync()].every((value) => value === 0)).toBe(true);
      expect([...logSumExp.dataSync()].every((value) => value === -Infinity)).toBe(true);
      const gradients = flashAttentionBackward({
        ...{ ...saved, output, logSumExp },
        outputGradient: zeros(output.shape, { device }),
      });
      for (const gradient of [gradients.queries, gradients.keys, gradients.values]) {
        expect([...gradient.dataSync()].every((value) => value === 0)).toBe(true);
      }
    });
  });

  it.each([1e4, 3e38])("survives scores of ±%f", async (size) => {
    using device = await create();
    tidy(() => {
      // Products are exactly ±size, 0 and ±size / 2.
      const queries = tensor([1, 1], [1, 2, 1, 1], { device });
      const keyValues = [size, -size, 0, size / 2, -size / 2];
      const keys = tensor(keyValues, [1, 5, 1, 1], { device });
      const values = tensor([1, 2, 3, 4, 5], [1, 5, 1, 1], { device });
      const { output, logSumExp } = flashAttentionWithLogSumExp(queries, keys, values);
      expect([...output.dataSync()]).toEqual([1, 1]);
      expect([...logSumExp.dataSync()]).toEqual([Math.fround(size), Math.fround(size)]);
    });
  });

  it("gives zeros for rows that a mask or -Infinity hides, and no NaN in gradients", async () => {
    using device = await create();
    tidy(() => {
      const operand = (seed: number) => tensor(normalValues(3 * 8, seed), [1, 3, 1, 8], { device });
      const [queries, keys, values] = [operand(1), operand(2), operand(3)];
      const mask = tensor([1, 1, 1, 0, 0, 0, 1, 0, 1], [3, 3], { device, dtype: "int32" });
      const bias = tensor([0, 0, 0, 1, 1, 1, ...new Array(3).fill(-Infinity)], [3, 3], { device });
      const options = { mask, bias };
      const result = flashAttentionWithLogSumExp(queries, keys, values, options);
      expect([...result.output.dataSync()].slice(8)).toEqual(new Array(16).fill(0));
      expect([...result.logSumExp.dataSync()].slice(1)).toEqual([-Infinity, -Infinity]);
      const outputGradient = full([1, 3, 1, 8], 1, { device });
      const operands = { queries, keys, values, ...result, outputGradient };
      const gradients = flashAttentionBackward(operands, options);
      for (const gradient of Object.values(gradients)) {
        expect([...gradient.dataSync()].every(Number.isFinite)).toBe(true);
      }
    });
  });

  it("keeps a NaN in its own sequence", async () => {
    using device = await create();
    tidy(() => {
      const rows = normalValues(3 * 4 * 8, 5);
      rows[4 * 8 + 3] = Number.NaN; // in the second of three sequences
      const operand = tensor(rows, [3, 4, 1, 8], { device });
      const output = [...flashAttention(operand, operand, operand).dataSync()];
      expect(output.slice(0, 32).every(Number.isFinite)).toBe(true);
      expect(output.slice(32, 64).some(Number.isNaN)).toBe(true);
      expect(output.slice(64).every(Number.isFinite)).toBe(true);
    });
  });

  it("reads views as they are", async () => {
    using device = await create();
    tidy(() => {
      // [H, N, D] in memory, as a key/value cache holds it.
      const stored = tensor(normalValues(2 * 10 * 8, 6), [2, 10, 8], { device });
      const view = stored.slice(1, 2, 9).permute([1, 0, 2]); // [7, 2, 8]
      const dense = tensor(view.dataSync(), view.shape, { device });
      const expected = flashAttention(dense, dense, dense, { causal: true }).dataSync();
      expect(flashAttention(view, view, view, { causal: true }).dataSync()).toEqual(expected);
    });
  });

  it("has gradients in autograd, through output and log-sum-exp", async () => {
    using device = await create();
    const shape = [1, 5, 2, 8];
    const numbers = [11, 12, 13].map((seed) => normalValues(80, seed));
    const problem = {
      ...{ heads: 2, kvHeads: 2, keySize: 8, valueSize: 8, lengths: [[5, 5] as const] },
      ...{ queries: numbers[0]!, keys: numbers[1]!, values: numbers[2]! },
      scale: 1 / Math.sqrt(8),
      causal: true,
    };
    const ones = { output: new Float32Array(80).fill(1), logSumExp: new Float32Array(10).fill(1) };
    const exact = attend(problem, undefined, ones);
    const expected = [exact.queryGradient, exact.keyGradient, exact.valueGradient];
    const { result, records } = recordLaunches(device, () =>
      tidy(() => {
        const operands = numbers.map((values) => tensor(values, shape, { device }));
        const loss = (q: x.Tensor, k: x.Tensor, v: x.Tensor) => {
          const { output, logSumExp } = flashAttentionWithLogSumExp(q, k, v, { causal: true });
          return x.add(x.sum(output), x.sum(logSumExp));
        };
        const [q, k, v] = operands as [x.Tensor, x.Tensor, x.Tensor];
        const { gradients } = valueAndGrad((tensors: readonly x.Tensor[]) =>
          loss(...(tensors as [x.Tensor, x.Tensor, x.Tensor])),
        )([q, k, v]);
        return (gradients as unknown as readonly x.Tensor[]).map((tensor) => [
          ...tensor.dataSync(),
        ]);
      }),
    );
    result.forEach((gradient, index) => {
      gradient.forEach((value, at) => {
        expect(value).toBeCloseTo(expected[index]![at]!, 5);
      });
    });
    const operation = "flashAttentionBackward";
    expect(records).toContainEqual({ operation, implementation: kernels });
  });
});

describe("what flashAttention refuses", () => {
  it("heads that do not divide, other sizes, and a bias for packed operands", async () => {
    using device = await gpujsCases[0]!.create();
    tidy(() => {
      const make = (...shape: number[]) => zeros(shape, { device });
      const q = make(1, 2, 3, 4);
      expect(() => flashAttention(q, make(1, 2, 2, 4), make(1, 2, 2, 4))).toThrow(ShapeError);
      expect(() => flashAttention(q, make(1, 2, 3, 5), make(1, 2, 3, 5))).toThrow(ShapeError);
      expect(() => flashAttention(q, make(1, 2, 3, 4), make(1, 3, 3, 4))).toThrow(ShapeError);
      const packed = make(4, 3, 4);
      const bias = make(4, 4);
      expect(() => flashAttention(packed, packed, packed, { bias })).toThrow(/without cuSeqlens/);
      const cuSeqlens = { queries: [0, 3, 5] };
      expect(() => flashAttention(packed, packed, packed, { cuSeqlens })).toThrow(/rise from 0/);
      expect(() => flashAttention(q, q, q, { window: { left: -1 } })).toThrow(/window.left is -1/);
    });
  });
});
