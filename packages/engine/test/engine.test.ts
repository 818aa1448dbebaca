import type { LanguageModel } from "@x/models";
import { tensor } from "@x/tensor";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import {
  ChatSession,
  createEngine,
  type EngineEvent,
  type GenerationEvent,
  type GenerationOptions,
} from "../src/index";
import { openTinyModel } from "./support/models";

let model: LanguageModel;
beforeAll(async () => {
  model = await openTinyModel();
});
afterAll(() => model.dispose());
afterEach(() => {
  vi.restoreAllMocks();
});

/** Greedy, and never at an end of its own. */
const plain: GenerationOptions = { temperature: 0, ignoreEos: true };

function deviceBytes(): number {
  return model.model.device.memory().bytes;
}

async function eventsOf(events: AsyncIterable<GenerationEvent>): Promise<GenerationEvent[]> {
  const all: GenerationEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

describe("generate", () => {
  it("gives events, the result, or both", async () => {
    using engine = createEngine({ model });
    const generation = engine.generate("hello", { ...plain, maxTokens: 12 });
    const events = await eventsOf(generation);
    const result = await generation;
    expect(events[0]).toEqual({ type: "start", promptTokens: 2, cachedTokens: 0 });
    expect(events.at(-1)).toEqual({
      type: "finish",
      index: 0,
      finishReason: "length",
      stopReason: undefined,
    });
    const deltas = events.filter((event) => event.type === "text-delta");
    expect(deltas.map(({ text }) => text).join("")).toBe(result.text);
    expect(deltas.flatMap(({ tokenIds }) => tokenIds)).toEqual(result.outputs[0]?.tokenIds);
    expect(result).toMatchObject({ promptTokens: 2, cachedTokens: 0, completionTokens: 12 });
    expect(result.timeToFirstTokenMs).toBeGreaterThan(0);
    expect(result.totalMs).toBeGreaterThanOrEqual(result.timeToFirstTokenMs);
  });

  it("takes text, messages and token ids", async () => {
    using engine = createEngine({ model });
    const messages = [{ role: "user", content: "hello" }];
    const tokenIds = model.encodeChat(messages);
    const [fromMessages, fromIds] = await Promise.all([
      engine.generate(messages, { ...plain, maxTokens: 5 }),
      engine.generate({ tokenIds }, { ...plain, maxTokens: 5 }),
    ]);
    expect(fromMessages.outputs).toEqual(fromIds.outputs);
    expect(fromIds.promptTokens).toBe(tokenIds.length);
  });

  it("ends when its reader leaves, when it is cancelled, and with its signal", async () => {
    using engine = createEngine({ model });
    const left = engine.generate("a", { ...plain, maxTokens: 200 });
    for await (const event of left) if (event.type === "text-delta") break;
    const cancelled = engine.generate("b", { ...plain, maxTokens: 200 });
    const controller = new AbortController();
    const aborted = engine.generate("c", {
      ...plain,
      maxTokens: 200,
      signal: controller.signal,
    });
    setTimeout(() => {
      cancelled.cancel();
      controller.abort();
    }, 5);
    const never = engine.generate("d", { signal: AbortSignal.abort() });
    for (const generation of [left, cancelled, aborted, never]) {
      const { outputs } = await generation;
      expect(outputs[0]?.finishReason).toBe("abort");
      expect(outputs[0]?.tokenIds.length).toBeLessThan(200);
    }
    await engine.idle();
    expect(engine.stats()).toMatchObject({ numRunningRequests: 0, kvCacheUsage: 0 });
  });

  it("stops at a text, and never lets a part of it out", async () => {
    using engine = createEngine({ model });
    const bias = new Map(
      [..."xyEND"].map((letter) => [model.tokenizer.encode(letter)[0] ?? 0, 100]),
    );
    const options = { seed: 3, temperature: 4, maxTokens: 40, logitBias: bias, ignoreEos: true };
    const { text: free } = await engine.generate("a", options);
    const stop = free.slice(20, 24);
    const at = free.indexOf(stop);
    expect(at).toBeGreaterThan(0);
    const generation = engine.generate("a", { ...options, stop: [stop, "not in it"] });
    const events = await eventsOf(generation);
    const text = events.map((event) => (event.type === "text-delta" ? event.text : "")).join("");
    expect(text).toBe(free.slice(0, at));
    expect(events.at(-1)).toMatchObject({ finishReason: "stop", stopReason: stop });
    const included = await engine.generate("a", { ...options, stop, includeStop: true });
    expect(included.text).toBe(free.slice(0, at + 4));
    const late = await engine.generate("a", { ...options, stop, minTokens: at + 5 });
    expect(late.text.startsWith(free.slice(0, at + 4))).toBe(true);
  });

  it("stops at tokens, no sooner than minTokens", async () => {
    using engine = createEngine({ model });
    const [first] = (await engine.generate("hello", { ...plain, maxTokens: 6 })).outputs;
    const stopTokenId = first?.tokenIds[3] ?? 0;
    const stopped = await engine.generate("hello", {
      ...plain,
      maxTokens: 6,
      stopTokenIds: [stopTokenId],
    });
    expect(stopped.outputs[0]).toMatchObject({
      tokenIds: first?.tokenIds.slice(0, 4),
      finishReason: "stop",
      stopReason: stopTokenId,
    });
    const eos = model.tokenizer.eosTokenIds[0] ?? 0;
    const wanting = { temperature: 0, maxTokens: 8, logitBias: { [eos]: 100 } };
    const ended = await engine.generate("hello", wanting);
    expect(ended).toMatchObject({ text: "", completionTokens: 1 });
    expect(ended.outputs[0]).toMatchObject({ tokenIds: [], finishReason: "stop" });
    const longer = await engine.generate("hello", { ...wanting, minTokens: 5 });
    expect(longer.outputs[0]?.tokenIds).toHaveLength(5);
    expect(longer.completionTokens).toBe(6);
  });

  it("forces and forbids tokens by their bias, and leaves out words", async () => {
    using engine = createEngine({ model });
    const [x = 0, y = 0] = model.tokenizer.encode("xy");
    const forced = await engine.generate("a", { maxTokens: 4, logitBias: { [x]: 100 } });
    expect(forced.text).toBe("xxxx");
    const both = new Map([
      [x, 100],
      [y, 50],
    ]);
    const without = await engine.generate("a", {
      temperature: 0,
      maxTokens: 6,
      logitBias: both,
      badWords: ["xx"],
    });
    expect(without.text).toBe("xyxyxy");
  });

  it("gives several answers, each drawn by its own seed", async () => {
    using engine = createEngine({ model });
    const options = { maxTokens: 10, ignoreEos: true };
    const several = await engine.generate("hello", { ...options, n: 4, seed: 20 });
    expect(several.outputs.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    for (const [index, output] of several.outputs.entries()) {
      const alone = await engine.generate("hello", { ...options, seed: 20 + index });
      expect(output.tokenIds).toEqual(alone.outputs[0]?.tokenIds);
    }
    expect(several.completionTokens).toBe(40);
    expect(new Set(several.outputs.map(({ text }) => text)).size).toBe(4);
  });

  it("lets one answer stop while its siblings go on", async () => {
    using engine = createEngine({ model });
    const options = { maxTokens: 30, ignoreEos: true, n: 3, seed: 1 };
    const free = await engine.generate("hello", options);
    const stop = free.outputs[0]?.text.slice(2, 4) ?? "";
    const { outputs } = await engine.generate("hello", { ...options, stop });
    expect(outputs[0]).toMatchObject({ finishReason: "stop", stopReason: stop });
    for (const index of [1, 2]) {
      if (free.outputs[index]?.text.includes(stop)) continue;
      expect(outputs[index]).toEqual(free.outputs[index]);
    }
    expect(engine.stats().kvCacheUsage).toBe(0);
  });

  it("reports log-probabilities of answer and prompt as the model has them", async () => {
    using engine = createEngine({ model, maxBatchedTokens: 16 });
    const prompt = model.tokenizer.encode("The quick brown fox jumps over it.");
    const result = await engine.generate(
      { tokenIds: prompt },
      { ...plain, maxTokens: 5, logprobs: 3, promptLogprobs: 2 },
    );
    const tokenIds = [...prompt, ...(result.outputs[0]?.tokenIds ?? [])];
    using state = model.model.createState();
    using logits = model.model.forward([{ state, tokenIds, logits: "all" }]);
    const data = logits.dataSync() as Float32Array;
    const size = data.length / tokenIds.length;
    const reported = [...(result.promptLogprobs ?? []), ...(result.outputs[0]?.logprobs ?? [])];
    expect(reported).toHaveLength(tokenIds.length - 1);
    for (const [position, { tokenId, logprob, top, rank }] of reported.entries()) {
      const row = [...data.subarray(position * size, (position + 1) * size)];
      const normalizer = Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0));
      expect(tokenId).toBe(tokenIds[position + 1]);
      expect(logprob).toBeCloseTo((row[tokenId] ?? 0) - normalizer, 5);
      expect(rank).toBe(1 + row.filter((logit) => logit > (row[tokenId] ?? 0)).length);
      const best = Math.max(...row);
      expect(top).toHaveLength(position < prompt.length - 1 ? 2 : 3);
      expect(top[0]?.logprob).toBeCloseTo(best - normalizer, 5);
    }
  });

  it("finds the beginning of a prompt in the cache", async () => {
    using engine = createEngine({ model, blockSize: 4 });
    const prompt = "0123456789abcdef";
    const first = await engine.generate(prompt, { ...plain, maxTokens: 4 });
    const second = await engine.generate(`${prompt}gh`, { ...plain, maxTokens: 4 });
    const again = await engine.generate(prompt, { ...plain, maxTokens: 4 });
    const salted = await engine.generate(prompt, { ...plain, maxTokens: 4, cacheSalt: "other" });
    expect([first, second, again, salted].map(({ cachedTokens }) => cachedTokens)).toEqual([
      0, 16, 12, 0,
    ]);
    expect(again.outputs).toEqual(first.outputs);
    expect(engine.resetPrefixCache()).toBe(true);
    expect((await engine.generate(prompt, { ...plain, maxTokens: 1 })).cachedTokens).toBe(0);
  });

  it.each<[string, GenerationOptions, RegExp]>([
    ["maxTokens", { maxTokens: 0 }, /maxTokens is 0; use a whole number from 1/],
    ["minTokens", { maxTokens: 3, minTokens: 4 }, /minTokens is 4; use a whole number from 0 to 3/],
    ["n", { n: 1.5 }, /n is 1.5/],
    ["stop", { stop: "" }, /stop is ""; use texts that are not empty/],
    ["temperature", { temperature: -1 }, /temperature is -1/],
    ["topP", { topP: 0 }, /topP is 0/],
    ["frequencyPenalty", { frequencyPenalty: 3 }, /frequencyPenalty is 3/],
    ["presencePenalty", { presencePenalty: Number.NaN }, /presencePenalty is NaN/],
    ["repetitionPenalty", { repetitionPenalty: 0 }, /repetitionPenalty is 0/],
    ["logitBias", { logitBias: { 5: 101 } }, /logitBias\[5\] is 101/],
    ["a biased token", { logitBias: { 5000: 1 } }, /logitBias: a token id is 5000/],
    ["stopTokenIds", { stopTokenIds: [-1] }, /stopTokenIds is -1/],
    ["logprobs", { logprobs: 1000 }, /logprobs is 1000; use a whole number from 0 to 262/],
    ["seed", { seed: 0.5 }, /seed is 0.5/],
    [
      "the length",
      { maxTokens: 1000 },
      /1 tokens of the prompt and 1000 of the answer exceed the limit of 256/,
    ],
  ])("refuses %s that is not usable", (_, options, message) => {
    using engine = createEngine({ model });
    expect(() => engine.generate("a", options)).toThrow(message);
    expect(engine.stats().numWaitingRequests).toBe(0);
  });

  it("refuses what TypeScript would refuse", async () => {
    using engine = createEngine({ model });
    const generate = engine.generate.bind(engine) as (...given: unknown[]) => unknown;
    for (const prompt of [null, undefined, 5, {}, [], [{ role: "user" }], ["text"]]) {
      expect(() => generate(prompt)).toThrow(/neither text, nor a list of messages/);
    }
    for (const options of [null, 5]) {
      expect(() => generate("a", options)).toThrow(/the options are (null|5); use an object/);
    }
    expect(() => generate("a", { stop: 5 })).toThrow(/stop is 5; use a list of texts/);
    expect(() => generate("a", { stopTokenIds: 5 })).toThrow(/stopTokenIds is 5/);
    expect(() => generate("a", { signal: {} })).toThrow(/signal is .*AbortController/);
    await expect(engine.generateBatch("ab" as never)).rejects.toThrow(/not a list/);
    const create = createEngine as (options?: unknown) => unknown;
    for (const options of [undefined, {}, { model: null }, { model: {} }]) {
      expect(() => create(options)).toThrow(/there is no model/);
    }
    expect(() => create({ model, policy: "foo" })).toThrow(/policy is "foo"/);
    expect(() => create({ model, speculative: "x" })).toThrow(/speculative is "x"/);
  });

  it("refuses prompts that it cannot continue", () => {
    using engine = createEngine({ model });
    expect(() => engine.generate("")).toThrow(/prompt is empty/);
    expect(() => engine.generate({ tokenIds: [1, 99_999] })).toThrow(/token id 99999/);
    expect(() => engine.generate("x".repeat(256))).toThrow(/256 tokens of the prompt exceed/);
  });
});

