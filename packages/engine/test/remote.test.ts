import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { afterEach, describe, expect, it } from "vitest";
import { RemoteEngine, type RemoteEngineOptions } from "../src";

/** Answers one request. */
type Answer = (response: ServerResponse, request: IncomingMessage) => void;

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

/** A server that gives these answers in turn, the last one for ever, and notes what it was asked. */
async function serve(answers: readonly Answer[], options: Partial<RemoteEngineOptions> = {}) {
  const requests: { path: string | undefined; headers: object; body: unknown }[] = [];
  const own = createServer(async (request, response) => {
    const { url: path, headers } = request;
    requests.push({ path, headers, body: await json(request) });
    answers[Math.min(requests.length, answers.length) - 1]?.(response, request);
  });
  server = own;
  await new Promise<void>((resolve) => own.listen(0, "127.0.0.1", resolve));
  const { port } = own.address() as AddressInfo;
  const baseUrl = `http://127.0.0.1:${port}/v1/`;
  const engine = new RemoteEngine({ baseUrl, model: "m", ...options });
  return { engine, requests };
}

/** Streams events as plain servers do: without token ids. */
const stream =
  (...events: (object | string)[]): Answer =>
  (response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const event of events) {
      response.write(`data: ${typeof event === "string" ? event : JSON.stringify(event)}\r\n\r\n`);
    }
    response.end();
  };
const refuse =
  (status: number, error: object, headers = {}): Answer =>
  (response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify({ error }));
  };
const text = (content: string, rest = {}) => ({ choices: [{ index: 0, text: content, ...rest }] });
const good = stream(
  text("Hel"),
  text("lo"),
  text("", { finish_reason: "length" }),
  { choices: [], usage: { prompt_tokens: 3, completion_tokens: 2 } },
  "[DONE]",
);

