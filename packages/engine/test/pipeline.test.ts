import type { ChatMessage, LanguageModel } from "@x/models";
import { memory } from "@x/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createEngine } from "../src/engine";
import { pipeline, TextStreamer } from "../src/pipeline";
import { openTinyModel } from "./support/models";

let model: LanguageModel;

beforeAll(async () => {
  model = await openTinyModel();
});
afterAll(() => model.dispose());

describe("pipeline", () => {
  it("continues text, messages and lists of them, greedily", async () => {
    using engine = createEngine({ model });
    const generator = await pipeline("text-generation", engine);
    const greedy = { temperature: 0, maxTokens: 12 };
    const plain = await engine.generate("abc", greedy);
    expect(plain.outputs[0]?.tokenIds).not.toHaveLength(0);
    const options = { max_new_tokens: 12 };
    expect(await generator("abc", options)).toEqual([{ generated_text: `abc${plain.text}` }]);
    expect(await generator("abc", { ...options, return_full_text: false })).toEqual([
      { generated_text: plain.text },
    ]);
    const messages: ChatMessage[] = [{ role: "user", content: "abc" }];
    const chat = await engine.generate(messages, greedy);
    const reply = { role: "assistant", content: chat.text };
    expect(await generator(messages, options)).toEqual([{ generated_text: [...messages, reply] }]);
    expect(await generator([messages, messages], options)).toEqual([
      [{ generated_text: [...messages, reply] }],
      [{ generated_text: [...messages, reply] }],
    ]);
    const other = await engine.generate("Bye", greedy);
    expect(await generator(["abc", "Bye"], options)).toEqual([
      [{ generated_text: `abc${plain.text}` }],
      [{ generated_text: `Bye${other.text}` }],
    ]);
  });

  it("samples when asked to", async () => {
    using engine = createEngine({ model });
    const generator = await pipeline("text-generation", engine);
    const expected = await engine.generate("abc", {
      ...{ temperature: 0.9, topK: 30, topP: 0.95, repetitionPenalty: 1.1 },
      ...{ seed: 4, n: 3, maxTokens: 8 },
    });
    const outputs = await generator("abc", {
      ...{ do_sample: true, temperature: 0.9, top_k: 30, top_p: 0.95, repetition_penalty: 1.1 },
      ...{ seed: 4, num_return_sequences: 3, max_new_tokens: 8, return_full_text: false },
    });
    expect(outputs.map(({ generated_text: text }) => text)).toEqual(
      expected.outputs.map(({ text }) => text),
    );
    expect(new Set(outputs.map(({ generated_text: text }) => text)).size).toBeGreaterThan(1);
  });

  it("streams", async () => {
    using engine = createEngine({ model });
    const generator = await pipeline("text-generation", engine);
    const pieces: string[] = [];
    const tokenIds: number[] = [];
    const streamer = new TextStreamer(generator.tokenizer, {
      callback_function: (text) => pieces.push(text),
      token_callback_function: (ids) => tokenIds.push(...ids),
    });
    const [output] = await generator("abc", { max_new_tokens: 12, streamer });
    expect(pieces[0]).toBe("abc");
    expect(pieces.join("")).toBe(output?.generated_text);
    expect(tokenIds).toHaveLength(12);
    pieces.length = 0;
    const quiet = new TextStreamer(undefined, {
      skip_prompt: true,
      callback_function: (text) => pieces.push(text),
    });
    await generator("abc", { max_new_tokens: 12, streamer: quiet });
    expect(`abc${pieces.join("")}`).toBe(output?.generated_text);
    await expect(generator(["a"], { streamer })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });

  it("gives back the engine that it made, and only that", async () => {
    const before = memory().bytes;
    const generator = await pipeline("text-generation", model);
    expect(memory().bytes).toBeGreaterThan(before);
    expect(generator.tokenizer).toBe(model.tokenizer);
    await generator("abc", { max_new_tokens: 2 });
    generator.dispose();
    await expect.poll(() => memory().bytes).toBe(before);
    using engine = createEngine({ model });
    (await pipeline("text-generation", engine)).dispose();
    expect(engine.isDisposed).toBe(false);
  });

  it("refuses other tasks and options, and stops at the signal", async () => {
    using engine = createEngine({ model });
    const wrong = "translation" as "text-generation";
    await expect(pipeline(wrong, engine)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    const generator = await pipeline("text-generation", engine);
    const unknown = { num_beams: 4 } as object;
    await expect(generator("abc", unknown)).rejects.toThrow(/no option num_beams/);
    const controller = new AbortController();
    const promise = generator("abc", { signal: controller.signal, max_new_tokens: 200 });
    controller.abort();
    const [output] = await promise;
    expect(output?.generated_text).toMatch(/^abc/);
  });
});
