import { createDevice, type Device, matmul, tensor, tidy } from "@x/tensor";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DynamicCache } from "../src/index";

const [layers, kvHeads, headDim] = [2, 3, 4];

/** Tokens as plain rows: what the cache must hold. */
type Row = readonly number[];

describe.each(["cpu", "wasm"] as const)("DynamicCache on %s", (name) => {
  let device: Device;
  beforeEach(async () => {
    device = await createDevice(name);
  });
  afterEach(() => {
    expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0 });
    device.dispose();
  });

  /** One token's row of `Hkv · D` numbers. */
  const row = (token: number, layer: number, isValue: boolean): Row =>
    Array.from(
      { length: kvHeads * headDim },
      (_, i) => token * 100 + i + layer * 0.5 + (isValue ? 0.25 : 0),
    );

  /** `[T, Hkv, D]` rows as the `[Hkv, T, D]` that attention reads. */
  function byHead(rows: readonly Row[]): number[] {
    return Array.from({ length: kvHeads }, (_, head) =>
      rows.flatMap((entry) => entry.slice(head * headDim, (head + 1) * headDim)),
    ).flat();
  }

  function append(cache: DynamicCache, layer: number, keys: Row[], values: Row[]) {
    const shape = [keys.length, kvHeads, headDim];
    return cache.update(
      layer,
      tensor(keys.flat(), shape, { device }),
      tensor(values.flat(), shape, { device }),
    );
  }

  it("holds what a plain list holds, through appends, crops and resets", () => {
    const action = fc.oneof(
      fc.record({ kind: fc.constant("append" as const), count: fc.integer({ min: 1, max: 40 }) }),
      fc.record({
        kind: fc.constant("crop" as const),
        keep: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
      fc.record({ kind: fc.constant("reset" as const) }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 12 }), (actions) => {
        using cache = new DynamicCache({ device, layers, kvHeads, headDim, initialCapacity: 4 });
        let expected: { keys: Row; values: Row }[][] = [[], []];
        let token = 0;
        for (const step of actions) {
          if (step.kind === "append") {
            tidy(() => {
              for (let layer = 0; layer < layers; layer++) {
                const tokens = Array.from({ length: step.count }, (_, i) => token + i);
                const keys = tokens.map((id) => row(id, layer, false));
                const values = tokens.map((id) => row(id, layer, true));
                const held = expected[layer]!;
                held.push(...keys.map((entry, i) => ({ keys: entry, values: values[i]! })));
                const views = append(cache, layer, keys, values);
                expect(views.keys.shape).toEqual([kvHeads, held.length, headDim]);
                expect([...views.keys.dataSync()]).toEqual(byHead(held.map((e) => e.keys)));
                expect([...views.values.dataSync()]).toEqual(byHead(held.map((e) => e.values)));
              }
            });
            token += step.count;
          } else if (step.kind === "crop") {
            const keep = Math.floor(cache.length() * step.keep);
            cache.crop(keep);
            expected = expected.map((held) => held.slice(0, keep));
          } else {
            cache.reset();
            expected = [[], []];
            expect(cache.bytes).toBe(0);
          }
          expect(cache.length(0)).toBe(expected[0]!.length);
          expect(cache.length(1)).toBe(expected[1]!.length);
        }
      }),
      { numRuns: 40 },
    );
  });

  it("is read in place by a matrix product", () => {
    using cache = new DynamicCache({ device, layers, kvHeads, headDim });
    tidy(() => {
      const rows = [0, 1, 2].map((token) => row(token, 0, false));
      const { keys } = append(cache, 0, rows, rows);
      const query = tensor(new Array(kvHeads * headDim).fill(1), [kvHeads, 1, headDim], { device });
      const scores = matmul(query, keys.transpose());
      const expected = Array.from({ length: kvHeads }, (_, head) =>
        rows.map((entry) =>
          entry.slice(head * headDim, (head + 1) * headDim).reduce((a, b) => a + b, 0),
        ),
      ).flat();
      expect([...scores.dataSync()]).toEqual(expected);
    });
  });

  it("grows geometrically and counts its bytes", () => {
    using cache = new DynamicCache({ device, layers, kvHeads, headDim, initialCapacity: 4 });
    const perToken = 2 * kvHeads * headDim * 4;
    tidy(() => {
      append(cache, 1, [row(0, 1, false)], [row(0, 1, true)]);
    });
    expect(cache.bytes).toBe(4 * perToken);
    const many = Array.from({ length: 9 }, (_, i) => row(i, 1, false));
    tidy(() => {
      append(cache, 1, many, many);
    });
    expect(cache.bytes).toBe(16 * perToken);
    expect(cache.length(1)).toBe(10);
    expect(cache.length(0)).toBe(0);
  });

  it("survives the tidy in which it grew", () => {
    using cache = new DynamicCache({ device, layers, kvHeads, headDim });
    tidy(() => {
      append(cache, 0, [row(1, 0, false)], [row(1, 0, true)]);
    });
    tidy(() => {
      const { keys } = append(cache, 0, [row(2, 0, false)], [row(2, 0, true)]);
      expect([...keys.dataSync()]).toEqual(byHead([row(1, 0, false), row(2, 0, false)]));
    });
  });

  it("refuses what does not fit and appends nothing", () => {
    using cache = new DynamicCache({ device, layers, kvHeads, headDim });
    tidy(() => {
      append(cache, 0, [row(1, 0, false)], [row(1, 0, true)]);
      const wrong = tensor([1, 2], [1, 2, 1], { device });
      const right = tensor(row(1, 0, false), [1, kvHeads, headDim], { device });
      expect(() => cache.update(0, wrong, wrong)).toThrow(/use \[T, 3, 4\]/);
      expect(() => cache.update(0, right, wrong)).toThrow(/use \[T, 3, 4\]/);
      expect(() => cache.update(2, right, right)).toThrow(/no layer 2; use 0 to 1/);
    });
    expect(() => cache.crop(2)).toThrow(/cannot keep 2 tokens of 1/);
    expect(() => cache.crop(-1)).toThrow(/cannot keep -1/);
    expect(cache.length()).toBe(1);
    expect(() => new DynamicCache({ device, layers: 0, kvHeads, headDim })).toThrow(/layers is 0/);
  });
});
