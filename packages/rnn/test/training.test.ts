import { createDevice, type Device } from "@x/tensor";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  Lanes,
  LanguageTrainer,
  RecurrentInputError,
  RecurrentLanguageModel,
  toArrays,
  WeightsError,
} from "../src/index";

let device: Device;
beforeAll(async () => {
  device = await createDevice("wasm");
});
afterAll(() => {
  expect(device.memory().tensors).toBe(0);
  device.dispose();
});

/** A text with a rule to learn: each token is the one three before, plus one. */
const tokens = Array.from({ length: 400 }, (_, index) => Math.floor(index / 3) % 7);

function create(cell: "lstm" | "gru" = "lstm") {
  const sizes = { vocabularySize: 7, embeddingSize: 8, hiddenSize: 16, layers: 1 };
  const model = new RecurrentLanguageModel({ cell, ...sizes, device, seed: 5 });
  const trainer = new LanguageTrainer({ model, tokens, batch: 4, steps: 10, learningRate: 1e-2 });
  return {
    model,
    trainer,
    [Symbol.dispose]() {
      trainer.dispose();
      model.dispose();
    },
  };
}

async function run(trainer: LanguageTrainer, steps: number): Promise<number[]> {
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) losses.push((await trainer.step()).loss);
  return losses;
}

test.each(["lstm", "gru"] as const)("a %s learns a rule of the text", async (cell) => {
  using learning = create(cell);
  const losses = await run(learning.trainer, 60);
  expect(losses[0]).toBeCloseTo(Math.log(7), 0);
  expect(losses.at(-1)).toBeLessThan(0.7);
  expect(await learning.trainer.evaluate(tokens)).toBeLessThan(0.8);
});

test("resumed training takes the steps of uninterrupted training", async () => {
  using whole = create();
  const expected = await run(whole.trainer, 14);
  using first = create();
  const before = await run(first.trainer, 6); // in the middle of a pass: the state matters
  const checkpoint = await first.trainer.checkpoint({ text: "of a test" });
  using second = create();
  await run(second.trainer, 2); // what it did before is forgotten
  expect(await second.trainer.restore(checkpoint)).toMatchObject({ text: "of a test", step: "6" });
  const after = await run(second.trainer, 8);
  expect([...before, ...after]).toEqual(expected);
  expect(await toArrays(second.model.parameters)).toEqual(await toArrays(whole.model.parameters));
});

test("a checkpoint of another model is refused, and nothing changes", async () => {
  using lstm = create("lstm");
  using gru = create("gru");
  const checkpoint = await lstm.trainer.checkpoint();
  const before = await toArrays(gru.model.parameters);
  await expect(gru.trainer.restore(checkpoint)).rejects.toThrow(WeightsError);
  expect(await toArrays(gru.model.parameters)).toEqual(before);
});

test("windows follow each other within a lane", () => {
  const lanes = new Lanes(
    Array.from({ length: 21 }, (_, index) => index),
    { batch: 2, steps: 3 },
  );
  expect(lanes.windowCount).toBe(3);
  expect(Array.from(lanes.window(1).inputs)).toEqual([3, 13, 4, 14, 5, 15]);
  expect(Array.from(lanes.window(1).targets)).toEqual([4, 14, 5, 15, 6, 16]);
  expect(lanes.isStart(3)).toBe(true);
  expect(() => new Lanes([1, 2, 3], { batch: 2, steps: 3 })).toThrow(RecurrentInputError);
});
