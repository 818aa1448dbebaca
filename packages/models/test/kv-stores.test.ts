import { readFileSync } from "node:fs";
import {
  boundedStore,
  dynamicStore,
  heavyHitterPolicy,
  offloadedStore,
  PagedPool,
  pagedStore,
  quantizedStore,
  sinkStore,
  slidingStore,
  staticStore,
} from "@x/kvcache";
import { argmax, type Tensor } from "@x/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LanguageModel, loadModel, type StateOptions } from "../src/index";
import { openTestModel } from "./support/model-file";

/** Genesis 1 and 2, King James Version of 1611 (public domain), from Debian's bible-kjv-text 4.38. */
const text = readFileSync(new URL("./fixtures/genesis.txt", import.meta.url), "utf8");

let language: LanguageModel;
let tokenIds: number[];
beforeAll(async () => {
  const source = await openTestModel();
  // One thread: on a busy machine two wait for each other, and the numbers are the same.
  language = await loadModel(source, { device: "wasm", threads: 1 });
  await source.close();
  tokenIds = language.tokenizer.encode(text);
}, 300_000);
afterAll(() => language?.dispose());

/** Memory of the device before and after `run` must be the same. */
function leavingNothing(run: () => void): void {
  const { device } = language.model;
  const before = device.memory();
  run();
  const after = device.memory();
  expect([after.tensors, after.bytes]).toEqual([before.tensors, before.bytes]);
}

function readRows(logits: Tensor): Float32Array[] {
  using owned = logits;
  const data = owned.dataSync() as Float32Array;
  const [rows = 0, vocabulary = 0] = owned.shape;
  return Array.from({ length: rows }, (_, row) =>
    data.slice(row * vocabulary, (row + 1) * vocabulary),
  );
}

/**
 * Negative log-likelihoods of the tokens after the first, taken in by `chunk`, with each of some
 * caches. They go side by side, so that the weights are read once for all.
 */
function losses(ids: readonly number[], caches: readonly StateOptions[], chunk: number) {
  const states = caches.map((options) => language.model.createState(options));
  const all: number[][] = states.map(() => []);
  for (let start = 0; start < ids.length - 1; start += chunk) {
    const tokens = ids.slice(start, Math.min(start + chunk, ids.length - 1));
    const rows = readRows(
      language.model.forward(states.map((state) => ({ state, tokenIds: tokens, logits: "all" }))),
    );
    for (const [index, row] of rows.entries()) {
      const next = ids[start + (index % tokens.length) + 1]!;
      let largest = Number.NEGATIVE_INFINITY;
      for (const logit of row) largest = Math.max(largest, logit);
      let sum = 0;
      for (const logit of row) sum += Math.exp(logit - largest);
      all[Math.floor(index / tokens.length)]!.push(Math.log(sum) + largest - row[next]!);
    }
  }
  for (const state of states) state.dispose();
  expect(all.flat().every(Number.isFinite)).toBe(true);
  return all;
}

const perplexity = (values: readonly number[]) =>
  Math.exp(values.reduce((sum, value) => sum + value, 0) / values.length);

function largestDifference(left: Float32Array, right: Float32Array): number {
  expect(left.length).toBe(right.length);
  expect(left.every(Number.isFinite)).toBe(true);
  return left.reduce((max, value, index) => Math.max(max, Math.abs(value - right[index]!)), 0);
}

