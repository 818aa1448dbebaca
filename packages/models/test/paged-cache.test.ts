import type { Tensor } from "@x/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scalar } from "../src/gguf/write-gguf";
import {
  byteSourceFromBuffer,
  type CausalLM,
  type LanguageModel,
  loadModel,
  type PagedCache,
  type PagedState,
  type SequenceChunk,
} from "../src/index";
import { simdWays } from "./support/kernel-ways";
import { openTestModel } from "./support/model-file";
import { tinyLlama } from "./support/tiny-llama";

/** Long enough for several passes of 128 rows, and for softmax sums in several parts. */
const contextLength = 640;
const longTiny = () =>
  tinyLlama({ metadata: { "llama.context_length": scalar("uint32", contextLength) } });

function read(logits: Tensor): Float32Array {
  using owned = logits;
  const values = owned.dataSync() as Float32Array;
  expect(values.every(Number.isFinite)).toBe(true);
  return values;
}

/** Numbers below `limit` from a fixed seed. */
function randomIntegers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

function shuffled(count: number, seed: number): number[] {
  const random = randomIntegers(seed);
  const values = Array.from({ length: count }, (_, index) => index);
  for (let index = count - 1; index > 0; index--) {
    const other = random(index + 1);
    [values[index], values[other]] = [values[other]!, values[index]!];
  }
  return values;
}

function pagedCache(model: CausalLM, numBlocks: number, blockSize: number): PagedCache {
  if (model.createPagedCache === undefined) throw new Error("the model cannot page");
  return model.createPagedCache({ numBlocks, blockSize });
}

const tokensOf = (seed: number, count: number, vocabulary = 262) => {
  const random = randomIntegers(seed);
  return Array.from({ length: count }, () => random(vocabulary));
};

/** Logits of every token of a sequence that has the model, and memory of its own, to itself. */
function alone(model: CausalLM, tokenIds: readonly number[], chunk = tokenIds.length) {
  using state = model.createState();
  const rows: Float32Array[] = [];
  for (let start = 0; start < tokenIds.length; start += chunk) {
    const part = tokenIds.slice(start, start + chunk);
    rows.push(read(model.forward([{ state, tokenIds: part, logits: "all" }])));
  }
  return concatenated(rows);
}

