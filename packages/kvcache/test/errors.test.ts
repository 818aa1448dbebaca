import { createDevice, type Device, tensor, tidy } from "@x/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  BlockError,
  boundedStore,
  CacheError,
  CacheOverflowError,
  type CacheStore,
  dynamicStore,
  KVCache,
  offloadedStore,
  PagedPool,
  pagedStore,
  quantizedStore,
  SequenceCache,
  slidingStore,
  staticStore,
  UnknownSequenceError,
} from "../src/index";
import { appendPositions, positionTokens, shownPositions } from "./support/tokens";

const sizes = { layers: 2, kvHeads: 2, headDim: 8 };
const range = (start: number, end: number) =>
  Array.from({ length: end - start }, (_, index) => start + index);

describe("a call that is refused leaves the cache as it was", () => {
  let device: Device;
  beforeAll(async () => {
    device = await createDevice("wasm");
  });
  afterAll(() => {
    expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0, leakedTensors: 0 });
    device.dispose();
  });

  it.each([
    ["dynamic", () => dynamicStore()],
    ["static", () => staticStore({ maxTokens: 20 })],
    ["sliding", () => slidingStore({ window: 20 })],
    ["bounded", () => boundedStore({ maxTokens: 20 })],
    ["offloaded", () => offloadedStore()],
    ["quantized", () => quantizedStore({ bits: 8 })],
  ] satisfies [string, () => CacheStore][])("of the wrong shape or place: %s", async (_n, make) => {
    using other = await createDevice("wasm");
    using cache = new SequenceCache({ device, ...sizes, store: make() });
    appendPositions(cache, 3);
    const { bytes } = cache;
    tidy(() => {
      const right = () => tensor(new Float32Array(16), [1, 2, 8], { device });
      const wrong = [
        tensor(new Float32Array(16), [2, 8], { device }),
        tensor(new Float32Array(16), [1, 1, 16], { device }),
        tensor(new Float32Array(32), [2, 2, 8], { device }),
        tensor(new Int32Array(16), [1, 2, 8], { device, dtype: "int32" }),
        tensor(new Float32Array(16), [1, 2, 8], { device: other }),
      ];
      const gone = right();
      gone.dispose();
      for (const operand of [...wrong, gone]) {
        expect(() => cache.append(0, right(), operand)).toThrow(/update: .*(use|give)/);
        expect(() => cache.update(0, operand, right())).toThrow(/update: .*(use|give)/);
      }
      expect(() => cache.append(2, right(), right())).toThrow(/no layer 2; use 0 to 1/);
    });
    expect(() => cache.crop(4)).toThrow(/cannot keep 4 tokens of 3/);
    expect(() => cache.crop(1.5)).toThrow(CacheError);
    expect([cache.length(0), cache.length(1), cache.bytes]).toEqual([3, 3, bytes]);
    expect(shownPositions(cache.view(1))).toEqual([0, 1, 2]);
  });

  it("of more tokens than a static store holds", () => {
    using cache = new SequenceCache({ device, ...sizes, store: staticStore({ maxTokens: 5 }) });
    appendPositions(cache, 3);
    expect(() => appendPositions(cache, 3)).toThrow(CacheOverflowError);
    expect(() => cache.assertRoom(3)).toThrow(/holds 5 tokens, but 6/);
    cache.assertRoom(2);
    appendPositions(cache, 2);
    expect(shownPositions(cache.view(0))).toEqual(range(0, 5));
  });

  it("of more blocks than the pool has", () => {
    using pool = new PagedPool({ device, ...sizes, blocks: 4, blockSize: 4 });
    using cache = new SequenceCache({ device, ...sizes, store: pagedStore({ pool }) });
    appendPositions(cache, 10);
    using fork = cache.fork();
    // A copy of the shared last block would be a fourth one.
    expect(() => appendPositions(fork, 1)).toThrow(/1 blocks, but 0 of 3 are free/);
    expect([fork.length(), pool.freeBlocks]).toEqual([10, 0]);
    expect(shownPositions(fork.view(1))).toEqual(range(0, 10));
    fork.crop(8);
    fork.crop(0);
    appendPositions(cache, 2);
    expect(() => appendPositions(cache, 1)).toThrow(CacheOverflowError);
    expect(shownPositions(cache.view(0))).toEqual(range(0, 12));
  });

  it("of a sequence that is unknown, or removed twice", () => {
    using cache = new KVCache({ device, ...sizes });
    const first = cache.add();
    const second = cache.fork(first);
    cache.remove(second);
    const calls: (() => void)[] = [
      () => cache.remove(second),
      () => cache.fork(second),
      () => cache.length(99),
      () => cache.crop(second, 0),
      () => cache.view(-1, 0),
      () => cache.reorder([first, second]),
      () => cache.select([first, 99]),
    ];
    for (const call of calls) expect(call).toThrow(UnknownSequenceError);
    expect(() => cache.select([first, first])).toThrow(/comes twice; use reorder/);
    expect(cache.sequences).toEqual([first]);
  });

  it("of settings that make no sense", () => {
    const refused: [() => unknown, RegExp][] = [
      [() => staticStore({ maxTokens: 0 }), /maxTokens is 0/],
      [() => slidingStore({ window: 1.5 }), /window is 1.5/],
      [() => quantizedStore({ bits: 3 as never }), /use 8, 4 or 2/],
      [() => quantizedStore({ bits: 4, groupSize: 7 }), /use an even number/],
      [() => offloadedStore({ residentLayers: -1 }), /use an integer of 0 or more/],
      [() => new PagedPool({ device, ...sizes, blocks: 1 }), /blocks is 1; use an integer of 2/],
      [
        () =>
          new SequenceCache({
            device,
            ...sizes,
            headDim: 6,
            store: quantizedStore({ bits: 2 }),
          }),
        /a head of 6 does not split into whole bytes of 2 bits/,
      ],
    ];
    for (const [make, message] of refused) expect(make).toThrow(message);
    using pool = new PagedPool({ device, ...sizes, blocks: 4 });
    const store = pagedStore({ pool });
    expect(() => new SequenceCache({ device, ...sizes, kvHeads: 3, store })).toThrow(
      /the pool is for 2 layers of 2 × 8, the cache has 2 of 3 × 8/,
    );
  });
});

