import { RecurrentLanguageModel, toArrays } from "@x/rnn";
import { createDevice, type Device, tensor, tidy } from "@x/tensor";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  byteSourceFromBuffer,
  InvalidArgumentError,
  type LanguageModel,
  loadModel,
  trainBytePairs,
  writeRecurrentGguf,
} from "../src/index";
import { kernelWays } from "./support/kernel-ways";

const text = "the wolf and the lamb came to the brook, and the wolf stood above the lamb. ".repeat(
  8,
);
const vocabulary = trainBytePairs(text, 288);
const sizes = { embeddingSize: 32, hiddenSize: 64, layers: 2 };

const cases = (["lstm", "gru"] as const).flatMap((cell) =>
  kernelWays.filter(({ device }) => device !== "cpu").map((way) => ({ ...way, cell, way })),
);

describe.each(cases)("a recurrent model in a GGUF file: $cell with $what", ({ cell, way }) => {
  let device: Device;
  let original: RecurrentLanguageModel;
  let loaded: LanguageModel;

  beforeAll(async () => {
    device = await createDevice("wasm");
    const vocabularySize = vocabulary.tokens.length;
    original = new RecurrentLanguageModel({ cell, vocabularySize, ...sizes, device, seed: 2 });
    const weights = await toArrays(original.parameters);
    const settings = { name: "fable", cell, ...sizes, vocabulary, weights, contextLength: 4096 };
    loaded = await loadModel(byteSourceFromBuffer(writeRecurrentGguf(settings)), way);
  });
  afterAll(() => {
    loaded.dispose();
    device.dispose();
  });

  test("its vocabulary is lossless, and the words of the text are short", () => {
    const tokenIds = loaded.tokenizer.encode(text);
    expect(loaded.tokenizer.decode(tokenIds)).toBe(text);
    expect(tokenIds.length).toBeLessThan(text.length / 2);
    const other = "Ünïcode, 漢字 and 0x00\u0000";
    expect(loaded.tokenizer.decode(loaded.tokenizer.encode(other))).toBe(other);
  });

  test("it computes what was trained, to the precision of 8 bits", async () => {
    const tokenIds = loaded.tokenizer.encode("the wolf and the lamb");
    const expected = tidy(() => {
      const ids = tensor(tokenIds, [tokenIds.length, 1], { device, dtype: "int32" });
      return original.logits(ids, original.createState(1)).value.dataSync();
    });
    using state = loaded.model.createState();
    using logits = loaded.model.forward([{ state, tokenIds, logits: "all" }]);
    const actual = logits.dataSync();
    expect(actual.length).toBe(expected.length);
    const errors = Array.from(actual, (value, index) => Math.abs(value - (expected[index] ?? 0)));
    expect(Math.max(...errors)).toBeLessThan(0.05);
    expect(Math.max(...errors)).toBeGreaterThan(0); // it is quantized
  });

  test("sequences in one batch do not touch each other", () => {
    const [one, other] = [
      [1, 2, 3, 4, 5],
      [9, 8],
    ];
    const alone = [one, other].map((tokenIds) => {
      using state = loaded.model.createState();
      using logits = loaded.model.forward([{ state, tokenIds }]);
      return Array.from(logits.dataSync());
    });
    using first = loaded.model.createState();
    using second = loaded.model.createState();
    using logits = loaded.model.forward([
      { state: first, tokenIds: one },
      { state: second, tokenIds: other },
    ]);
    const both = Array.from(logits.dataSync());
    for (const [index, value] of alone.flat().entries()) expect(both[index]).toBeCloseTo(value, 5);
    expect([first.length, second.length]).toEqual([5, 2]);
  });

  test("a state goes on, forks, begins anew, and keeps its size", () => {
    using state = loaded.model.createState();
    const { bytes } = state;
    loaded.model.forward([{ state, tokenIds: [1, 2, 3], logits: "none" }]).dispose();
    using copy = state.fork();
    using next = loaded.model.forward([{ state, tokenIds: [4] }]);
    using same = loaded.model.forward([{ state: copy, tokenIds: [4] }]);
    expect(Array.from(same.dataSync())).toEqual(Array.from(next.dataSync()));
    expect([state.bytes, state.length, copy.length]).toEqual([bytes, 4, 4]);
    expect([state.canCrop(2), state.canCrop(4), state.canCrop(0)]).toEqual([false, true, true]);
    expect(() => state.crop(2)).toThrow(InvalidArgumentError);
    state.crop(0);
    expect(state.length).toBe(0);
  });

  test("it generates, and a second turn reads only what is new or all anew", async () => {
    using state = loaded.createState();
    const prompt = loaded.tokenizer.encode("the wolf");
    const run = async (tokenIds: number[]) => {
      const options = { maxTokens: 6, temperature: 0, state, ignoreEos: true };
      const events = loaded.generate(tokenIds, options);
      for (;;) {
        const step = await events.next();
        if (step.done) return step.value;
      }
    };
    const first = await run(prompt);
    expect(first.completionTokens).toBe(6);
    const onward = await run([...prompt, ...first.tokenIds, 5]);
    expect(onward.cachedTokens).toBeGreaterThan(0);
    const again = await run(prompt);
    expect(again.cachedTokens).toBe(0);
    expect(again.tokenIds).toEqual(first.tokenIds);
  });

  test("memory does not grow with the text", () => {
    using state = loaded.model.createState();
    const step = () => loaded.model.forward([{ state, tokenIds: [3] }]).dispose();
    for (let index = 0; index < 20; index++) step();
    const { tensors, bytes } = loaded.model.device.memory();
    for (let index = 0; index < 2_000; index++) step();
    expect(loaded.model.device.memory()).toMatchObject({ tensors, bytes });
  });

  test.each([
    ["an unknown token", [288]],
    ["no token", []],
  ])("%s is refused, and no state changes", (_, tokenIds) => {
    using state = loaded.model.createState();
    expect(() => loaded.model.forward([{ state, tokenIds }])).toThrow(InvalidArgumentError);
    expect(state.length).toBe(0);
  });
});
