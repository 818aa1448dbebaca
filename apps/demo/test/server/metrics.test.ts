import type { LanguageModel } from "@x/models";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { openTinyModel } from "./support/models";
import { readMetrics, total } from "./support/read-metrics";
import { startServer, type TestServer } from "./support/test-server";

let model: LanguageModel;
let server: TestServer;

beforeAll(async () => {
  model = await openTinyModel();
});
afterEach(() => server.close());
afterAll(() => model.dispose());

/** The labels that every metric of the engine has. */
const engine = { model_name: "tiny", engine: "0" };

describe("/metrics", () => {
  it("counts what the client sent", async () => {
    server = await startServer(
      { model, cacheBytes: 2 ** 20, speculative: true },
      { modelNames: ["tiny"] },
    );
    const { post, url } = server;
    const answered: {
      usage: {
        prompt_tokens: number;
        completion_tokens: number;
        prompt_tokens_details: { cached_tokens: number };
      };
      choices: { finish_reason: string }[];
    }[] = [];
    const send = async (path: string, body: object) => {
      const response = await post(path, body);
      expect(response.status).toBe(200);
      answered.push(await response.json());
    };
    const messages = [{ role: "user", content: "Hello, hello, hello, hello, hello, hello" }];
    for (let index = 0; index < 5; index++) {
      await send("/v1/completions", { prompt: `abc ${index} `.repeat(8), max_tokens: 12 });
    }
    await send("/v1/completions", {
      prompt: ["one", "two"],
      n: 2,
      max_tokens: 7,
      ignore_eos: true,
    });
    await send("/v1/chat/completions", { messages, n: 3, max_tokens: 40, seed: 3 });
    await send("/v1/chat/completions", { messages, max_tokens: 40, temperature: 0 });
    // Ended by a token that stays in no text, but is counted in usage.
    await send("/v1/completions", { prompt: "abc", max_tokens: 50, logit_bias: { 2: 100 } });
    // One token over and over: drafts are right.
    const repeating = { logit_bias: { 70: 100 }, temperature: 0, max_tokens: 30 };
    await send("/v1/completions", { prompt: "abc", ...repeating });
    for (const body of [{}, { prompt: 1 }, { prompt: "" }]) {
      expect((await post("/v1/completions", body)).status).toBe(400);
    }
    await fetch(`${url}/made/up`);
    const leaving = new AbortController();
    const stream = await post(
      "/v1/completions",
      { prompt: "xyz", max_tokens: 400, ignore_eos: true, stream: true, seed: 1 },
      { signal: leaving.signal },
    );
    leaving.abort();
    await stream.text().catch(() => {});
    await server.engine.idle();

    const metrics = await readMetrics(url);
    const sum = (name: string, labels = {}) => total(metrics, name, labels);
    const usage = (name: "prompt_tokens" | "completion_tokens") =>
      answered.reduce((all, { usage: counts }) => all + counts[name], 0);
    const choices = answered.flatMap((answer) => answer.choices);
    const ended = (reason: string) =>
      choices.filter(({ finish_reason: actual }) => actual === reason).length;

    const http = (handler: string, status: string) =>
      sum("http_requests_total", { method: "POST", handler, status });
    expect(http("/v1/completions", "200")).toBe(9);
    expect(http("/v1/chat/completions", "200")).toBe(2);
    expect(http("/v1/completions", "400")).toBe(3);
    expect(sum("http_requests_total", { handler: "none", status: "404" })).toBe(1);

    const finished = (reason: string) =>
      sum("vllm:request_success_total", { ...engine, finished_reason: reason });
    expect({ stop: finished("stop"), length: finished("length") }).toEqual({
      stop: ended("stop"),
      length: ended("length"),
    });
    expect(finished("abort")).toBe(1);
    expect(finished("error")).toBe(0);
    expect(ended("stop")).toBeGreaterThan(0);

    const ofStream = "xyz".length;
    const prompts = usage("prompt_tokens") + ofStream;
    expect(sum("vllm:prompt_tokens_total", engine)).toBe(prompts);
    expect(sum("vllm:request_prompt_tokens_sum")).toBe(prompts);
    // Five, one with two prompts, two chats, two with a bias, one that was left.
    expect(sum("vllm:request_prompt_tokens_count")).toBe(12);

    // What was generated for the client that left, nobody else knows.
    const generated = sum("vllm:generation_tokens_total", engine);
    expect(generated).toBe(sum("vllm:request_generation_tokens_sum"));
    const ofLeft = generated - usage("completion_tokens");
    expect(ofLeft).toBeGreaterThanOrEqual(0);
    expect(ofLeft).toBeLessThan(400);
    expect(sum("vllm:request_generation_tokens_count")).toBe(choices.length + 1);
    expect(sum("vllm:e2e_request_latency_seconds_count")).toBe(choices.length + 1);
    const firsts = sum("vllm:time_to_first_token_seconds_count");
    expect([choices.length, choices.length + 1]).toContain(firsts);

    const cached = answered.reduce(
      (all, answer) => all + answer.usage.prompt_tokens_details.cached_tokens,
      0,
    );
    expect(cached).toBeGreaterThan(0);
    expect(sum("vllm:prompt_tokens_cached_total")).toBe(cached);
    expect(sum("vllm:prefix_cache_hits_total")).toBe(cached);
    expect(sum("vllm:prefix_cache_queries_total")).toBeGreaterThan(cached);

    // What a request waits, what its prompt takes and what its answer takes make up the whole.
    const seconds = (phase: string) => sum(`vllm:request_${phase}_time_seconds_sum`);
    expect(seconds("prefill")).toBeGreaterThan(0);
    expect(seconds("queue") + seconds("inference")).toBeLessThanOrEqual(
      sum("vllm:e2e_request_latency_seconds_sum"),
    );
    const idle = await server.post("/v1/completions", { prompt: "a".repeat(300), max_tokens: 1 });
    await idle.text();
    const later = await readMetrics(url);
    const added = (phase: string) =>
      total(later, `vllm:request_${phase}_time_seconds_sum`) - seconds(phase);
    // Alone it waits for nothing: its time goes to its prompt.
    expect(added("prefill")).toBeGreaterThan(added("queue"));

    const stats = server.engine.stats();
    expect(sum("vllm:spec_decode_num_drafts_total")).toBe(stats.speculation.numDrafts);
    expect(stats.speculation.numDrafts).toBeGreaterThan(0);
    expect(sum("vllm:spec_decode_num_accepted_tokens_total")).toBe(
      sum("vllm:spec_decode_num_accepted_tokens_per_pos_total"),
    );
    expect(total(later, "vllm:iteration_tokens_total_sum")).toBe(stats.numScheduledTokens);
    expect(sum("vllm:num_requests_running")).toBe(0);
    expect(sum("vllm:num_requests_waiting")).toBe(0);
    expect(sum("vllm:kv_cache_usage_perc")).toBe(0);
  });

  it("counts those that wait outside the engine too", async () => {
    server = await startServer({ model, cacheBytes: 2 ** 20 }, { maxConcurrency: 1, maxQueue: 8 });
    const { post, url } = server;
    const body = { prompt: "abc", max_tokens: 400, ignore_eos: true };
    const all = [0, 1, 2].map(() => post("/v1/completions", body));
    await expect
      .poll(async () => total(await readMetrics(url), "vllm:num_requests_waiting"), { interval: 5 })
      .toBe(2);
    for (const response of await Promise.all(all)) expect(response.status).toBe(200);
  });

  it("names every metric as vLLM does", async () => {
    server = await startServer({ model, cacheBytes: 2 ** 20 });
    await server.post("/v1/completions", { prompt: "abc", max_tokens: 3, ignore_eos: true });
    const metrics = await readMetrics(server.url);
    const counters = [
      "prompt_tokens",
      "prompt_tokens_cached",
      "generation_tokens",
      "request_success",
      "prefix_cache_queries",
      "prefix_cache_hits",
      "num_preemptions",
      "spec_decode_num_drafts",
      "spec_decode_num_draft_tokens",
      "spec_decode_num_accepted_tokens",
    ];
    const histograms = [
      "time_to_first_token_seconds",
      "inter_token_latency_seconds",
      "request_time_per_output_token_seconds",
      "e2e_request_latency_seconds",
      "request_queue_time_seconds",
      "request_prefill_time_seconds",
      "request_decode_time_seconds",
      "request_inference_time_seconds",
      "request_prompt_tokens",
      "request_generation_tokens",
      "iteration_tokens_total",
    ];
    const names = [
      ...["num_requests_running", "num_requests_waiting", "kv_cache_usage_perc"],
      ...counters.map((name) => `${name}_total`),
      ...histograms.flatMap((name) => [`${name}_count`, `${name}_sum`]),
    ];
    expect([...metrics.keys()]).toEqual(
      expect.arrayContaining(names.map((name) => `vllm:${name}`)),
    );
  });
});
