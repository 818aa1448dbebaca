import { dynamicStore } from "@x/kvcache";
import type { Tensor } from "@x/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scalar } from "../src/gguf/write-gguf";
import { byteSourceFromBuffer, type LanguageModel, loadModel } from "../src/index";
import { kernelWays, simdWays } from "./support/kernel-ways";
import { tinyLlama } from "./support/tiny-llama";

const tokenIds = [5, 77, 130, 9, 200, 41, 3, 88, 120, 14, 60, 250];

function read(logits: Tensor): Float32Array {
  using owned = logits;
  return owned.dataSync() as Float32Array;
}

function expectClose(actual: Float32Array, expected: Float32Array, bound: number): void {
  expect(actual.length).toBe(expected.length);
  expect(actual.every(Number.isFinite)).toBe(true);
  const errors = actual.map((value, index) => Math.abs(value - expected[index]!));
  expect(Math.max(...errors)).toBeLessThan(bound);
}

describe.each(kernelWays)("Llama with $what", (way) => {
  let language: LanguageModel;
  let whole: Float32Array;
  beforeAll(async () => {
    language = await loadModel(byteSourceFromBuffer(tinyLlama()), way);
    using state = language.model.createState();
    whole = read(language.model.forward([{ state, tokenIds, logits: "all" }]));
  });
  afterAll(() => language.dispose());

  it("gives one row of logits per token, none equal to another", () => {
    expect(whole.length).toBe(tokenIds.length * 262);
    const rows = tokenIds.map((_, row) => whole.slice(row * 262, (row + 1) * 262).join());
    expect(new Set(rows).size).toBe(tokenIds.length);
  });

  it("gives the logits of the gpu.js definitions on cpu", async () => {
    const source = byteSourceFromBuffer(tinyLlama());
    using reference = await loadModel(source, { device: "cpu", kernels: "gpujs" });
    using state = reference.model.createState();
    const logits = read(reference.model.forward([{ state, tokenIds, logits: "all" }]));
    expectClose(whole, logits, 1e-4);
  });

  it("gives the same logits over a cache of its own, in tiles where there are SIMD kernels", () => {
    const launched = new Set<string>();
    language.model.device.onLaunch = ({ operation }) => launched.add(operation);
    using state = language.model.createState({ cache: dynamicStore() });
    const rows = [tokenIds.slice(0, 7), tokenIds.slice(7, 8), tokenIds.slice(8)].flatMap(
      (chunk) => [...read(language.model.forward([{ state, tokenIds: chunk, logits: "all" }]))],
    );
    language.model.device.onLaunch = undefined;
    expectClose(Float32Array.from(rows), whole, 1e-4);
    expect(launched.has("flashAttention")).toBe(way.kernels !== "gpujs");
    expect(launched.has("softmax")).toBe(way.kernels === "gpujs");
  });

  it("gives the same logits whatever the chunks", () => {
    for (const size of [1, 5, 7, 12]) {
      using state = language.model.createState();
      const rows: Float32Array[] = [];
      for (let start = 0; start < tokenIds.length; start += size) {
        const chunk = tokenIds.slice(start, start + size);
        rows.push(read(language.model.forward([{ state, tokenIds: chunk, logits: "all" }])));
      }
      expectClose(Float32Array.from(rows.flatMap((row) => [...row])), whole, 1e-4);
      expect(state.length).toBe(tokenIds.length);
    }
  });

  it("keeps the sequences of a batch apart", () => {
    const { model } = language;
    using first = model.createState();
    using second = model.createState();
    read(model.forward([{ state: first, tokenIds: tokenIds.slice(0, 4), logits: "none" }]));
    const logits = read(
      model.forward([
        { state: second, tokenIds: tokenIds.slice(0, 3), logits: "all" },
        { state: first, tokenIds: tokenIds.slice(4, 5) },
      ]),
    );
    expectClose(logits.slice(0, 3 * 262), whole.slice(0, 3 * 262), 1e-4);
    expectClose(logits.slice(3 * 262), whole.slice(4 * 262, 5 * 262), 1e-4);
  });

  it("continues from a cropped state as from a fresh one", () => {
    using state = language.model.createState();
    read(language.model.forward([{ state, tokenIds: [...tokenIds.slice(0, 6), 1, 2, 3] }]));
    state.crop(6);
    const rest = tokenIds.slice(6);
    const logits = read(language.model.forward([{ state, tokenIds: rest, logits: "all" }]));
    expectClose(logits, whole.slice(6 * 262), 1e-4);
  });

  it("refuses impossible batches and changes no state", () => {
    const { model } = language;
    using state = model.createState();
    const bad: [Parameters<typeof model.forward>[0], RegExp][] = [
      [[], /holds no chunk/],
      [[{ state, tokenIds: [] }], /holds no token/],
      [[{ state, tokenIds: [262] }], /token id 262 is not of the vocabulary; use 0 to 261/],
      [[{ state, tokenIds: [1.5] }], /token id 1.5/],
      [[{ state, tokenIds: new Array(65).fill(1) }], /65 tokens exceed the context of 64/],
      [
        [
          { state, tokenIds: [1] },
          { state, tokenIds: [2] },
        ],
        /a state of its own/,
      ],
      [[{ state: { ...state } as never, tokenIds: [1] }], /createState/],
    ];
    for (const [batch, message] of bad) expect(() => model.forward(batch)).toThrow(message);
    expect(state.length).toBe(0);
  });

  it("leaves memory where it was", () => {
    const before = language.model.device.memory();
    for (let run = 0; run < 3; run++) {
      using state = language.model.createState();
      read(language.model.forward([{ state, tokenIds }]));
      read(language.model.forward([{ state, tokenIds: [1] }]));
    }
    const { tensors, bytes } = language.model.device.memory();
    expect({ tensors, bytes }).toEqual({ tensors: before.tensors, bytes: before.bytes });
  });
});