describe("SmolLM2 with every store", () => {
  it("writes the same 512 tokens with all stores that keep every token as it is", () => {
    leavingNothing(() => {
      const { model } = language;
      const { device, config } = model;
      const sizes = { device, layers: config.layers, kvHeads: 3, headDim: 64 };
      using pool = new PagedPool({ ...sizes, blocks: 80 });
      const stores = [
        dynamicStore(),
        staticStore({ maxTokens: 560 }),
        pagedStore({ pool }),
        offloadedStore({ residentLayers: 10 }),
      ];
      // Blocks in no order, so that attention has to gather them.
      const taken = Array.from({ length: 60 }, () => pool.allocate());
      for (const block of taken.toSorted((a, b) => ((a * 37) % 61) - ((b * 37) % 61))) {
        pool.free(block);
      }
      const states = stores.map((cache) => model.createState({ cache }));
      const [first, ...others] = states;
      const prompt = tokenIds.slice(0, 32);
      const answer: number[] = [];
      let pending = prompt;
      for (let step = 0; step < 512; step++) {
        using logits = model.forward([{ state: first!, tokenIds: pending }]);
        using best = argmax(logits);
        pending = [...best.dataSync()];
        answer.push(...pending);
      }
      expect(answer.length).toBe(512);
      // Given the tokens so far, the others must choose the same next ones: after one token, as in
      // decoding, and after several.
      const before = prompt.slice(0, -1);
      const fill = others.map((state) => ({ state, tokenIds: before, logits: "none" as const }));
      model.forward(fill).dispose();
      const fed = [prompt.at(-1)!, ...answer];
      for (let start = 0, turn = 0; start < 512; turn++) {
        const count = Math.min([1, 7, 1, 23][turn % 4]!, 512 - start);
        const tokens = fed.slice(start, start + count);
        using logits = model.forward(
          others.map((state) => ({ state, tokenIds: tokens, logits: "all" as const })),
        );
        using best = argmax(logits);
        const chosen = answer.slice(start, start + count);
        expect([...best.dataSync()]).toEqual(others.flatMap(() => chosen));
        start += count;
      }
      const table = [...states[2]!.cache!.layer(0).blockTable!()];
      expect(table).not.toEqual(table.toSorted((left, right) => left - right));
      for (const state of states) state.dispose();
    });
  }, 240_000);

  it("has the logits of the uncached model at every step", () => {
    const { model } = language;
    const { device, config } = model;
    const ids = tokenIds.slice(0, 80);
    using pool = new PagedPool({
      device,
      layers: config.layers,
      kvHeads: 3,
      headDim: 64,
      blocks: 6,
    });
    const stores = [
      dynamicStore(),
      staticStore({ maxTokens: 80 }),
      pagedStore({ pool }),
      offloadedStore(),
      slidingStore({ window: 80 }),
      sinkStore({ window: 76 }),
    ];
    for (const caches of [[undefined], stores]) {
      const open = () => caches.map((cache) => model.createState({ cache }));
      // Computed anew, by attention over the whole prompt; and token by token, over the cache.
      const whole = open();
      const expected = readRows(
        model.forward(whole.map((state) => ({ state, tokenIds: ids, logits: "all" }))),
      );
      for (const state of whole) state.dispose();
      const states = open();
      const largest = states.map(() => 0);
      for (const [step, id] of ids.entries()) {
        const rows = readRows(model.forward(states.map((state) => ({ state, tokenIds: [id] }))));
        for (const [index, row] of rows.entries()) {
          const difference = largestDifference(row, expected[index * ids.length + step]!);
          largest[index] = Math.max(largest[index]!, difference);
        }
      }
      for (const state of states) state.dispose();
      expect(Math.max(...largest)).toBeLessThan(1e-3);
    }
  }, 120_000);

  it("attends to a window of a prompt as token by token", () => {
    const ids = tokenIds.slice(0, 90);
    const last = (chunk: number, cache: StateOptions["cache"]) => {
      using state = language.model.createState({ cache });
      let row: Float32Array = new Float32Array();
      for (let start = 0; start < ids.length; start += chunk) {
        const tokens = ids.slice(start, start + chunk);
        row = readRows(language.model.forward([{ state, tokenIds: tokens }]))[0]!;
      }
      return row;
    };
    const byToken = last(1, slidingStore({ window: 32 }));
    // Rounding alone: windows of one more or less differ by twenty times as much.
    const bound = 1e-2;
    for (const chunk of [7, 40, 90]) {
      const byChunk = last(chunk, slidingStore({ window: 32 }));
      expect(largestDifference(byChunk, byToken)).toBeLessThan(bound);
    }
    for (const window of [31, 33]) {
      const other = last(90, slidingStore({ window }));
      expect(largestDifference(other, byToken)).toBeGreaterThan(10 * bound);
    }
  }, 120_000);

  it("keeps sinks before the rotary embedding: until the cache is full they change nothing", () => {
    const ids = tokenIds.slice(0, 60);
    const rows = [dynamicStore(), sinkStore({ window: 100 })].map((cache) => {
      using state = language.model.createState({ cache });
      language.model.forward([{ state, tokenIds: ids.slice(0, 50), logits: "none" }]).dispose();
      return readRows(language.model.forward([{ state, tokenIds: ids.slice(50), logits: "all" }]));
    });
    for (const [index, row] of rows[0]!.entries()) {
      expect(largestDifference(row, rows[1]![index]!)).toBeLessThan(1e-3);
    }
  }, 60_000);

  it("lets forks go their own ways", () => {
    const { model } = language;
    const { device, config } = model;
    using pool = new PagedPool({
      device,
      layers: config.layers,
      kvHeads: 3,
      headDim: 64,
      blocks: 24,
    });
    const prompt = tokenIds.slice(0, 40);
    const continuations = [tokenIds.slice(40, 60), tokenIds.slice(100, 120)];
    const alone = continuations.map((ids) => {
      using state = model.createState({ cache: dynamicStore() });
      model.forward([{ state, tokenIds: prompt, logits: "none" }]).dispose();
      return ids.map((id) => readRows(model.forward([{ state, tokenIds: [id] }]))[0]!);
    });
    for (const cache of [pagedStore({ pool }), dynamicStore(), offloadedStore()]) {
      using parent = model.createState({ cache });
      model.forward([{ state: parent, tokenIds: prompt, logits: "none" }]).dispose();
      using child = parent.fork();
      for (let step = 0; step < 20; step++) {
        const chunks = [parent, child].map((state, index) => ({
          state,
          tokenIds: [continuations[index]![step]!],
        }));
        for (const [index, row] of readRows(model.forward(chunks)).entries()) {
          expect(largestDifference(row, alone[index]![step]!)).toBeLessThan(1e-3);
        }
      }
    }
    expect(pool.freeBlocks).toBe(23);
  }, 120_000);

  it("loses little by rounding keys and values", () => {
    const ids = tokenIds.slice(0, 600);
    const settings = { residual: 32 } as const;
    // The first tokens are in full precision in all, so they do not count.
    const caches = [
      dynamicStore(),
      quantizedStore({ bits: 8, ...settings }),
      quantizedStore({ bits: 4, ...settings }),
    ];
    const [full, eight, four] = losses(
      ids,
      caches.map((cache) => ({ cache })),
      20,
    ).map((all) => perplexity(all.slice(100)));
    expect(Math.abs(eight! / full! - 1)).toBeLessThan(0.005);
    expect(Math.abs(four! / full! - 1)).toBeLessThan(0.03);
  }, 240_000);

  it("streams past its cache with sinks nearly as well as by recomputing, without them not", () => {
    const ids = tokenIds.slice(0, 900);
    const [entries, chunk] = [80, 8];
    const streamed = losses(
      ids,
      [4, 0].map((sinks) => ({ cache: sinkStore({ sinks, window: entries - sinks }) })),
      chunk,
    );
    const sampled = [[] as number[], [] as number[]];
    const recomputed: number[] = [];
    for (let start = 4 * entries; start + chunk < ids.length; start += 4 * chunk) {
      const first = start + chunk - entries;
      const [window] = losses(ids.slice(first, start + chunk + 1), [{}], entries);
      recomputed.push(...window!.slice(-chunk));
      for (const [index, all] of streamed.entries()) {
        sampled[index]!.push(...all.slice(start, start + chunk));
      }
    }
    const [withSinks, without] = sampled.map(perplexity);
    const reference = perplexity(recomputed);
    expect(withSinks! / reference).toBeLessThan(1.15);
    expect(without! / reference).toBeGreaterThan(1.3);
  }, 240_000);

  it("evicts by attention", () => {
    const cache = boundedStore({ maxTokens: 64, policy: heavyHitterPolicy() });
    using state = language.model.createState({ cache });
    for (let start = 0; start < 300; start += 20) {
      const chunk = tokenIds.slice(start, start + 20);
      language.model.forward([{ state, tokenIds: chunk, logits: "none" }]).dispose();
    }
    const positions = [...state.cache!.positions(10)];
    expect(positions.length).toBe(64);
    // The first token is where attention goes that has nowhere to go.
    expect(positions[0]).toBe(0);
    expect(positions.at(-1)).toBe(299);
  }, 60_000);
});

