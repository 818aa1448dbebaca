import { connect } from "node:net";
import { text as readAll } from "node:stream/consumers";
import type { LanguageModel } from "@x/models";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { ServerHandlerOptions } from "../../src/server/create-server-handler";
import { openTinyModel } from "./support/models";
import { startServer, type TestServer } from "./support/test-server";

let model: LanguageModel;
let server: TestServer | undefined;

beforeAll(async () => {
  model = await openTinyModel();
});
afterEach(async () => {
  await server?.close();
  server = undefined;
});
afterAll(() => model.dispose());

/** A server for one test. */
async function serve(options: Partial<ServerHandlerOptions> = {}, engine = {}) {
  server = await startServer(
    { model, cacheBytes: 2 ** 20, ...engine },
    { modelNames: ["tiny"], ...options },
  );
  return server;
}

const messages = [{ role: "user", content: "Hello" }];
const endless = { prompt: "abc", max_tokens: 400, ignore_eos: true, seed: 1 };

/** The error of a response, in OpenAI's shape. */
async function errorOf(response: Response) {
  const body = await response.json();
  expect(body).toEqual({
    error: {
      message: expect.any(String),
      type: expect.any(String),
      param: body.error?.param === null ? null : expect.any(String),
      code: expect.any(String),
    },
  });
  return { status: response.status, ...body.error };
}

describe("twenty malformed bodies", () => {
  const chat = "/v1/chat/completions";
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
  const withSchema = (schema: object) =>
    JSON.stringify({
      messages,
      response_format: { type: "json_schema", json_schema: { name: "a", schema } },
    });
  const deepSchema = `${'{"properties":{"a":'.repeat(400)}{}${"}}".repeat(400)}`;
  const bodies: [name: string, path: string, body: BodyInit, param: string | null][] = [
    ["an empty body", chat, "", null],
    ["text that is not JSON", chat, "hello", null],
    ["JSON that is cut off", chat, '{"messages":[{"role":"user"', null],
    ["a body that is no object", chat, "[]", null],
    ["null", chat, "null", null],
    ["bytes that are not UTF-8", chat, new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]), null],
    ["arrays nested 100,000 deep", chat, `{"messages":${deep}}`, null],
    [
      "a schema nested 800 deep",
      chat,
      `{"messages":[{"role":"user","content":"a"}],"response_format":{"type":"json_schema","json_schema":{"schema":${deepSchema}}}}`,
      null,
    ],
    [
      "a schema with a pattern of a million states",
      chat,
      withSchema({ pattern: "(a{1000}){1000}" }),
      "response_format",
    ],
    ["a schema of a billion items", chat, withSchema({ minItems: 1e9 }), "response_format"],
    ["a schema that is only itself", chat, withSchema({ $ref: "#" }), "response_format"],
    [
      "a schema from elsewhere",
      chat,
      withSchema({ $ref: "http://a.example/b" }),
      "response_format",
    ],
    [
      "a schema of 100,000 values",
      chat,
      withSchema({ enum: Array(1e5).fill("a") }),
      "response_format",
    ],
    ["no messages", chat, "{}", "messages"],
    ["an empty conversation", chat, '{"messages":[]}', "messages"],
    ["messages of a wrong type", chat, '{"messages":"hello"}', "messages"],
    [
      "a role that nobody has",
      chat,
      '{"messages":[{"role":"x","content":""}]}',
      "messages[0].role",
    ],
    [
      "content that is a number",
      chat,
      '{"messages":[{"role":"user","content":1}]}',
      "messages[0].content",
    ],
    [
      "a temperature in words",
      chat,
      JSON.stringify({ messages, temperature: "hot" }),
      "temperature",
    ],
    [
      "a temperature of 1e999",
      chat,
      '{"messages":[{"role":"user","content":"a"}],"temperature":1e999}',
      "temperature",
    ],
    ["a million answers", chat, JSON.stringify({ messages, n: 1e6 }), "n"],
    ["half a token", chat, JSON.stringify({ messages, max_tokens: 1.5 }), "max_tokens"],
    ["a huge max_tokens", chat, JSON.stringify({ messages, max_tokens: 1e300 }), "max_tokens"],
    [
      "a bias of no token",
      chat,
      JSON.stringify({ messages, logit_bias: { a: 1 } }),
      "logit_bias.a",
    ],
    ["an empty stop", chat, JSON.stringify({ messages, stop: [""] }), "stop[0]"],
    ["a prompt of booleans", "/v1/completions", '{"prompt":[true]}', "prompt[0]"],
    ["an empty prompt", "/v1/completions", '{"prompt":""}', "prompt"],
    ["a token id that none has", "/v1/completions", '{"prompt":[1,999999]}', "prompt"],
    ["tokens that are texts", "/detokenize", '{"tokens":["a"]}', "tokens[0]"],
    [
      "a response format of no kind",
      chat,
      JSON.stringify({ messages, response_format: { type: "xml" } }),
      "response_format.type",
    ],
  ];

  it("each get a 4xx in the error's shape, and the next request works", async () => {
    const { post, engine, errors } = await serve();
    const before = engine.stats();
    for (const [name, path, body, param] of bodies) {
      const response = await post(path, "", { body });
      const error = await errorOf(response);
      expect({ name, status: error.status, param: error.param }).toEqual({
        name,
        status: 400,
        param,
      });
      const next = await post(chat, { messages, max_tokens: 1 });
      expect(next.status, `after ${name}`).toBe(200);
      await next.arrayBuffer();
    }
    expect(errors).toEqual([]);
    expect(engine.stats().numFreeBlocks).toBe(before.numFreeBlocks);
  });
});