describe("RemoteEngine", () => {
  it("reads what any server streams", async () => {
    const { engine, requests } = await serve([good], {
      apiKey: "secret",
      headers: { "x-team": "a" },
    });
    const generation = engine.generate("abc", { maxTokens: 2, seed: 1, stop: "x" });
    const types: string[] = [];
    let streamed = "";
    for await (const event of generation) {
      types.push(event.type);
      if (event.type === "text-delta") streamed += event.text;
    }
    expect(streamed).toBe("Hello");
    expect(types[0]).toBe("start");
    expect(types.at(-1)).toBe("finish");
    expect(await generation).toMatchObject({
      text: "Hello",
      promptTokens: 3,
      cachedTokens: 0,
      completionTokens: 2,
      outputs: [{ index: 0, text: "Hello", tokenIds: [], finishReason: "length" }],
    });
    expect(requests[0]).toMatchObject({
      path: "/v1/completions",
      headers: { authorization: "Bearer secret", "x-team": "a" },
      body: { model: "m", prompt: "abc", max_tokens: 2, seed: 1, stop: "x", stream: true },
    });
  });

  it("sends conversations as chats, and reads log-probabilities", async () => {
    const token = { token: " a", logprob: -0.5, bytes: [32, 97] };
    const other = { token: " b", logprob: -1.5, bytes: [32, 98] };
    const content = [{ ...token, top_logprobs: [token, other] }];
    const chat = (delta: object, rest = {}) => ({ choices: [{ index: 0, delta, ...rest }] });
    const { engine, requests } = await serve([
      stream(
        chat({ role: "assistant", content: "" }),
        chat({ content: " a" }, { logprobs: { content }, token_ids: [7] }),
        chat({}, { finish_reason: "content_filter" }),
        "[DONE]",
      ),
    ]);
    const messages = [{ role: "user", content: "Hi" }];
    const { outputs } = await engine.generate(messages, { logprobs: 2, maxTokens: 4, topK: 5 });
    expect(requests[0]).toMatchObject({
      path: "/v1/chat/completions",
      body: { messages, logprobs: true, top_logprobs: 2, max_completion_tokens: 4, top_k: 5 },
    });
    const bytes = (characters: string) => new TextEncoder().encode(characters);
    const first = { text: " a", bytes: bytes(" a"), logprob: -0.5, rank: 1 };
    expect(outputs[0]).toEqual({
      index: 0,
      text: " a",
      tokenIds: [7],
      finishReason: "stop",
      stopReason: undefined,
      logprobs: [
        {
          ...first,
          tokenId: 7,
          top: [
            { ...first, tokenId: -1 },
            { text: " b", bytes: bytes(" b"), logprob: -1.5, rank: 2, tokenId: -1 },
          ],
        },
      ],
    });
  });

  it("comes again when the server was busy, after the time that it asks for", async () => {
    const busy = refuse(429, { message: "later" }, { "retry-after": "0" });
    const { engine, requests } = await serve([busy, refuse(503, {}, { "retry-after": "0" }), good]);
    expect((await engine.generate("abc")).text).toBe("Hello");
    expect(requests).toHaveLength(3);
    const date = new Date(Date.now() + 1000).toUTCString();
    const dated = await serve([refuse(429, {}, { "retry-after": date }), good]);
    expect((await dated.engine.generate("abc")).text).toBe("Hello");
  });

  it("gives up after maxRetries, and at once on any other refusal", async () => {
    const busy = refuse(429, { message: "full" }, { "retry-after": "0" });
    const { engine, requests } = await serve([busy], { maxRetries: 1 });
    await expect(engine.generate("abc").result()).rejects.toMatchObject({
      code: "REMOTE_ENGINE",
      message: expect.stringContaining("429: full"),
      details: { status: 429 },
    });
    expect(requests).toHaveLength(2);
    const error = { message: "too hot", param: "temperature", code: "invalid_value" };
    const refused = await serve([refuse(400, error)], { apiKey: "secret" });
    const failure = await refused.engine
      .generate("abc")
      .result()
      .catch((reason) => reason);
    expect(failure).toMatchObject({ details: { status: 400, param: "temperature" } });
    expect(JSON.stringify({ ...failure, message: failure.message })).not.toContain("secret");
    expect(refused.requests).toHaveLength(1);
  });

  it.each([
    ["an event that is not JSON", stream(text("a"), "oops"), "not JSON"],
    ["an error within the stream", stream(text("a"), { error: { message: "lost" } }), "lost"],
    ["an answer that just ends", stream(text("a")), "before it was complete"],
    ["a page instead of an answer", refuse(502, {}), "502"],
    [
      "a connection that breaks",
      (response: ServerResponse) => {
        response.writeHead(200);
        response.write(`data: ${JSON.stringify(text("a"))}\n\n`, () => response.destroy());
      },
      "the connection to the server broke",
    ],
  ])("rejects for %s, in the loop and in the result", async (_, answer, message) => {
    const { engine } = await serve([answer as Answer]);
    const generation = engine.generate("abc");
    await expect(async () => {
      for await (const _event of generation);
    }).rejects.toThrow(message);
    await expect(generation.result()).rejects.toMatchObject({ code: "REMOTE_ENGINE" });
  });

  it("rejects when there is no server", async () => {
    const { engine } = await serve([good], { maxRetries: 0 });
    server?.close();
    await expect(engine.generate("abc").result()).rejects.toThrow(/cannot be reached/);
  });

  it("ends with the signal, cancel() and dispose(), and lets the server know", async () => {
    let numClosed = 0;
    const hang: Answer = (response) => {
      response.writeHead(200);
      response.write(`data: ${JSON.stringify(text("a", { token_ids: [1] }))}\n\n`);
      response.on("close", () => numClosed++);
    };
    const { engine, requests } = await serve([hang]);
    const controller = new AbortController();
    const generations = [
      engine.generate("abc", { signal: controller.signal }),
      engine.generate("abc"),
      engine.generate("abc"),
    ];
    for (const generation of generations) {
      for await (const event of generation) if (event.type === "text-delta") break;
    }
    controller.abort();
    generations[1]?.cancel();
    engine.dispose();
    for (const generation of generations) {
      const { outputs } = await generation;
      expect(outputs).toMatchObject([{ text: "a", tokenIds: [1], finishReason: "abort" }]);
    }
    await expect.poll(() => numClosed).toBe(3);
    expect(() => engine.generate("abc")).toThrow(/disposed/);
    const late = await serve([good]);
    const aborted = await late.engine.generate("abc", { signal: AbortSignal.abort() });
    expect(aborted.outputs[0]?.finishReason).toBe("abort");
    expect(late.requests).toHaveLength(0);
    expect(requests).toHaveLength(3);
  });

  it("answers a batch in order, so many at a time, and ends it when one fails", async () => {
    let numOpen = 0;
    let mostOpen = 0;
    const slow: Answer = (response, request) => {
      mostOpen = Math.max(mostOpen, ++numOpen);
      setTimeout(() => {
        numOpen--;
        good(response, request);
      }, 20);
    };
    const { engine, requests } = await serve([slow], { maxConcurrency: 3 });
    const prompts = Array.from({ length: 8 }, (_, index) => `prompt ${index}`);
    const results = await engine.generateBatch(prompts, { maxTokens: 2 });
    expect(results.map((result) => result.text)).toEqual(prompts.map(() => "Hello"));
    expect(mostOpen).toBe(3);
    expect(requests).toHaveLength(8);
    const failing = await serve([good, refuse(400, { message: "no" })], { maxConcurrency: 1 });
    await expect(failing.engine.generateBatch(prompts)).rejects.toThrow("400: no");
    expect(failing.requests).toHaveLength(2);
  });

  it("refuses what would be lost on the way", async () => {
    const { engine, requests } = await serve([good], { extensions: "none" });
    const plain = await engine.generate("abc", { maxTokens: 2 });
    expect(plain.text).toBe("Hello");
    expect(requests[0]?.body).not.toHaveProperty("return_token_ids");
    expect(() => engine.generate("abc", { topK: 5 })).toThrow(/topK .*vllm/);
    const structured = { type: "regex", pattern: "a" } as const;
    expect(() => engine.generate("abc", { structured })).toThrow(/regex/);
    expect(() => engine.generate("abc", { promptLogprobs: 1 })).toThrow(/promptLogprobs/);
    expect(() => engine.generate("abc", { maxTokens: Number.NaN })).toThrow(/maxTokens is NaN/);
    expect(() => engine.generate("abc", { temperature: Number.NaN })).toThrow(/temperature is NaN/);
    expect(() => engine.generate(5 as never)).toThrow(/neither text, nor a list of messages/);
  });

  it.each([
    [{ baseUrl: "localhost:8000" }, /baseUrl/],
    [{ baseUrl: "http://" }, /baseUrl/],
    [{ maxRetries: -1 }, /maxRetries/],
    [{ maxConcurrency: 0 }, /maxConcurrency/],
  ])("refuses %j", (options, message) => {
    const good = { baseUrl: "http://localhost:8000/v1", model: "m" };
    expect(() => new RemoteEngine({ ...good, ...options })).toThrow(message);
  });
});