describe.each(simdWays)("Llama, a step as a program, with $what", (way) => {
  it("gives the same logits, bit by bit, whatever the number of threads", async () => {
    const results: Float32Array[] = [];
    for (const threads of [1, 2, 4]) {
      using language = await loadModel(byteSourceFromBuffer(tinyLlama()), { ...way, threads });
      expect(language.model.device.threads).toBe(threads);
      using state = language.model.createState();
      results.push(read(language.model.forward([{ state, tokenIds, logits: "all" }])));
      for (const tokenId of tokenIds) {
        results.push(read(language.model.forward([{ state, tokenIds: [tokenId] }])));
      }
    }
    const perModel = tokenIds.length + 1;
    for (const [index, logits] of results.entries()) {
      expect(logits).toEqual(results[index % perModel]);
    }
  });

  it("allocates nothing from step to step", async () => {
    using language = await loadModel(byteSourceFromBuffer(tinyLlama()), way);
    using state = language.model.createState();
    read(language.model.forward([{ state, tokenIds: [1] }]));
    const { bytes, tensors, reservedBytes } = language.model.device.memory();
    for (let step = 0; step < 40; step++) {
      read(language.model.forward([{ state, tokenIds: [step] }]));
      expect(language.model.device.memory()).toMatchObject({ bytes, tensors, reservedBytes });
    }
  });

  it("grows a sequence's cache and keeps what it held", async () => {
    using language = await loadModel(
      byteSourceFromBuffer(
        tinyLlama({
          metadata: {
            "llama.context_length": scalar("uint32", 400),
          },
        }),
      ),
      way,
    );
    const ids = Array.from({ length: 300 }, (_, index) => (index * 37) % 262);
    using whole = language.model.createState();
    using grown = language.model.createState();
    const expected = read(language.model.forward([{ state: whole, tokenIds: ids }]));
    let last = new Float32Array();
    for (let start = 0; start < ids.length; start += 50) {
      const chunk = ids.slice(start, start + 50);
      last = read(language.model.forward([{ state: grown, tokenIds: chunk }])) as typeof last;
    }
    expectClose(last, expected, 1e-4);
    expect(() => grown.crop(301)).toThrow(/cannot keep 301 tokens of 300/);
  });

  it("tells the sequences of a batch apart, one token each", async () => {
    using language = await loadModel(byteSourceFromBuffer(tinyLlama()), way);
    const { model } = language;
    const states = tokenIds.map(() => model.createState());
    const alone = tokenIds.map((tokenId) => {
      using state = model.createState();
      read(model.forward([{ state, tokenIds: [7, tokenId], logits: "none" }]));
      return read(model.forward([{ state, tokenIds: [tokenId] }]));
    });
    for (const [index, state] of states.entries()) {
      read(model.forward([{ state, tokenIds: [7, tokenIds[index]!], logits: "none" }]));
    }
    const together = read(
      model.forward(states.map((state, index) => ({ state, tokenIds: [tokenIds[index]!] }))),
    );
    for (const [index, logits] of alone.entries()) {
      expectClose(together.slice(index * 262, (index + 1) * 262), logits, 1e-4);
    }
    for (const state of states) state.dispose();
  });
});