describe("requests that cannot be answered", () => {
  it.each([
    ["best_of", { prompt: "a", best_of: 3 }],
    ["suffix", { prompt: "a", suffix: "b" }],
    ["max_tokens", { prompt: "a", max_tokens: 0 }],
    ["stream_options", { prompt: "a", stream_options: { include_usage: true } }],
    ["min_tokens", { prompt: "a", min_tokens: 5, max_tokens: 4 }],
    ["guided_grammar", { prompt: "a", guided_grammar: "root ::= 'a'" }],
    ["guided_json", { prompt: "a", guided_json: "no JSON" }],
    ["response_format", { prompt: "a", guided_regex: "a", guided_choice: ["a"] }],
    ["prompt", { prompt: Array(65).fill("a"), n: 2 }],
  ])("names %s", async (param, body) => {
    const { post } = await serve();
    expect(await errorOf(await post("/v1/completions", body))).toMatchObject({
      status: 400,
      param,
    });
  });

  it.each([
    ["tools", { tools: [{ type: "function", function: { name: "f" } }] }],
    ["top_logprobs", { top_logprobs: 2 }],
    [
      "messages[0].content[0].type",
      { messages: [{ role: "user", content: [{ type: "image_url" }] }] },
    ],
  ])("names %s of a chat", async (param, fields) => {
    const { post } = await serve();
    const response = await post("/v1/chat/completions", { messages, ...fields });
    expect(await errorOf(response)).toMatchObject({ status: 400, param });
  });

  it.each([
    ["stop_token_ids", { stop_token_ids: [2 ** 30] }],
    ["logit_bias", { logit_bias: { 99999999: 1 } }],
    ["prompt_logprobs", { prompt_logprobs: 2 ** 30 }],
  ])("speaks of %s as the request does", async (param, fields) => {
    const { post } = await serve();
    const error = await errorOf(await post("/v1/completions", { prompt: "a", ...fields }));
    expect(error).toMatchObject({ status: 400, param });
    expect(error.message).toMatch(new RegExp(`^${param}\\b.* use a whole number from 0 to \\d+$`));
  });

  it("names the limit of a prompt that is too long, and of an answer that would be", async () => {
    const { post, engine } = await serve();
    const limit = engine.maxModelLength;
    for (const body of [
      { prompt: "ab".repeat(limit) },
      { prompt: Array(limit).fill(5) },
      { prompt: "ab", max_tokens: limit },
    ]) {
      const error = await errorOf(await post("/v1/completions", body));
      expect(error).toMatchObject({
        status: 400,
        code: "context_length_exceeded",
        param: "prompt",
      });
      expect(error.message).toContain(`${limit} tokens`);
      expect(error.message).not.toMatch(/generate:|maxTokens/);
    }
  });

  it("keeps the end of a prompt that may be cut", async () => {
    const { post } = await serve();
    const request = { prompt: "abcdef", max_tokens: 1, echo: true, truncate_prompt_tokens: 2 };
    const { choices, usage } = await (await post("/v1/completions", request)).json();
    expect(choices[0].text).toMatch(/^ef/);
    expect(usage.prompt_tokens).toBe(2);
  });

  it("knows no other path, method or model", async () => {
    const { post, url } = await serve();
    expect(await errorOf(await fetch(`${url}/v2/chat`))).toMatchObject({
      status: 404,
      code: "not_found",
    });
    const wrongMethod = await fetch(`${url}/v1/completions`);
    expect(wrongMethod.headers.get("allow")).toBe("POST");
    expect(await errorOf(wrongMethod)).toMatchObject({ status: 405 });
    const wrongModel = await post("/v1/completions", { prompt: "a", model: "gpt-4" });
    expect(await errorOf(wrongModel)).toMatchObject({
      status: 404,
      code: "model_not_found",
      param: "model",
    });
    expect(await errorOf(await fetch(`${url}/v1/models/x`))).toMatchObject({ status: 404 });
  });

  it("takes JSON alone", async () => {
    const { post } = await serve();
    const body = JSON.stringify({ messages });
    const response = await post("/v1/chat/completions", body, {
      headers: { "content-type": "text/plain" },
    });
    expect(await errorOf(response)).toMatchObject({ status: 415 });
  });

  it("takes bodies up to a size, with their length announced or not", async () => {
    const { post } = await serve({ maxBodyBytes: 1000 });
    const body = JSON.stringify({ prompt: "a".repeat(2000) });
    expect(await errorOf(await post("/v1/completions", body))).toMatchObject({ status: 413 });
    const chunks = new ReadableStream({
      start(controller) {
        for (let index = 0; index < body.length; index += 100) {
          controller.enqueue(new TextEncoder().encode(body.slice(index, index + 100)));
        }
        controller.close();
      },
    });
    const init = { body: chunks, duplex: "half" } as RequestInit;
    expect(await errorOf(await post("/v1/completions", "", init))).toMatchObject({ status: 413 });
    expect((await post("/v1/completions", { prompt: "a", max_tokens: 1 })).status).toBe(200);
  });

  it("answers what is no HTTP request at all", async () => {
    const { url } = await serve();
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    socket.end("GET /health HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n");
    expect(await readAll(socket)).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe("who may call", () => {
  it("asks for the key, where there is one, except from probes", async () => {
    const { post, url } = await serve({ apiKey: "secret" });
    const ask = (authorization?: string) =>
      post(
        "/v1/completions",
        { prompt: "a", max_tokens: 1 },
        {
          headers: authorization === undefined ? {} : { authorization },
        },
      );
    for (const wrong of [
      undefined,
      "secret",
      "Bearer",
      "Bearer ",
      "Bearer wrong",
      "Bearer secrets",
    ]) {
      expect(await errorOf(await ask(wrong))).toMatchObject({
        status: 401,
        code: "invalid_api_key",
      });
    }
    expect((await ask("Bearer secret")).status).toBe(200);
    expect((await ask("bearer secret")).status).toBe(200);
    expect((await fetch(`${url}/scheduler`)).status).toBe(401);
    expect((await fetch(`${url}/health`)).status).toBe(200);
    expect((await fetch(`${url}/metrics`)).status).toBe(200);
  });

  it("lets other origins' pages in only when told to", async () => {
    const origin = "https://page.example";
    const preflight = (url: string) =>
      fetch(`${url}/v1/chat/completions`, {
        method: "OPTIONS",
        headers: {
          origin,
          "access-control-request-method": "POST",
          "access-control-request-headers": "authorization,content-type,x-stainless-os",
        },
      });
    const closed = await serve();
    expect((await preflight(closed.url)).headers.get("access-control-allow-origin")).toBeNull();
    await closed.close();
    const open = await serve({ corsOrigins: [origin], apiKey: "secret" });
    const answer = await preflight(open.url);
    expect(answer.status).toBe(204);
    expect(answer.headers.get("access-control-allow-origin")).toBe(origin);
    expect(answer.headers.get("access-control-allow-headers")).toContain("x-stainless-os");
    const refused = await open.post("/v1/completions", {}, { headers: { origin } });
    expect(refused.status).toBe(401);
    expect(refused.headers.get("access-control-allow-origin")).toBe(origin);
  });
});

describe("bounds", () => {
  it("turns away what cannot wait, and says when to come back", async () => {
    const { post, engine } = await serve({ maxConcurrency: 1, maxQueue: 1 });
    const first = await post("/v1/completions", { ...endless, stream: true });
    const second = post("/v1/completions", { prompt: "b", max_tokens: 1 });
    await expect
      .poll(async () => (await post("/v1/completions", { prompt: "c" })).status)
      .toBe(429);
    const refused = await post("/v1/completions", { prompt: "c" });
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(await errorOf(refused)).toMatchObject({ type: "rate_limit_error" });
    await first.text();
    expect((await second).status).toBe(200);
    expect((await post("/v1/completions", { prompt: "c", max_tokens: 1 })).status).toBe(200);
    await engine.idle();
  });

  it("forgets a client that leaves while it waits", async () => {
    const { post, engine } = await serve({ maxConcurrency: 1, maxQueue: 1 });
    const first = await post("/v1/completions", { ...endless, stream: true });
    const leaving = new AbortController();
    const second = post("/v1/completions", { prompt: "b" }, { signal: leaving.signal });
    await expect
      .poll(async () => (await post("/v1/completions", { prompt: "c" })).status)
      .toBe(429);
    leaving.abort();
    await expect(second).rejects.toThrow(/abort/);
    const third = post("/v1/completions", { prompt: "c", max_tokens: 1 });
    await first.text();
    expect((await third).status).toBe(200);
    await engine.idle();
  });
});

describe("a client that leaves", () => {
  it.each([
    ["a stream", { ...endless, stream: true }],
    ["a whole answer", endless],
    ["several prompts", { ...endless, prompt: ["a", "b", "c"], stream: true }],
  ])("ends the generation of %s", async (_, body) => {
    const { post, engine, errors } = await serve();
    const free = engine.stats().numFreeBlocks;
    const leaving = new AbortController();
    const promise = post("/v1/completions", body, { signal: leaving.signal });
    await expect.poll(() => engine.stats().numRunningRequests).toBeGreaterThan(0);
    await expect.poll(() => engine.stats().numGeneratedTokens).toBeGreaterThan(2);
    leaving.abort();
    await promise.then((response) => response.text()).catch(() => {});
    await expect
      .poll(() => engine.stats().numFinished.abort)
      .toBe(Array.isArray(body.prompt) ? 3 : 1);
    await engine.idle();
    expect(engine.stats()).toMatchObject({ numFreeBlocks: free, numRunningRequests: 0 });
    expect(errors).toEqual([]);
  });
});

describe("a slow reader", () => {
  it("slows nobody, and gets everything", async () => {
    const { post, engine } = await serve();
    // Some megabytes: more than the connection takes by itself.
    const much = { ...endless, n: 4, logprobs: 20 };
    const slow = await post("/v1/completions", { ...much, stream: true });
    const fast = await post("/v1/completions", { ...endless, seed: 2 });
    const { choices } = await fast.json();
    expect(choices[0].finish_reason).toBe("length");
    await engine.idle();
    // The slow one's generation is over too, although nobody has read it yet.
    const events = (await slow.text()).split("\n\n");
    expect(events.at(-2)).toBe("data: [DONE]");
    const whole = await (await post("/v1/completions", much)).json();
    const texts = new Array<string>(4).fill("");
    for (const event of events.slice(0, -2)) {
      const [{ index, text }] = JSON.parse(event.slice("data: ".length)).choices;
      texts[index] += text;
    }
    expect(texts).toEqual(whole.choices.map(({ text }: { text: string }) => text));
  });
});

describe("the end", () => {
  it("finishes what runs and takes nothing more", async () => {
    const { post, server: node, drain, url } = await serve();
    const running = await post("/v1/completions", { ...endless, stream: true });
    const watched = await fetch(`${url}/scheduler`);
    drain.abort();
    expect(await errorOf(await post("/v1/completions", { prompt: "a" }))).toMatchObject({
      status: 503,
    });
    const closed = node.close();
    expect(await running.text()).toMatch(/"finish_reason":"length".*\n\ndata: \[DONE\]\n\n$/);
    await watched.text();
    await closed;
    await expect(fetch(`${url}/health`)).rejects.toThrow();
  });

  it("ends what does not finish in time", async () => {
    const { post, server: node, drain, abort, engine } = await serve();
    const running = await post("/v1/completions", { ...endless, stream: true });
    drain.abort();
    const closed = node.close();
    abort.abort();
    expect(await running.text()).toMatch(/"finish_reason":"abort".*\n\ndata: \[DONE\]\n\n$/);
    await closed;
    await engine.idle();
  });

  it("is not healthy once the engine is gone", async () => {
    const { url, engine, post } = await serve();
    expect((await fetch(`${url}/health`)).status).toBe(200);
    engine.dispose();
    expect(await errorOf(await post("/v1/completions", { prompt: "a" }))).toMatchObject({
      status: 503,
    });
    expect((await fetch(`${url}/health`)).status).toBe(503);
  });
});

describe("the scheduler's state", () => {
  it("comes several times a second, as long as someone listens", async () => {
    const { url, post, engine } = await serve();
    const leaving = new AbortController();
    const response = await fetch(`${url}/scheduler`, { signal: leaving.signal });
    const running = post("/v1/completions", endless);
    const states: { stats: object; snapshot: { running: object[]; blocks: object[] } }[] = [];
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      const event = decoder.decode(chunk);
      states.push(JSON.parse(event.slice("data: ".length)));
      if (states.length === 3) break;
    }
    leaving.abort();
    expect(states[0]?.snapshot.blocks).toHaveLength(engine.stats().numBlocks + 1);
    expect(states[0]?.stats).toMatchObject({ blockSize: 16, numPreemptions: 0 });
    await running;
  });
});

describe("tokens", () => {
  it("go there and back", async () => {
    const { post } = await serve();
    const tokens = await (
      await post("/tokenize", { prompt: "Hello", return_token_strs: true })
    ).json();
    expect(tokens).toMatchObject({
      count: tokens.tokens.length,
      max_model_len: expect.any(Number),
    });
    expect(tokens.token_strs.join("")).toBe("Hello");
    const { prompt } = await (await post("/detokenize", { tokens: tokens.tokens })).json();
    expect(prompt).toBe("Hello");
    const chat = await (await post("/tokenize", { messages })).json();
    expect(chat.tokens).toEqual(model.encodeChat([{ role: "user", content: "Hello" }]));
    const open = await (await post("/tokenize", { messages, add_generation_prompt: false })).json();
    expect(open.count).toBeLessThan(chat.count);
  });
});
