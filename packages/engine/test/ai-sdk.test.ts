import type { LanguageModel } from "@x/models";
import { generateText, Output, streamText } from "ai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { xEngine } from "../src/ai-sdk";
import { createEngine, type Engine } from "../src/engine";
import { openSmolLM2 } from "./support/models";

let languageModel: LanguageModel;
let engine: Engine;

beforeAll(async () => {
  languageModel = await openSmolLM2();
  engine = createEngine({ model: languageModel });
});
afterAll(async () => {
  engine?.dispose();
  await engine?.idle();
  languageModel?.dispose();
});

const prompt = "What is the capital of France?";
const messages = [{ role: "user", content: prompt }];
const greedy = () => ({ model: xEngine(engine), temperature: 0, maxRetries: 0 });

describe("xEngine", () => {
  it("generates the engine's own text, with its counts", async () => {
    const expected = await engine.generate(messages, { temperature: 0 });
    const { text, finishReason, usage } = await generateText({ ...greedy(), prompt });
    expect(text).toBe(expected.text);
    expect(text).toContain("Paris");
    expect(finishReason).toBe("stop");
    expect(usage).toMatchObject({
      inputTokens: expected.promptTokens,
      outputTokens: expected.completionTokens,
      inputTokenDetails: { cacheReadTokens: 32 },
    });
  });

  it("streams it", async () => {
    const expected = await engine.generate(messages, { temperature: 0 });
    const stream = streamText({ ...greedy(), prompt });
    const deltas: string[] = [];
    for await (const delta of stream.textStream) deltas.push(delta);
    expect(deltas.length).toBeGreaterThan(3);
    expect(deltas.join("")).toBe(expected.text);
    expect(await stream.finishReason).toBe("stop");
    expect((await stream.usage).outputTokens).toBe(expected.completionTokens);
  });

  it("passes settings on, those of providerOptions too", async () => {
    const settings = { temperature: 1.5, topP: 0.9, topK: 40, seed: 11, maxOutputTokens: 12 };
    const expected = await engine.generate(messages, {
      ...{ temperature: 1.5, topP: 0.9, topK: 40, seed: 11, maxTokens: 12 },
      minP: 0.05,
      repetitionPenalty: 1.2,
    });
    const providerOptions = { x: { minP: 0.05, repetitionPenalty: 1.2 } };
    const sampled = await generateText({ ...greedy(), ...settings, prompt, providerOptions });
    expect(sampled.text).toBe(expected.text);
    expect(sampled.finishReason).toBe("length");
    const stopped = await generateText({ ...greedy(), prompt, stopSequences: [" France"] });
    expect(stopped.text).toBe("The capital of");
  });

  it("follows a conversation", async () => {
    const conversation = [
      { role: "system", content: "You are brief." },
      { role: "user", content: "My name is Ada." },
      { role: "assistant", content: "Hello, Ada." },
      { role: "user", content: "What is my name?" },
    ] as const;
    const expected = await engine.generate(conversation, { temperature: 0, maxTokens: 16 });
    const parts = ["My name is ", "Ada."].map((text) => ({ type: "text" as const, text }));
    const { text, usage } = await generateText({
      ...greedy(),
      maxOutputTokens: 16,
      system: "You are brief.",
      messages: [{ role: "user", content: parts }, ...conversation.slice(2)],
    });
    expect(text).toBe(expected.text);
    expect(usage.inputTokens).toBe(expected.promptTokens);
  });

  it("generates an object of a schema", async () => {
    const schema = z.object({ name: z.string().max(20), size: z.enum(["small", "large"]) });
    const { output } = await generateText({
      ...greedy(),
      prompt: "Describe the city of Paris.",
      maxOutputTokens: 100,
      output: Output.object({ schema }),
    });
    expect(schema.parse(output)).toEqual(output);
  });

  it("ends with the signal", async () => {
    const endless = { ...greedy(), prompt: "Count from 1 to 1000." };
    const aborted = engine.stats().numFinished.abort;
    const whole = new AbortController();
    const promise = generateText({ ...endless, abortSignal: whole.signal });
    await expect.poll(() => engine.stats().numRunningRequests).toBe(1);
    whole.abort();
    await expect(promise).rejects.toThrow(/abort/i);
    const streamed = new AbortController();
    const stream = streamText({ ...endless, abortSignal: streamed.signal });
    const types: string[] = [];
    for await (const { type } of stream.fullStream) {
      types.push(type);
      if (types.length === 6) streamed.abort();
    }
    expect(types.at(-1)).toBe("abort");
    await engine.idle();
    expect(engine.stats().numFinished.abort).toBe(aborted + 2);
  });

  it("ends when the reader leaves", async () => {
    const aborted = engine.stats().numFinished.abort;
    const { stream } = await xEngine(engine).doStream({
      prompt: [{ role: "user", content: [{ type: "text", text: "Count from 1 to 1000." }] }],
      temperature: 0,
    });
    const reader = stream.getReader();
    for (let index = 0; index < 4; index++) await reader.read();
    await reader.cancel();
    await engine.idle();
    expect(engine.stats().numFinished.abort).toBe(aborted + 1);
  });

  it("warns of tools, and refuses what is no text", async () => {
    const call = {
      prompt: [{ role: "user" as const, content: [{ type: "text" as const, text: "Hi" }] }],
    };
    const { warnings } = await xEngine(engine).doGenerate({
      ...call,
      maxOutputTokens: 1,
      tools: [{ type: "function", name: "f", inputSchema: { type: "object" } }],
    });
    expect(warnings).toEqual([{ type: "unsupported", feature: "tools" }]);
    const picture = { type: "file" as const, data: new Uint8Array(1), mediaType: "image/png" };
    const wrong = xEngine(engine).doGenerate({ prompt: [{ role: "user", content: [picture] }] });
    await expect(wrong).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});