describe("generateBatch", () => {
  it("answers in the order of the prompts, and as each alone", async () => {
    using engine = createEngine({ model, maxSequences: 3 });
    const prompts = Array.from({ length: 10 }, (_, index) => `prompt ${"x".repeat(index * 5)}`);
    const batch = await engine.generateBatch(prompts, { ...plain, maxTokens: 9 });
    for (const [index, prompt] of prompts.entries()) {
      const { outputs } = await engine.generate(prompt, { ...plain, maxTokens: 9 });
      expect(batch[index]?.outputs).toEqual(outputs);
    }
  });

  it("starts nothing when a prompt cannot be answered", async () => {
    using engine = createEngine({ model });
    await expect(engine.generateBatch(["fine", ""], plain)).rejects.toThrow(/empty/);
    await engine.idle();
    expect(engine.stats()).toMatchObject({ numRunningRequests: 0, numWaitingRequests: 0 });
  });
});

describe("failures", () => {
  it("computes a failed step anew", async () => {
    using engine = createEngine({ model });
    const expected = await engine.generate("hello", { ...plain, maxTokens: 8 });
    const forward = model.model.forward.bind(model.model);
    let calls = 0;
    vi.spyOn(model.model, "forward").mockImplementation((batch) => {
      if (++calls === 3) throw new Error("a worker died");
      return forward(batch);
    });
    const result = await engine.generate("hello", { ...plain, maxTokens: 8 });
    expect(result.outputs).toEqual(expected.outputs);
  });

  it("keeps the others' logits apart from those of a request that ends while they are read", async () => {
    using engine = createEngine({ model, maxBatchedTokens: 20 });
    const alone = await engine.generate("hello", { ...plain, maxTokens: 8 });
    const other = engine.generate("hello", { ...plain, maxTokens: 8 });
    // Beside it for six steps, without a row of logits in any but the last.
    const ending = engine.generate("x".repeat(100), { ...plain, maxTokens: 8 });
    const forward = model.model.forward.bind(model.model);
    let numSteps = 0;
    vi.spyOn(model.model, "forward").mockImplementation((batch) => {
      const logits = forward(batch);
      const read = logits.data.bind(logits);
      vi.spyOn(logits, "data").mockImplementation(() => {
        if (++numSteps === 3) ending.cancel();
        return read();
      });
      return logits;
    });
    expect((await ending).outputs[0]?.finishReason).toBe("abort");
    expect((await other).outputs).toEqual(alone.outputs);
  });

  it("fails the requests of steps that fail again, and serves the next", async () => {
    using engine = createEngine({ model });
    const spy = vi.spyOn(model.model, "forward").mockImplementation(() => {
      throw new Error("out of memory");
    });
    const generation = engine.generate("hello", { n: 2, maxTokens: 8 });
    await expect(generation).rejects.toThrow(/the model failed: out of memory/);
    await expect(eventsOf(generation)).rejects.toMatchObject({ code: "GENERATION_FAILED" });
    spy.mockRestore();
    const { text } = await engine.generate("hello", { ...plain, maxTokens: 8 });
    expect(text.length).toBeGreaterThan(0);
    expect(engine.stats()).toMatchObject({ kvCacheUsage: 0, numRunningRequests: 0 });
  });

  it("fails alone when its own logits are no numbers", async () => {
    using engine = createEngine({ model });
    const forward = model.model.forward.bind(model.model);
    const isBad = (ids: ArrayLike<number>) => ids[0] === model.tokenizer.encode("!")[0];
    let numSteps = 0;
    vi.spyOn(model.model, "forward").mockImplementation((batch) => {
      const logits = forward(batch);
      if (numSteps++ > 0 || batch[0] === undefined || !isBad(batch[0].tokenIds)) return logits;
      const data = Float32Array.from(logits.dataSync() as Float32Array);
      data[0] = Number.NaN;
      const { shape, device } = logits;
      logits.dispose();
      return tensor(data, shape, { device });
    });
    const bad = engine.generate("!", { ...plain, maxTokens: 5 });
    const good = engine.generate("hello", { ...plain, maxTokens: 5 });
    await expect(bad).rejects.toThrow(/NaN/);
    expect((await good).completionTokens).toBe(5);
  });

  it("fails what runs when it is disposed, and gives its memory back", async () => {
    using own = await openTinyModel();
    const first = createEngine({ model: own });
    await first.generate("hello", { maxTokens: 2 });
    await first.idle();
    first.dispose();
    const before = own.model.device.memory().bytes;
    const engine = createEngine({ model: own });
    expect(own.model.device.memory().bytes).toBeGreaterThan(before);
    const generation = engine.generate("hello", { ...plain, maxTokens: 200 });
    await generation.next();
    engine.dispose();
    engine.dispose();
    await expect(generation).rejects.toMatchObject({ code: "ENGINE_DISPOSED" });
    await engine.idle();
    expect(own.model.device.memory().bytes).toBe(before);
    expect(() => engine.generate("hello")).toThrow(/disposed/);
  });

  it.each([
    [{ cacheBytes: 0 }, /cacheBytes is 0/],
    [{ cacheBytes: 1000 }, /less than two blocks of 16 tokens/],
    [{ blockSize: 1.5 }, /blockSize is 1.5/],
    [{ maxSequences: 0 }, /maxSequences is 0/],
    [{ maxBatchedTokens: 3 }, /maxBatchedTokens is 3/],
    [{ maxModelLength: 100_000 }, /maxModelLength 100000 exceeds the model's context of 256/],
  ])("refuses %o", (options, message) => {
    const before = deviceBytes();
    expect(() => createEngine({ model, ...options })).toThrow(message);
    expect(deviceBytes()).toBe(before);
  });
});

describe("policies and events", () => {
  it("runs the smaller priority first", async () => {
    using engine = createEngine({ model, policy: "priority", maxSequences: 1 });
    const order: string[] = [];
    const start = (name: string, priority: number) =>
      engine
        .generate(name, { ...plain, maxTokens: 3, priority })
        .result()
        .then(() => order.push(name));
    await Promise.all([start("low", 5), start("high", 0), start("middle", 2)]);
    expect(order).toEqual(["high", "middle", "low"]);
  });

  it("goes on when whoever watches fails, and warns once", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const onEvent = () => {
      throw new Error("no room for metrics");
    };
    using engine = createEngine({ model, onEvent });
    using quiet = createEngine({ model });
    const expected = await quiet.generate("one", { ...plain, maxTokens: 7 });
    for (let turn = 0; turn < 2; turn++) {
      const { text } = await engine.generate("one", { ...plain, maxTokens: 7 });
      expect(text).toBe(expected.text);
    }
    expect(warn.mock.calls).toEqual([
      [expect.stringMatching(/onEvent failed at "request-add": Error: no room for metrics/)],
    ]);
  });

  it.each([
    ["max_tokens", "maxTokens"],
    ["maxtoken", "maxTokens"],
    ["temprature", "temperature"],
    ["top_k", "topK"],
    ["stopSequences", "stopTokenIds"],
    ["constructor", "structured"],
  ])("knows no option %s, and names %s", (name, nearest) => {
    using engine = createEngine({ model });
    const options = { [name]: 5 } as GenerationOptions;
    expect(() => engine.generate("one", options)).toThrow(
      `generate: there is no option ${name}; did you mean ${nearest}?`,
    );
    expect(() => engine.generate("one", { [name]: undefined, maxTokens: 1 })).not.toThrow();
  });

  it("reports what happens, so that the sums agree", async () => {
    const events: EngineEvent[] = [];
    using engine = createEngine({ model, onEvent: (event) => events.push(event) });
    const results = await engine.generateBatch(["one", "two", "three"], {
      ...plain,
      maxTokens: 7,
      n: 2,
    });
    const cancelled = engine.generate("four", { ...plain, maxTokens: 200 });
    await cancelled.next();
    cancelled.cancel();
    await cancelled;
    const of = <Type extends EngineEvent["type"]>(type: Type) =>
      events.filter((event): event is Extract<EngineEvent, { type: Type }> => event.type === type);
    expect(of("request-add")).toHaveLength(4);
    const finished = of("request-finish");
    expect(finished.map(({ finishReason }) => finishReason).sort()).toEqual([
      "abort",
      ...new Array(6).fill("length"),
    ]);
    const generated = of("tokens-generate").reduce((sum, { numTokens }) => sum + numTokens, 0);
    expect(finished.reduce((sum, { completionTokens }) => sum + completionTokens, 0)).toBe(
      generated,
    );
    expect(results.reduce((sum, { completionTokens }) => sum + completionTokens, 0)).toBe(42);
    for (const { queueMs, prefillMs, decodeMs, totalMs } of finished) {
      expect(Math.min(queueMs, prefillMs, decodeMs)).toBeGreaterThanOrEqual(0);
      expect(queueMs + prefillMs + decodeMs).toBeLessThanOrEqual(totalMs + 1e-6);
    }
    expect(of("step").reduce((sum, { numTokens }) => sum + numTokens, 0)).toBe(
      engine.stats().numScheduledTokens,
    );
  });

  it("leaves no memory behind after many requests of all kinds", async () => {
    using engine = createEngine({ model, blockSize: 4, cacheBytes: 2 ** 19, maxSequences: 5 });
    const run = async () => {
      const generations = Array.from({ length: 40 }, (_, index) => {
        const generation = engine.generate(`request ${index % 7} ${"y".repeat(index)}`, {
          seed: index,
          n: 1 + (index % 3),
          maxTokens: 1 + (index % 23),
        });
        if (index % 5 === 0) setTimeout(() => generation.cancel(), index);
        return generation.result();
      });
      await Promise.all(generations);
      await engine.idle();
    };
    await run();
    const before = deviceBytes();
    await run();
    expect(deviceBytes()).toBe(before);
    expect(engine.stats()).toMatchObject({ kvCacheUsage: 0, numRunningRequests: 0 });
    expect(engine.stats().numFreeBlocks).toBe(engine.stats().numBlocks);
  });
});

describe("ChatSession", () => {
  it("keeps the conversation, and finds it in the cache", async () => {
    using engine = createEngine({ model, blockSize: 4 });
    const chat = new ChatSession(engine, { system: "Be brief.", temperature: 0, maxTokens: 8 });
    const first = await chat.send("hello");
    expect(chat.messages).toEqual([
      { role: "system", content: "Be brief." },
      { role: "user", content: "hello" },
      { role: "assistant", content: first.text },
    ]);
    const running = chat.send("more");
    expect(() => chat.send("too early")).toThrow(/last answer still runs/);
    let text = "";
    for await (const piece of running.textStream()) text += piece;
    const second = await running;
    expect(chat.messages.at(-1)).toEqual({ role: "assistant", content: text });
    expect(second.cachedTokens).toBeGreaterThan(20);
    expect(() => chat.send("x".repeat(1000))).toThrow(/exceed/);
    expect(chat.messages).toHaveLength(5);
  });
});