function concatenated(parts: readonly Float32Array[]): Float32Array {
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

/** Bit by bit: `toEqual` tells -0 from 0, but not one NaN from another, and is slow. */
function expectSameBits(actual: Float32Array, expected: Float32Array): void {
  expect(actual.length).toBe(expected.length);
  const left = new Int32Array(actual.buffer, actual.byteOffset, actual.length);
  const right = new Int32Array(expected.buffer, expected.byteOffset, expected.length);
  expect(left.findIndex((bits, index) => bits !== right[index])).toBe(-1);
}

describe("a paged cache", () => {
  let language: LanguageModel;
  beforeAll(async () => {
    language = await loadModel(byteSourceFromBuffer(longTiny()));
  });
  afterAll(() => language.dispose());

  it.each([1, 2, 3, 5, 8, 16, 64, 100, 640])(
    "of blocks of %i tokens gives the bits of a contiguous one",
    (blockSize) => {
      const { model } = language;
      const tokenIds = tokensOf(blockSize, 400);
      const expected = alone(model, tokenIds);
      const numBlocks = Math.ceil(640 / blockSize) + 3;
      using cache = pagedCache(model, numBlocks, blockSize);
      const needed = Math.ceil(tokenIds.length / blockSize);
      const ascending = Array.from({ length: needed }, (_, index) => index);
      for (const blocks of [ascending, shuffled(numBlocks, 3).slice(0, needed)]) {
        for (const chunk of [400, 33, 7]) {
          using state = cache.createState();
          state.assign(blocks, 0);
          const rows: Float32Array[] = [];
          for (let start = 0; start < tokenIds.length; start += chunk) {
            const part = tokenIds.slice(start, start + chunk);
            rows.push(read(model.forward([{ state, tokenIds: part, logits: "all" }])));
          }
          expectSameBits(concatenated(rows), expected);
          expect(state.length).toBe(400);
        }
      }
    },
  );

  it("gives a sequence the same bits alone and among strangers, in chunks of any kind", () => {
    const { model } = language;
    const random = randomIntegers(11);
    const blockSize = 4;
    using cache = pagedCache(model, 400, blockSize);
    const free = shuffled(400, 5);
    const sequences = Array.from({ length: 12 }, (_, index) => {
      const tokenIds = tokensOf(100 + index, 1 + random(90));
      const blocks = free.splice(0, Math.ceil(tokenIds.length / blockSize));
      // Every third has memory of its own.
      const state = index % 3 === 2 ? model.createState() : cache.createState();
      if (index % 3 !== 2) (state as PagedState).assign(blocks, 0);
      return { tokenIds, state, rows: [] as Float32Array[], expected: alone(model, tokenIds) };
    });
    for (;;) {
      // Prompts in chunks of any length beside sequences of one token or a few drafts.
      const live = sequences.filter(({ state, tokenIds }) => state.length < tokenIds.length);
      const chosen = live.filter((_, index) => index === 0 || random(3) > 0);
      if (chosen.length === 0) break;
      const batch = chosen.map(({ state, tokenIds }) => {
        const size = [1, 1, 2, 5, 40][random(5)]!;
        return {
          state,
          tokenIds: tokenIds.slice(state.length, state.length + size),
          logits: "all" as const,
        };
      });
      const logits = read(model.forward(batch));
      let row = 0;
      for (const [index, { tokenIds }] of batch.entries()) {
        chosen[index]!.rows.push(logits.slice(row * 262, (row + tokenIds.length) * 262));
        row += tokenIds.length;
      }
    }
    for (const { state, rows, expected } of sequences) {
      expectSameBits(concatenated(rows), expected);
      state.dispose();
    }
  });

  it("gives the same bits whatever the number of threads", async () => {
    const tokenIds = tokensOf(4, 150);
    const results: Float32Array[] = [];
    for (const threads of [1, 2, 4]) {
      using other = await loadModel(byteSourceFromBuffer(longTiny()), { threads });
      using cache = pagedCache(other.model, 60, 16);
      using first = cache.createState();
      using second = cache.createState();
      first.assign(shuffled(60, 9).slice(0, 20), 0);
      second.assign(shuffled(60, 9).slice(20, 40), 0);
      const batch: SequenceChunk[] = [
        { state: first, tokenIds, logits: "all" },
        { state: second, tokenIds: tokenIds.slice(40, 49), logits: "all" },
      ];
      results.push(read(other.model.forward(batch)));
      const next = batch.map(({ state }) => ({ state, tokenIds: [7] }));
      results.push(read(other.model.forward(next)));
    }
    for (const [index, logits] of results.entries()) expectSameBits(logits, results[index % 2]!);
  });

  it("shares the blocks that an earlier chunk of the same step fills", () => {
    const { model } = language;
    const prefix = tokensOf(21, 32);
    const [left, right] = [tokensOf(22, 9), tokensOf(23, 5)];
    using cache = pagedCache(model, 8, 16);
    using first = cache.createState();
    using second = cache.createState();
    first.assign([6, 1, 3], 0);
    second.assign([6, 1, 0], 32);
    const logits = read(
      model.forward([
        { state: first, tokenIds: [...prefix, ...left], logits: "all" },
        { state: second, tokenIds: right, logits: "all" },
      ]),
    );
    expectSameBits(logits.slice(0, 41 * 262), alone(model, [...prefix, ...left]));
    expectSameBits(logits.slice(41 * 262), alone(model, [...prefix, ...right]).slice(32 * 262));
    expect([first.length, second.length]).toEqual([41, 37]);
  });

  it("copies blocks in order, and leaves the others alone", () => {
    const { model } = language;
    const prompt = tokensOf(31, 6);
    const tails = [tokensOf(32, 3), tokensOf(33, 3)];
    using cache = pagedCache(model, 5, 4);
    using first = cache.createState();
    first.assign([4, 2], 0);
    read(model.forward([{ state: first, tokenIds: prompt, logits: "none" }]));
    // Block 0 takes what block 2 holds, then block 1 takes what block 0 holds.
    cache.copyBlocks([
      { source: 2, destination: 0 },
      { source: 0, destination: 1 },
    ]);
    using second = cache.createState();
    second.assign([4, 1, 3], 6);
    first.assign([4, 2, 0], 6);
    const logits = read(
      model.forward([
        { state: first, tokenIds: tails[0]!, logits: "all" },
        { state: second, tokenIds: tails[1]!, logits: "all" },
      ]),
    );
    const expected = tails.map((tail) => alone(model, [...prompt, ...tail]).slice(6 * 262));
    expectSameBits(logits, concatenated(expected));
  });

  it("goes back to fewer tokens, and on from there", () => {
    const { model } = language;
    const tokenIds = tokensOf(41, 20);
    using cache = pagedCache(model, 4, 8);
    using state = cache.createState();
    state.assign([3, 0, 2], 0);
    read(model.forward([{ state, tokenIds: [...tokenIds.slice(0, 12), 1, 2, 3] }]));
    state.crop(12);
    const rest = tokenIds.slice(12);
    const logits = read(model.forward([{ state, tokenIds: rest, logits: "all" }]));
    expectSameBits(logits, alone(model, tokenIds).slice(12 * 262));
    expect(() => state.crop(21)).toThrow(/cannot keep 21 tokens of 20/);
  });

  it("refuses what is impossible and changes nothing", () => {
    const { model } = language;
    using cache = pagedCache(model, 4, 8);
    using state = cache.createState();
    using other = cache.createState();
    state.assign([1, 0], 5);
    for (const block of [4, -1, 0.5, Number.NaN]) {
      expect(() => state.assign([1, block], 0)).toThrow(/block .* is not of the pool; use 0 to 3/);
      expect(() => cache.copyBlocks([{ source: 0, destination: block }])).toThrow(/use 0 to 3/);
    }
    for (const length of [9, -1, 0.5]) {
      expect(() => state.assign([2], length)).toThrow(/1 blocks of 8 tokens cannot hold/);
    }
    expect(() => model.forward([{ state, tokenIds: tokensOf(1, 12) }])).toThrow(
      /17 tokens need 3 blocks of 8, but the state has 2; assign more/,
    );
    other.assign([2, 0], 8);
    const clash = [
      { state, tokenIds: tokensOf(1, 4) },
      { state: other, tokenIds: [1] },
    ];
    expect(() => model.forward(clash)).toThrow(/two tokens of the batch would be written/);
    other.assign([2, 2], 0);
    expect(() => model.forward([{ state: other, tokenIds: tokensOf(1, 9) }])).toThrow(/one slot/);
    expect(() => state.fork()).toThrow(/copyBlocks/);
    expect([state.length, other.length]).toEqual([5, 0]);
    expect(state.bytes).toBe(2 * cache.bytesPerBlock);
    read(model.forward([{ state, tokenIds: tokensOf(1, 11) }]));
    for (const size of [0, -1, 1.5, Number.NaN]) {
      expect(() => pagedCache(model, size, 8)).toThrow(/numBlocks is .*; use an integer/);
      expect(() => pagedCache(model, 8, size)).toThrow(/blockSize is .*; use an integer/);
    }
    for (const blocks of [1e9, 1e14]) {
      expect(() => pagedCache(model, blocks, 16)).toThrow(/use fewer blocks/);
    }
  });

  it("takes no state of another model", async () => {
    using other = await loadModel(byteSourceFromBuffer(longTiny()));
    using cache = pagedCache(other.model, 4, 8);
    using state = cache.createState();
    state.assign([0], 0);
    expect(() => language.model.forward([{ state, tokenIds: [1] }])).toThrow(/this model's/);
    using own = other.model.createState();
    expect(() => language.model.forward([{ state: own, tokenIds: [1] }])).toThrow(/this model's/);
  });

  it("gives all memory back, and says so afterwards", () => {
    const { model } = language;
    const before = model.device.memory();
    const cache = pagedCache(model, 50, 16);
    expect(cache.bytesPerBlock).toBe(2 * 2 * 2 * 16 * 16 * 4);
    expect(cache.bytes).toBe(50 * cache.bytesPerBlock);
    expect(model.device.memory().bytes - before.bytes).toBe(cache.bytes);
    const state = cache.createState();
    state.assign(shuffled(50, 1).slice(0, 40), 0);
    read(model.forward([{ state, tokenIds: tokensOf(1, 580) }]));
    const { bytes } = model.device.memory();
    for (let step = 0; step < 40; step++) {
      state.assign(shuffled(50, step).slice(0, 40), 580 + step);
      read(model.forward([{ state, tokenIds: [step] }]));
      expect(model.device.memory().bytes).toBe(bytes);
    }
    const ended = cache.createState();
    ended.dispose();
    expect(() => ended.assign([1], 0)).toThrow(/the state was disposed/);
    cache.dispose();
    cache.dispose();
    expect(() => model.forward([{ state, tokenIds: [1] }])).toThrow(/cache was disposed/);
    expect(() => state.assign([1], 0)).toThrow(/cache was disposed/);
    expect(() => cache.createState()).toThrow(/cache was disposed/);
    expect(() => cache.copyBlocks([])).toThrow(/cache was disposed/);
    state.dispose();
    state.dispose();
    const { bytes: after, tensors } = model.device.memory();
    expect({ bytes: after, tensors }).toEqual({ bytes: before.bytes, tensors: before.tensors });
  });

  it("is not offered where steps do not run as programs", async () => {
    using plain = await loadModel(byteSourceFromBuffer(tinyLlama()), { kernels: "gpujs" });
    expect(plain.model.createPagedCache).toBeUndefined();
  });
});

it.each(simdWays)("a paged cache gives the bits of a contiguous one with $what", async (way) => {
  using language = await loadModel(byteSourceFromBuffer(longTiny()), way);
  const { model } = language;
  const tokenIds = tokensOf(6, 200);
  using cache = pagedCache(model, 60, 5);
  using state = cache.createState();
  state.assign(shuffled(60, 3).slice(0, 40), 0);
  const rows = [tokenIds.slice(0, 170), ...tokenIds.slice(170).map((tokenId) => [tokenId])].map(
    (part) => read(model.forward([{ state, tokenIds: part, logits: "all" }])),
  );
  expectSameBits(concatenated(rows), alone(model, tokenIds));
});

describe("a paged cache of SmolLM2-135M-Instruct", () => {
  let language: LanguageModel;
  beforeAll(async () => {
    const source = await openTestModel();
    // Several threads would wait for each other while other tests compute.
    language = await loadModel(source, { threads: 1 });
    await source.close();
  }, 300_000);
  afterAll(() => language?.dispose());

  it("gives the bits of a contiguous one, in a batch with others", () => {
    const { model } = language;
    const vocabulary = model.config.vocabularySize;
    const tokenIds = tokensOf(51, 44, vocabulary);
    const expected = alone(model, tokenIds, 9);
    expectSameBits(alone(model, tokenIds), expected);
    for (const blockSize of [1, 7, 16]) {
      using cache = pagedCache(model, 96, blockSize);
      const free = shuffled(96, blockSize);
      const take = (tokens: number) => free.splice(0, Math.ceil(tokens / blockSize));
      const strangers = [3, 1, 6].map((tokens, index) => {
        const state = cache.createState();
        state.assign(take(tokens + 12), 0);
        const chunk = tokensOf(index, tokens, vocabulary);
        read(model.forward([{ state, tokenIds: chunk, logits: "none" }]));
        return state;
      });
      using state = cache.createState();
      state.assign(take(44), 0);
      const rows: Float32Array[] = [];
      // A prompt in two chunks, single tokens, five drafts to verify.
      for (const size of [20, 14, 1, 1, 1, 1, 1, 5]) {
        const part = tokenIds.slice(state.length, state.length + size);
        const others = strangers.map((stranger) => ({
          state: stranger,
          tokenIds: [size],
          logits: "none" as const,
        }));
        const logits = model.forward([
          ...others.slice(0, 2),
          { state, tokenIds: part, logits: "all" },
          ...others.slice(2),
        ]);
        rows.push(read(logits));
      }
      expectSameBits(concatenated(rows), expected);
      for (const stranger of strangers) stranger.dispose();
    }
  }, 240_000);
});
