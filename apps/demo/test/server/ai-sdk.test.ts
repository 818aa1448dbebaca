import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import type { LanguageModel } from "@x/models";
import { generateText, Output, streamText } from "ai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { openSmolLM2 } from "./support/models";
import { startServer, type TestServer } from "./support/test-server";

let model: LanguageModel;
let server: TestServer;

const modelName = "smollm2-135m-instruct";
const prompt = "What is the capital of France?";

beforeAll(async () => {
  model = await openSmolLM2();
  server = await startServer({ model }, { modelNames: [modelName], apiKey: "secret" });
});
afterAll(async () => {
  await server?.close();
  model?.dispose();
});

const provider = () =>
  createOpenAICompatible({
    name: "x",
    baseURL: `${server.url}/v1`,
    apiKey: "secret",
    includeUsage: true,
    supportsStructuredOutputs: true,
  });
const chat = () => ({ model: provider().chatModel(modelName), temperature: 0, maxRetries: 0 });

describe("the Vercel AI SDK", () => {
  it("generates text", async () => {
    const { text, finishReason, usage } = await generateText({ ...chat(), prompt });
    expect(text).toContain("Paris");
    expect(finishReason).toBe("stop");
    expect(usage.inputTokens).toBe(model.encodeChat([{ role: "user", content: prompt }]).length);
    expect(usage.outputTokens).toBeGreaterThan(3);
  });

  it("streams the same text, with usage", async () => {
    const whole = await generateText({ ...chat(), prompt });
    const stream = streamText({ ...chat(), prompt });
    const deltas: string[] = [];
    for await (const delta of stream.textStream) deltas.push(delta);
    expect(deltas.length).toBeGreaterThan(3);
    expect(deltas.join("")).toBe(whole.text);
    expect(await stream.finishReason).toBe("stop");
    expect(await stream.usage).toMatchObject({
      inputTokens: whole.usage.inputTokens,
      outputTokens: whole.usage.outputTokens,
    });
  });

  it("completes text", async () => {
    const { text } = await generateText({
      model: provider().completionModel(modelName),
      temperature: 0,
      maxOutputTokens: 4,
      maxRetries: 0,
      prompt: "One, two, three,",
    });
    expect(text.length).toBeGreaterThan(0);
  });

  it("generates an object of a schema", async () => {
    const schema = z.object({ name: z.string().max(20), size: z.enum(["small", "large"]) });
    const { output } = await generateText({
      ...chat(),
      prompt: "Describe the city of Paris.",
      maxOutputTokens: 100,
      output: Output.object({ schema }),
    });
    expect(schema.parse(output)).toEqual(output);
  });

  it("stops at a text and at a signal", async () => {
    const stopped = await generateText({ ...chat(), prompt, stopSequences: ["France"] });
    expect(stopped.text).not.toContain("France");
    expect(stopped.finishReason).toBe("stop");
    const aborted = server.engine.stats().numFinished.abort;
    const controller = new AbortController();
    const promise = generateText({
      ...chat(),
      prompt: "Count from 1 to 1000.",
      abortSignal: controller.signal,
    });
    await expect.poll(() => server.engine.stats().numRunningRequests).toBe(1);
    controller.abort();
    await expect(promise).rejects.toThrow(/abort/i);
    await expect.poll(() => server.engine.stats().numFinished.abort).toBe(aborted + 1);
  });
});
