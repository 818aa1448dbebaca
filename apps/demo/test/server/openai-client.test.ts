import type { LanguageModel } from "@x/models";
import OpenAI, { APIUserAbortError, AuthenticationError, BadRequestError } from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSmolLM2 } from "./support/models";
import { startServer, type TestServer } from "./support/test-server";

let model: LanguageModel;
let server: TestServer;
let client: OpenAI;

const modelName = "smollm2-135m-instruct";
const messages = [{ role: "user", content: "What is the capital of France?" }] as const;
const greedy = { model: modelName, temperature: 0 } as const;

beforeAll(async () => {
  model = await openSmolLM2();
  server = await startServer({ model }, { modelNames: [modelName], apiKey: "secret" });
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "secret", maxRetries: 0 });
});
afterAll(async () => {
  await server?.close();
  model?.dispose();
});

/** What the model says by itself, without engine or server. */
async function reference(prompt: readonly number[], maxTokens: number) {
  const generation = model.generate(prompt, { temperature: 0, maxTokens });
  for (;;) {
    const { done, value } = await generation.next();
    if (done) return value;
  }
}

describe("the openai client", () => {
  it("lists models", async () => {
    const ids: string[] = [];
    for await (const { id } of client.models.list()) ids.push(id);
    expect(ids).toEqual([modelName]);
    expect((await client.models.retrieve(modelName)).id).toBe(modelName);
  });

  it("chats", async () => {
    const answer = await client.chat.completions.create({ ...greedy, messages: [...messages] });
    const prompt = model.encodeChat([...messages]);
    const expected = await reference(prompt, 64);
    expect(answer.object).toBe("chat.completion");
    expect(answer.choices).toHaveLength(1);
    expect(answer.choices[0]).toMatchObject({
      index: 0,
      finish_reason: "stop",
      message: { role: "assistant", content: expected.text },
    });
    expect(expected.text).toContain("Paris");
    expect(answer.usage).toMatchObject({
      prompt_tokens: prompt.length,
      completion_tokens: expected.tokenIds.length + 1,
      total_tokens: prompt.length + expected.tokenIds.length + 1,
    });
  });

  it("completes text, and tokens the same", async () => {
    const text = "The capital of France is";
    const request = { ...greedy, max_tokens: 8 };
    const first = await client.completions.create({ ...request, prompt: text });
    const expected = await reference(model.tokenizer.encode(text), 8);
    expect(first.choices[0]?.text).toBe(expected.text);
    expect(first.choices[0]?.finish_reason).toBe("length");
    const prompt = model.tokenizer.encode(text);
    const second = await client.completions.create({ ...request, prompt: [prompt, prompt] });
    expect(second.choices.map((choice) => choice.text)).toEqual([expected.text, expected.text]);
    expect(second.choices.map((choice) => choice.index)).toEqual([0, 1]);
    expect(second.usage).toMatchObject({ prompt_tokens: 2 * prompt.length, completion_tokens: 16 });
  });

  it("streams a chat with usage", async () => {
    const request = { ...greedy, messages: [...messages] };
    const whole = await client.chat.completions.create(request);
    const stream = await client.chat.completions.create({
      ...request,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let role: string | undefined;
    const finishReasons: string[] = [];
    const usages: OpenAI.CompletionUsage[] = [];
    let numChunks = 0;
    for await (const chunk of stream) {
      numChunks++;
      if (chunk.usage) usages.push(chunk.usage);
      const [choice] = chunk.choices;
      role ??= choice?.delta.role;
      text += choice?.delta.content ?? "";
      if (choice?.finish_reason) finishReasons.push(choice.finish_reason);
    }
    expect(text).toBe(whole.choices[0]?.message.content);
    expect({ role, finishReasons }).toEqual({ role: "assistant", finishReasons: ["stop"] });
    expect(numChunks).toBeGreaterThan(5);
    expect(usages).toHaveLength(1);
    const { prompt_tokens_details: details, ...counts } = usages[0] as OpenAI.CompletionUsage;
    const { prompt_tokens_details: _, ...expected } = whole.usage as OpenAI.CompletionUsage;
    expect(counts).toEqual(expected);
    // The same prompt was answered just before.
    expect(details?.cached_tokens).toBeGreaterThanOrEqual(16);
  });

  it("runs its own streaming helper", async () => {
    const runner = client.chat.completions.stream({ ...greedy, messages: [...messages] });
    const deltas: string[] = [];
    runner.on("content", (delta) => deltas.push(delta));
    const final = await runner.finalChatCompletion();
    expect(deltas.join("")).toBe(final.choices[0]?.message.content);
  });

  it("gives n = 4 answers, the same for the same seed", async () => {
    const request = {
      model: modelName,
      messages: [...messages],
      n: 4,
      seed: 7,
      temperature: 1.2,
      max_tokens: 12,
    };
    const first = await client.chat.completions.create(request);
    const texts = first.choices.map(({ message }) => message.content);
    expect(first.choices.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect(new Set(texts).size).toBeGreaterThan(1);
    const stream = await client.chat.completions.create({ ...request, stream: true });
    const streamed = ["", "", "", ""];
    const ended = new Set<number>();
    for await (const { choices } of stream) {
      for (const { index, delta, finish_reason: reason } of choices) {
        streamed[index] += delta.content ?? "";
        if (reason) ended.add(index);
      }
    }
    expect(streamed).toEqual(texts);
    expect(ended.size).toBe(4);
  });

  it("gives log-probabilities of a chat", async () => {
    const request = {
      ...greedy,
      messages: [...messages],
      max_tokens: 6,
      logprobs: true,
      top_logprobs: 3,
    };
    const { choices, usage } = await client.chat.completions.create(request);
    const content = choices[0]?.logprobs?.content ?? [];
    expect(content).toHaveLength(usage?.completion_tokens as number);
    expect(content.map(({ token }) => token).join("")).toBe(choices[0]?.message.content);
    for (const { token, logprob, bytes, top_logprobs: top } of content) {
      expect(Number.isFinite(logprob)).toBe(true);
      expect(logprob).toBeLessThanOrEqual(0);
      expect(new TextDecoder().decode(new Uint8Array(bytes as number[]))).toBe(token);
      expect(top).toHaveLength(3);
      expect(top[0]).toMatchObject({ token, logprob });
      const descending = [...top].sort((left, right) => right.logprob - left.logprob);
      expect(top).toEqual(descending);
    }
    const stream = await client.chat.completions.create({ ...request, stream: true });
    const streamed: typeof content = [];
    for await (const chunk of stream) streamed.push(...(chunk.choices[0]?.logprobs?.content ?? []));
    expect(streamed).toEqual(content);
  });

  it("scores a prompt: echo, log-probabilities and no answer", async () => {
    const prompt = "The capital of France is Paris.";
    const { choices, usage } = await client.completions.create({
      ...greedy,
      prompt,
      echo: true,
      logprobs: 2,
      max_tokens: 0,
    });
    const [choice] = choices;
    const tokenIds = model.tokenizer.encode(prompt);
    expect(choice?.text).toBe(prompt);
    expect(usage).toMatchObject({ prompt_tokens: tokenIds.length, completion_tokens: 0 });
    const logprobs = choice?.logprobs;
    expect(logprobs?.tokens).toEqual(tokenIds.map((id) => model.tokenizer.decode([id])));
    expect(logprobs?.token_logprobs?.[0]).toBeNull();
    expect(logprobs?.top_logprobs?.[0]).toBeNull();
    const scores = logprobs?.token_logprobs?.slice(1) ?? [];
    expect(scores.every((score) => Number.isFinite(score) && score <= 0)).toBe(true);
    // " Paris" after "The capital of France is" is the likeliest of all.
    const paris = logprobs?.tokens?.indexOf(" Paris") ?? -1;
    const best = Math.max(...Object.values(logprobs?.top_logprobs?.[paris] ?? {}));
    expect(logprobs?.token_logprobs?.[paris]).toBe(best);
    for (const [index, token] of (logprobs?.tokens ?? []).entries()) {
      const offset = logprobs?.text_offset?.[index] ?? -1;
      expect(prompt.slice(offset, offset + token.length)).toBe(token);
    }
  });

  it("stops before a text", async () => {
    const request = { ...greedy, prompt: "One, two, three, four,", max_tokens: 16 };
    const whole = await client.completions.create(request);
    expect(whole.choices[0]?.text).toContain(" six");
    const stopped = await client.completions.create({ ...request, stop: ["never", " six"] });
    expect(stopped.choices[0]).toMatchObject({ finish_reason: "stop", stop_reason: " six" });
    const expected = whole.choices[0]?.text.split(" six")[0];
    expect(stopped.choices[0]?.text).toBe(expected);
    const stream = await client.completions.create({ ...request, stop: " six", stream: true });
    let text = "";
    for await (const { choices } of stream) text += choices[0]?.text ?? "";
    expect(text).toBe(expected);
  });

  it("answers in the form of a JSON schema", async () => {
    const schema = {
      type: "object",
      properties: {
        city: { type: "string", maxLength: 20 },
        population: { type: "integer", minimum: 0, maximum: 100 },
        isCapital: { type: "boolean" },
      },
      required: ["city", "population", "isCapital"],
      additionalProperties: false,
    };
    const answer = await client.chat.completions.create({
      ...greedy,
      messages: [...messages],
      max_tokens: 100,
      response_format: { type: "json_schema", json_schema: { name: "city", schema, strict: true } },
    });
    expect(answer.choices[0]?.finish_reason).toBe("stop");
    const parsed = JSON.parse(answer.choices[0]?.message.content ?? "");
    expect(Object.keys(parsed).sort()).toEqual(["city", "isCapital", "population"]);
    expect(parsed).toEqual({
      city: expect.any(String),
      population: expect.any(Number),
      isCapital: expect.any(Boolean),
    });
  });

  it("refuses a bad schema, and only that", async () => {
    const json_schema = { name: "bad", schema: { type: "no such type" } };
    const bad = client.chat.completions.create({
      ...greedy,
      messages: [...messages],
      response_format: { type: "json_schema", json_schema },
    });
    await expect(bad).rejects.toThrow(BadRequestError);
    await expect(bad).rejects.toMatchObject({ param: "response_format" });
    const good = await client.chat.completions.create({ ...greedy, messages: [...messages] });
    expect(good.choices[0]?.message.content).toContain("Paris");
  });

  it("aborts", async () => {
    const aborted = server.engine.stats().numFinished.abort;
    const stream = await client.chat.completions.create({
      ...greedy,
      messages: [{ role: "user", content: "Count from 1 to 1000." }],
      stream: true,
    });
    let numChunks = 0;
    for await (const _ of stream) {
      if (++numChunks === 4) stream.controller.abort();
    }
    expect(numChunks).toBeLessThan(40);
    await expect.poll(() => server.engine.stats().numFinished.abort).toBe(aborted + 1);
    const controller = new AbortController();
    const whole = client.chat.completions.create(
      { ...greedy, messages: [{ role: "user", content: "Count from 1 to 1000." }] },
      { signal: controller.signal },
    );
    await expect.poll(() => server.engine.stats().numRunningRequests).toBe(1);
    controller.abort();
    await expect(whole).rejects.toThrow(APIUserAbortError);
    await expect.poll(() => server.engine.stats().numFinished.abort).toBe(aborted + 2);
    await server.engine.idle();
  });

  it("reports errors as its own", async () => {
    const tooHot = client.chat.completions.create({
      ...greedy,
      temperature: 3,
      messages: [...messages],
    });
    await expect(tooHot).rejects.toThrow(BadRequestError);
    await expect(tooHot).rejects.toMatchObject({ param: "temperature", code: "invalid_value" });
    const stranger = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "wrong", maxRetries: 0 });
    await expect(stranger.models.list()).rejects.toThrow(AuthenticationError);
  });
});