describe("a saved state", () => {
  const greedy = { maxTokens: 24, temperature: 0 } as const;

  async function answer(prompt: number[], state?: ReturnType<LanguageModel["createState"]>) {
    const run = language.generate(prompt, { ...greedy, state });
    for (;;) {
      const step = await run.next();
      if (step.done) return step.value;
    }
  }

  it.each([
    ["the model's own buffers", undefined],
    ["a dynamic store", dynamicStore()],
    ["8 bits", quantizedStore({ bits: 8, residual: 16 })],
  ] as const)(
    "goes on as if it had never been away: %s",
    async (_name, cache) => {
      const prompt = tokenIds.slice(0, 300);
      using state = language.createState({ cache });
      const expected = await answer(prompt, state);
      using prefix = language.createState({ cache });
      await answer(tokenIds.slice(0, 250), prefix);
      const saved = language.saveState(prefix);
      using restored = language.restoreState(saved, { cache });
      expect(restored.tokenIds).toEqual(prefix.tokenIds);
      const result = await answer(prompt, restored);
      expect(result.cachedTokens).toBeGreaterThanOrEqual(250);
      if (cache === undefined || cache.description === "dynamic") {
        expect(result.tokenIds).toEqual(expected.tokenIds);
      }
      // Saving and restoring change nothing, whatever rounding does.
      const again = await answer(prompt, prefix);
      expect(result.tokenIds).toEqual(again.tokenIds);
    },
    120_000,
  );

  it("is refused when a bit is flipped, and by another model", async () => {
    using state = language.createState();
    await answer(tokenIds.slice(0, 20), state);
    const saved = language.saveState(state);
    expect(language.restoreState(saved).tokenIds.length).toBeGreaterThan(20);
    for (const byte of [0, 8, 13, 17, 40, saved.length >> 1, saved.length - 1]) {
      const flipped = saved.slice();
      flipped[byte]! ^= 4;
      expect(() => language.restoreState(flipped)).toThrow(/saved cache/);
    }
    const { name, model, tokenizer, chatTemplate } = language;
    const { LanguageModel } = await import("../src/index");
    const parts = { name, model, tokenizer, chatTemplate };
    const other = new LanguageModel({ ...parts, fingerprint: "another" });
    expect(() => other.restoreState(saved)).toThrow(/of another model/);
  }, 60_000);
});
