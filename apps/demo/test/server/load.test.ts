import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createEngine, type GenerationOptions } from "@x/engine";
import type { LanguageModel } from "@x/models";
import { memory } from "@x/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openTinyModel } from "./support/models";
import { readMetrics, total } from "./support/read-metrics";
import { startServer, type TestServer } from "./support/test-server";

const numRequests = 2000;
const numClients = 48;

/** Blocks for about 500 tokens, under 16 sequences of up to 120: many have to give way. */
const smallPool = { cacheBytes: 2 ** 18, blockSize: 8, maxSequences: 16 };

/** Numbers from 0 to 1 of a fixed seed. */
function randomSource(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A request that can be answered, and its answer. */
interface Question {
  readonly prompt: string;
  readonly options: GenerationOptions;
  readonly body: object;
  expected: string;
}

let model: LanguageModel;
let server: TestServer;
const questions: Question[] = [];

beforeAll(async () => {
  model = await openTinyModel();
  const random = randomSource(5);
  const whole = (least: number, most: number) => least + Math.floor(random() * (most - least + 1));
  for (let index = 0; index < 60; index++) {
    // Some begin alike, so that the prefix cache has work.
    const shared = index % 3 === 0 ? "The same beginning of many prompts. " : "";
    const prompt = `${shared}${String.fromCharCode(97 + (index % 26)).repeat(whole(1, 60))}${index}`;
    const maxTokens = whole(1, 40);
    const temperature = index % 4 === 0 ? 0 : 1;
    const seed = index;
    questions.push({
      prompt,
      options: { maxTokens, temperature, seed },
      body: { prompt, max_tokens: maxTokens, temperature, seed },
      expected: "",
    });
  }
  // One after another in an engine with room for all: what each answer must be.
  using engine = createEngine({ model, prefixCaching: false });
  for (const question of questions) {
    question.expected = (await engine.generate(question.prompt, question.options)).text;
  }
  await engine.idle();
}, 60_000);

afterAll(async () => {
  await server?.close();
  model.dispose();
});

/** Bytes of JavaScript values that are still in use. */
function heapBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  return process.memoryUsage().heapUsed;
}

const malformed = [
  "{",
  "[1",
  '{"prompt":',
  '{"prompt":{}}',
  '{"prompt":"a","n":"b"}',
  '{"prompt":"a","stop":[3]}',
];
const impossible = [
  { prompt: "a".repeat(5000) },
  { prompt: "a", max_tokens: 100_000 },
  { prompt: "a", n: 1_000_000 },
  { prompt: [[1, 2], [999_999]] },
];

/** What came of the requests. */
const outcomes = { answered: 0, left: 0, malformed: 0, impossible: 0 };

async function sendOne(random: () => number): Promise<void> {
  const kind = random();
  const pick = <Item>(items: readonly Item[]) => items[Math.floor(random() * items.length)] as Item;
  if (kind < 0.05) {
    const response = await server.post("/v1/completions", pick(malformed));
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { type: "invalid_request_error" } });
    outcomes.malformed++;
  } else if (kind < 0.1) {
    const response = await server.post("/v1/completions", pick(impossible));
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { type: "invalid_request_error" } });
    outcomes.impossible++;
  } else if (kind < 0.25) {
    await leaveEarly(pick(questions), random);
  } else {
    await ask(pick(questions), random() < 0.5);
    outcomes.answered++;
  }
}

async function ask({ body, expected }: Question, stream: boolean): Promise<void> {
  const response = await server.post("/v1/completions", { ...body, stream });
  expect(response.status).toBe(200);
  if (!stream) {
    const { choices } = await response.json();
    expect(choices[0].text).toBe(expected);
    return;
  }
  const events = (await response.text()).split("\n\n");
  expect(events.at(-2)).toBe("data: [DONE]");
  const choices = events.slice(0, -2).map((event) => JSON.parse(event.slice(6)).choices[0]);
  expect(choices.map(({ text }) => text).join("")).toBe(expected);
  expect(choices.at(-1).finish_reason).toMatch(/^(stop|length)$/);
}

/** Goes away at a random moment: before the answer, within it, or just after. */
async function leaveEarly({ body }: Question, random: () => number): Promise<void> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), random() * 80);
  try {
    const response = await server.post(
      "/v1/completions",
      { ...body, stream: random() < 0.5 },
      { signal: controller.signal },
    );
    await response.text();
  } catch (error) {
    expect((error as Error).name).toBe("AbortError");
    outcomes.left++;
  } finally {
    clearTimeout(timer);
  }
}

async function sendMany(count: number, seed: number): Promise<void> {
  const random = randomSource(seed);
  let remaining = count;
  const client = async () => {
    while (remaining-- > 0) await sendOne(random);
  };
  await Promise.all(Array.from({ length: numClients }, client));
  await server.engine.idle();
}

describe("2,000 requests, some of them broken, impossible or left", () => {
  it("are answered rightly, and leave nothing behind", async () => {
    server = await startServer(
      { model, ...smallPool },
      { modelNames: ["tiny"], maxConcurrency: 40, maxQueue: numClients },
    );
    const { numFreeBlocks } = server.engine.stats();
    // The first requests fill caches that stay.
    await sendMany(200, 1);
    const before = { heap: heapBytes(), device: memory().bytes };
    await sendMany(numRequests - 200, 2);
    const after = { heap: heapBytes(), device: memory().bytes };

    const { answered, left, malformed: broken, impossible: hopeless } = outcomes;
    expect(answered).toBeGreaterThan(0.7 * numRequests);
    expect(left).toBeGreaterThan(0.1 * numRequests);
    expect(broken).toBeGreaterThan(0.03 * numRequests);
    expect(hopeless).toBeGreaterThan(0.03 * numRequests);

    const stats = server.engine.stats();
    expect(stats.numPreemptions).toBeGreaterThan(0);
    expect(stats.prefixCacheHits).toBeGreaterThan(0);
    expect(stats).toMatchObject({
      numFreeBlocks,
      numRunningRequests: 0,
      numWaitingRequests: 0,
      kvCacheUsage: 0,
    });
    expect(server.errors).toEqual([]);
    expect(after.device).toBe(before.device);
    expect(after.heap - before.heap).toBeLessThan(8 * 2 ** 20);

    const metrics = await readMetrics(server.url);
    const finished = (reason: string) =>
      total(metrics, "vllm:request_success_total", { finished_reason: reason });
    const started = total(metrics, "vllm:request_prompt_tokens_count");
    expect(finished("stop") + finished("length") + finished("abort")).toBe(started);
    expect(finished("error")).toBe(0);
    expect(finished("stop") + finished("length")).toBeGreaterThanOrEqual(answered);
    const refused = total(metrics, "http_requests_total", { status: "400" });
    expect(refused).toBe(broken + hopeless);
    const failed = [...(metrics.get("http_requests_total") ?? [])].filter(
      ({ labels }) => !["200", "400", "499"].includes(labels.status ?? ""),
    );
    expect(failed).toEqual([]);
  }, 120_000);
});
