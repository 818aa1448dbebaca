import { createDevice, type Device, tensor, tidy } from "@x/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  boundedStore,
  type CacheStore,
  dynamicStore,
  offloadedStore,
  PagedPool,
  pagedStore,
  quantizedStore,
  restoreCache,
  SequenceCache,
  saveCache,
  sinkStore,
  slidingStore,
  staticStore,
} from "../src/index";
import { Random } from "./support/random";

const sizes = { layers: 2, kvHeads: 2, headDim: 8 };
const info = { model: "model-1", tokenIds: [5, 6, 7] };

describe("a saved cache", () => {
  let device: Device;
  let pool: PagedPool;
  beforeAll(async () => {
    device = await createDevice("wasm");
    pool = new PagedPool({ device, ...sizes, blocks: 64 });
  });
  afterAll(() => {
    pool.dispose();
    expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0, leakedTensors: 0 });
    device.dispose();
  });

  const stores: Record<string, () => CacheStore> = {
    dynamic: () => dynamicStore(),
    static: () => staticStore({ maxTokens: 200 }),
    sliding: () => slidingStore({ window: 32 }),
    sinks: () => sinkStore({ sinks: 4, window: 28 }),
    bounded: () => boundedStore({ maxTokens: 40 }),
    paged: () => pagedStore({ pool }),
    offloaded: () => offloadedStore(),
    "quantized to 8 bits": () => quantizedStore({ bits: 8, groupSize: 8, residual: 16 }),
    "quantized to 2 bits": () => quantizedStore({ bits: 2, groupSize: 8, residual: 16 }),
  };

  const open = (store: CacheStore, changes: Partial<typeof sizes> = {}) =>
    new SequenceCache({
      device,
      ...sizes,
      ...changes,
      store,
      rotateKeys: (keys) => keys.slice(0, 0, keys.dimension(0)),
    });

  function fill(cache: SequenceCache, tokens: number, seed: number): void {
    const random = new Random(seed);
    const { kvHeads, headDim } = cache.geometry;
    tidy(() => {
      for (let layer = 0; layer < cache.layers; layer++) {
        const make = () => {
          const size = tokens * kvHeads * headDim;
          const elements = Float32Array.from({ length: size }, () => random.normal());
          return tensor(elements, [tokens, kvHeads, headDim], { device });
        };
        cache.append(layer, make(), make());
      }
    });
  }

  /** Each layer's entries by position. */
  function contents(cache: SequenceCache): unknown {
    return tidy(() =>
      Array.from({ length: cache.layers }, (_, layer) => {
        const { keys, values } = cache.view(layer);
        const [k, v] = [keys.dataSync(), values.dataSync()];
        const positions = [...cache.positions(layer)];
        const { kvHeads, headDim } = cache.geometry;
        const entries = positions.map((position, entry) => {
          const rows = Array.from({ length: kvHeads }, (_, head) => {
            const at = (head * positions.length + entry) * headDim;
            return [...k.subarray(at, at + headDim), ...v.subarray(at, at + headDim)];
          });
          return [position, rows] as const;
        });
        entries.sort(([left], [right]) => left - right);
        return [cache.length(layer), entries];
      }),
    );
  }

  it.each(Object.entries(stores))("restores what was saved: %s", (_name, makeStore) => {
    for (const tokens of [0, 1, 7, 31, 33, 100]) {
      using cache = open(makeStore());
      if (tokens > 0) fill(cache, tokens, tokens);
      // Bits that the file could not hold would show after more of the same.
      using restored = open(makeStore());
      const file = saveCache(cache, info);
      expect(restoreCache(restored, file, info)).toEqual(info);
      expect(contents(restored)).toEqual(contents(cache));
      expect(restored.bytes).toBe(cache.bytes);
      fill(cache, 9, 1);
      fill(restored, 9, 1);
      expect(contents(restored)).toEqual(contents(cache));
    }
  });

  it("restores into any store that keeps every token as it is", () => {
    using cache = open(dynamicStore());
    fill(cache, 50, 2);
    const file = saveCache(cache, info);
    for (const name of ["static", "paged", "offloaded"]) {
      using other = open(stores[name]!());
      restoreCache(other, file, info);
      expect(contents(other)).toEqual(contents(cache));
      using back = open(dynamicStore());
      restoreCache(back, saveCache(other, info), info);
      expect(contents(back)).toEqual(contents(cache));
    }
  });

  it.each(Object.entries(stores))("restores from a Buffer, and from any place: %s", (_n, make) => {
    using cache = open(make());
    fill(cache, 40, 3);
    const file = saveCache(cache, info);
    const shifted = new Uint8Array(file.length + 1);
    shifted.set(file, 1);
    for (const bytes of [
      shifted.subarray(1),
      Buffer.from(shifted).subarray(1),
      Buffer.from(file),
    ]) {
      using restored = open(make());
      restoreCache(restored, bytes, info);
      expect(contents(restored)).toEqual(contents(cache));
    }
  });

  it.each(["dynamic", "quantized to 8 bits"])(
    "is refused with any bit flipped, and cut anywhere: %s",
    (name) => {
      using cache = open(stores[name]!(), { layers: 1 });
      fill(cache, 30, 4);
      const file = saveCache(cache, info);
      using target = open(stores[name]!(), { layers: 1 });
      // Every bit of the first bytes, then one in each byte.
      for (let bit = 0; bit < 8 * file.length; bit += bit < 8 * 64 ? 1 : 13) {
        const flipped = file.slice();
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        expect(() => restoreCache(target, flipped, info)).toThrow(/saved cache/);
      }
      for (let length = 0; length < file.length; length += 7) {
        const cut = file.subarray(0, length);
        expect(() => restoreCache(target, cut, info)).toThrow(/saved cache/);
      }
      expect(target.length()).toBe(0);
      expect(target.bytes).toBe(0);
    },
  );

  it("is refused by another model, another store and other sizes", () => {
    using cache = open(dynamicStore());
    fill(cache, 50, 5);
    const file = saveCache(cache, info);
    const refusals: [SequenceCache, { model: string }, RegExp][] = [
      [open(dynamicStore()), { model: "model-2" }, /of another model \(model-1, not model-2\)/],
      [
        open(slidingStore({ window: 32 })),
        info,
        /saved from dynamic and cannot be restored into sliding/,
      ],
      [open(quantizedStore({ bits: 8 })), info, /use the store that saved it/],
      [open(dynamicStore(), { layers: 3 }), info, /2 layers of 2 × 8, this one 3/],
      [open(dynamicStore(), { headDim: 4 }), info, /use a cache of the same sizes/],
      [open(staticStore({ maxTokens: 49 })), info, /raise maxTokens/],
    ];
    for (const [target, options, message] of refusals) {
      expect(() => restoreCache(target, file, options)).toThrow(message);
      expect([target.length(), target.bytes]).toEqual([0, 0]);
    }
    expect(() => restoreCache(cache, file, info)).toThrow(/reset\(\) it first/);
    expect(cache.length()).toBe(50);
    const version = file.slice();
    version[8] = 2;
    using target = open(dynamicStore());
    expect(() => restoreCache(target, version, info)).toThrow(/format 2, this release reads 1/);
  });
});
