import { type LinearAttentionKind, LinearLanguageModel } from "@x/attention-linear";
import { createDevice, tensor, tidy } from "@x/tensor";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type CausalLM,
  ContextLengthError,
  InvalidArgumentError,
  LinearAttentionModel,
} from "../src/index";

const sizes = { vocabularySize: 13, dim: 16, heads: 2, layers: 2 };
const kinds: LinearAttentionKind[] = ["linear", "retention", "gatedLinear", "delta", "gatedDelta"];

describe.each(kinds)("a model of linear attention: %s", (kind) => {
  let original: LinearLanguageModel;
  let model: CausalLM;
  beforeAll(async () => {
    const device = await createDevice("wasm");
    original = new LinearLanguageModel({ kind, ...sizes, device, seed: 2 });
    model = new LinearAttentionModel(original);
  });
  afterAll(() => {
    original.dispose();
    expect(model.device.memory()).toMatchObject({ tensors: 0, bytes: 0 });
    model.dispose();
  });
  const text = Array.from({ length: 40 }, (_, t) => (t * 5 + 1) % 13);

  test("chunks and single tokens, packed with other sequences, give the logits of the whole", () => {
    const expected = tidy(() => {
      const ids = tensor(text, [1, 40], { device: model.device, dtype: "int32" });
      return original.logits(ids).value.dataSync();
    });
    using state = model.createState();
    using other = model.createState();
    const pieces = [17, 1, 1, 20, 1];
    const actual: number[] = [];
    let start = 0;
    for (const [index, length] of pieces.entries()) {
      const tokenIds = text.slice(start, start + length);
      const beside = { state: other, tokenIds: [index, 2, 3], logits: "none" as const };
      using logits = model.forward([beside, { state, tokenIds, logits: "all" }]);
      actual.push(...logits.dataSync());
      start += length;
    }
    expect(actual.length).toBe(expected.length);
    for (const [index, value] of actual.entries()) expect(value).toBeCloseTo(expected[index]!, 4);
    expect([state.length, other.length]).toEqual([40, 15]);
  });

  test("a state goes on, forks, begins anew, and keeps its size", () => {
    using state = model.createState();
    const { bytes } = state;
    const [heads, key, value] = original.stateShape as [number, number, number];
    expect(bytes).toBe(sizes.layers * heads * key * value * 4);
    model.forward([{ state, tokenIds: [1, 2, 3], logits: "none" }]).dispose();
    using copy = state.fork();
    using next = model.forward([{ state, tokenIds: [4] }]);
    using same = model.forward([{ state: copy, tokenIds: [4] }]);
    expect(Array.from(same.dataSync())).toEqual(Array.from(next.dataSync()));
    expect([state.bytes, state.length, copy.length]).toEqual([bytes, 4, 4]);
    expect([state.canCrop(2), state.canCrop(4), state.canCrop(0)]).toEqual([false, true, true]);
    expect(() => state.crop(2)).toThrow(InvalidArgumentError);
    state.crop(0);
    expect(state.length).toBe(0);
  });

  test("memory does not grow with the text", () => {
    using state = model.createState();
    const step = () => model.forward([{ state, tokenIds: [3] }]).dispose();
    for (let index = 0; index < 20; index++) step();
    const { tensors, bytes } = model.device.memory();
    for (let index = 0; index < 1000; index++) step();
    expect(model.device.memory()).toMatchObject({ tensors, bytes });
  });

  test.each([
    ["an unknown token", [13]],
    ["no token", []],
  ])("%s is refused, and no state changes", (_, tokenIds) => {
    using state = model.createState();
    using other = model.createState();
    const batch = [
      { state: other, tokenIds: [1] },
      { state, tokenIds },
    ];
    expect(() => model.forward(batch)).toThrow(InvalidArgumentError);
    expect([state.length, other.length]).toEqual([0, 0]);
  });
});

test("a sequence longer than the positions is refused", async () => {
  const device = await createDevice("wasm");
  const positions = 4;
  using model = new LinearAttentionModel(
    new LinearLanguageModel({ kind: "linear", ...sizes, positions, device }),
  );
  using state = model.createState();
  model.forward([{ state, tokenIds: [1, 2, 3], logits: "none" }]).dispose();
  expect(() => model.forward([{ state, tokenIds: [1, 2] }])).toThrow(ContextLengthError);
  expect(state.length).toBe(3);
});