describe("a pool of blocks", () => {
  let device: Device;
  beforeAll(async () => {
    device = await createDevice("wasm");
  });
  afterAll(() => device.dispose());

  it("refuses double frees, shared writes and foreign blocks", () => {
    using pool = new PagedPool({ device, ...sizes, blocks: 5, blockSize: 4 });
    const block = pool.allocate();
    pool.retain(block);
    tidy(() => {
      const { keys, values } = positionTokens(device, { start: 0, count: 2, ...sizes });
      const slots = [block * 4, block * 4 + 1];
      expect(() => pool.write(0, slots, keys, values)).toThrow(/has 2 owners; copy it first/);
      expect(() => pool.write(0, [0, 1], keys, values)).toThrow(/block 0 is not of the pool/);
      expect(() => pool.write(0, [8, 20], keys, values)).toThrow(/block 5 is not of the pool/);
      expect(() => pool.write(0, [4], keys, values)).toThrow(/1 slots for 2 tokens/);
      expect(() => pool.write(7, slots, keys, values)).toThrow(/no layer 7/);
      pool.free(block);
      pool.write(0, slots, keys, values);
    });
    pool.free(block);
    expect(() => pool.free(block)).toThrow(BlockError);
    expect(() => pool.free(0)).toThrow(/block 0 is not of the pool/);
    expect(() => pool.retain(block)).toThrow(/is free/);
    expect(() => pool.gather(0, [1], 5)).toThrow(/5 tokens take 2 blocks, but the table has 1/);
    expect(pool.freeBlocks).toBe(4);
  });

  it("takes slots, tables and copies of a scheduler, scattered as they are", () => {
    using pool = new PagedPool({ device, ...sizes, blocks: 8, blockSize: 4 });
    const table = [6, 2, 5];
    tidy(() => {
      const { keys, values } = positionTokens(device, { start: 0, count: 10, ...sizes });
      const slots = range(0, 10).map((position) => table[position >> 2]! * 4 + (position & 3));
      pool.write(1, slots, keys, values);
      expect(shownPositions(pool.gather(1, table, 10))).toEqual(range(0, 10));
      // Read in place, as attention through the table does.
      const rows = pool.keys(1).dataSync();
      const at = (slot: number) => rows[slot * sizes.kvHeads * sizes.headDim];
      expect(slots.map(at)).toEqual(range(0, 10));
      pool.copyBlocks([{ from: 5, to: 7 }]);
      expect(shownPositions(pool.gather(1, [6, 2, 7], 10))).toEqual(range(0, 10));
      expect(() => pool.copyBlocks([{ from: 5, to: 8 }])).toThrow(BlockError);
    });
  });

  it("shares blocks between forks until one writes", () => {
    using pool = new PagedPool({ device, ...sizes, blocks: 12, blockSize: 4 });
    using cache = new KVCache({ device, ...sizes, store: pagedStore({ pool }) });
    const parent = cache.add();
    appendPositions(cache.sequence(parent), 10);
    const alone = cache.bytes;
    const child = cache.fork(parent);
    expect([cache.bytes, pool.freeBlocks]).toEqual([alone, 8]);
    const tables = () =>
      [parent, child].map((id) => [...cache.sequence(id).layer(0).blockTable!()]);
    expect(tables()[0]).toEqual(tables()[1]);
    appendPositions(cache.sequence(child), 1);
    const [ofParent, ofChild] = tables();
    expect(ofChild!.slice(0, 2)).toEqual(ofParent!.slice(0, 2));
    expect(ofChild![2]).not.toBe(ofParent![2]);
    expect(pool.freeBlocks).toBe(7);
    expect(cache.bytes).toBe(alone + 2 * pool.blockBytes);
    expect(shownPositions(cache.view(parent, 1))).toEqual(range(0, 10));
    expect(shownPositions(cache.view(child, 1))).toEqual(range(0, 11));
    cache.remove(parent);
    expect(shownPositions(cache.view(child, 0))).toEqual(range(0, 11));
    cache.reset();
    expect([cache.bytes, pool.freeBlocks]).toEqual([0, 11]);
  });
});
