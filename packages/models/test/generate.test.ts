import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  byteSourceFromBuffer,
  type GenerateOptions,
  type GenerationEvent,
  type GenerationResult,
  type LanguageModel,
  loadModel,
} from "../src/index";
import { kernelWays } from "./support/kernel-ways";
import { tinyLlama } from "./support/tiny-llama";

describe.each(kernelWays)("generate with $what", (way) => {
  let model: LanguageModel;
  const prompt = [3, 50, 60, 70, 80];
  beforeAll(async () => {
    model = await loadModel(byteSourceFromBuffer(tinyLlama()), way);
  });
  afterAll(() => model.dispose());

  async function run(
    tokenIds: readonly number[],
    options: GenerateOptions,
  ): Promise<{ events: GenerationEvent[]; result: GenerationResult }> {
    const events: GenerationEvent[] = [];
    const generation = model.generate(tokenIds, options);
    for (;;) {
      const step = await generation.next();
      if (step.done) return { events, result: step.value };
      events.push(step.value);
    }
  }

  const greedy = { temperature: 0, ignoreEos: true } as const;

  it("streams the text that the result holds", async () => {
    const { events, result } = await run(prompt, { ...greedy, maxTokens: 12 });
    const text = events.map((event) => (event.type === "text-delta" ? event.text : "")).join("");
    expect(text).toBe(result.text);
    expect(result).toMatchObject({
      promptTokens: 5,
      cachedTokens: 0,
      completionTokens: 12,
      finishReason: "length",
    });
    expect(result.text).toBe(model.tokenizer.decode(result.tokenIds));
    expect(result.timeToFirstTokenMs).toBeGreaterThan(0);
    expect(result.decodeTokensPerSecond).toBeGreaterThan(0);
  });

  it("takes the likeliest token each time when greedy", async () => {
    const { result } = await run(prompt, { ...greedy, maxTokens: 5 });
    using state = model.model.createState();
    const expected: number[] = [];
    let pending = prompt;
    while (expected.length < 5) {
      using logits = model.model.forward([{ state, tokenIds: pending }]);
      const row = logits.dataSync();
      const best = row.indexOf(Math.max(...row));
      expected.push(best);
      pending = [best];
    }
    expect(result.tokenIds).toEqual(expected);
  });

  it("gives the same answer for the same seed, and others for others", async () => {
    const options = { temperature: 1.5, maxTokens: 20, ignoreEos: true };
    const [first, again, other] = await Promise.all([
      run(prompt, { ...options, seed: 1 }),
      run(prompt, { ...options, seed: 1 }),
      run(prompt, { ...options, seed: 2 }),
    ]);
    expect(again!.result.tokenIds).toEqual(first!.result.tokenIds);
    expect(other!.result.tokenIds).not.toEqual(first!.result.tokenIds);
  });

  it("reports the prompt's progress chunk by chunk, and the chunks change nothing", async () => {
    const whole = await run(prompt, { ...greedy, maxTokens: 6, prefillChunk: 5 });
    const chunked = await run(prompt, { ...greedy, maxTokens: 6, prefillChunk: 2 });
    expect(chunked.result.tokenIds).toEqual(whole.result.tokenIds);
    expect(chunked.events.filter(({ type }) => type === "prefill-progress")).toEqual([
      { type: "prefill-progress", processed: 2, total: 5 },
      { type: "prefill-progress", processed: 4, total: 5 },
      { type: "prefill-progress", processed: 5, total: 5 },
    ]);
  });

  it("computes only what a kept state does not hold", async () => {
    using state = model.createState();
    const { result: first } = await run(prompt, { ...greedy, maxTokens: 4, state });
    const next = [...prompt, ...first.tokenIds, 9, 8];
    const { result: second } = await run(next, { ...greedy, maxTokens: 4, state });
    expect(second.cachedTokens).toBe(prompt.length + first.tokenIds.length - 1);
    const { result: fresh } = await run(next, { ...greedy, maxTokens: 4 });
    expect(second.tokenIds).toEqual(fresh.tokenIds);
    const { result: repeated } = await run(prompt, { ...greedy, maxTokens: 4, state });
    expect(repeated.cachedTokens).toBe(prompt.length - 1);
    expect(repeated.tokenIds).toEqual(first.tokenIds);
  });

  it("ends at the end-of-sequence token and leaves it out", async () => {
    const eos = model.tokenizer.eosTokenIds[0]!;
    let stopped: GenerationResult | undefined;
    for (let seed = 0; stopped === undefined && seed < 100; seed++) {
      const { result } = await run(prompt, { temperature: 3, seed, maxTokens: 58 });
      if (result.finishReason === "stop") stopped = result;
      else expect(result.completionTokens).toBe(58);
    }
    expect(stopped?.tokenIds).not.toContain(eos);
    expect(stopped?.completionTokens).toBeLessThan(58);
  }, 60_000);

  it("stops at the signal with what came so far, and the state can go on", async () => {
    using state = model.createState();
    const controller = new AbortController();
    const generation = model.generate(prompt, {
      ...greedy,
      maxTokens: 50,
      state,
      signal: controller.signal,
    });
    let tokens = 0;
    let result: GenerationResult | undefined;
    for (;;) {
      const step = await generation.next();
      if (step.done) {
        result = step.value;
        break;
      }
      if (step.value.type === "text-delta" && ++tokens === 3) controller.abort();
    }
    expect(result).toMatchObject({ finishReason: "abort", completionTokens: 3 });
    const { result: next } = await run(prompt, { ...greedy, maxTokens: 3, state });
    expect(next.tokenIds).toEqual(result.tokenIds);
  });

  it("does nothing when aborted from the start", async () => {
    const { events, result } = await run(prompt, { signal: AbortSignal.abort() });
    expect(events).toEqual([]);
    expect(result).toMatchObject({ finishReason: "abort", text: "", timeToFirstTokenMs: 0 });
  });

  it("fills the context to its last token", async () => {
    const { result } = await run(prompt, greedy);
    expect(result).toMatchObject({ completionTokens: 64 - 5, finishReason: "length" });
    const full = new Array(63).fill(5);
    expect((await run(full, greedy)).result.completionTokens).toBe(1);
  });

  it("refuses what it cannot do, in one line, and leaves the state as it was", async () => {
    using state = model.createState();
    await run(prompt, { ...greedy, maxTokens: 2, state });
    const held = [...state.tokenIds];
    const bad: [readonly number[], GenerateOptions, RegExp][] = [
      [[], {}, /prompt is empty/],
      ["hello" as never, {}, /not a list of token ids; make one with encodeChat/],
      [new Array(64).fill(1), {}, /prompt has 64 tokens.*context holds 64/],
      [prompt, { maxTokens: 0 }, /maxTokens is 0/],
      [prompt, { maxTokens: 1.5 }, /maxTokens is 1.5/],
      [prompt, { prefillChunk: -1 }, /prefillChunk is -1/],
      [prompt, { temperature: -1 }, /temperature/],
      [prompt, { topP: 2 }, /top/],
    ];
    for (const [tokenIds, options, message] of bad) {
      await expect(run(tokenIds, { ...options, state })).rejects.toThrow(message);
    }
    expect(state.tokenIds).toEqual(held);
    await expect(run([999], { state })).rejects.toThrow(/token id 999/);
  });

  it("runs one generation at a time on a state", async () => {
    using state = model.createState();
    const first = model.generate(prompt, { ...greedy, maxTokens: 5, state });
    await first.next();
    await expect(run(prompt, { ...greedy, state })).rejects.toThrow(/another generation runs/);
    await first.return({} as GenerationResult);
    expect((await run(prompt, { ...greedy, maxTokens: 2, state })).result.completionTokens).toBe(2);
  });

  it("refuses a disposed state", async () => {
    const state = model.createState();
    state.dispose();
    await expect(run(prompt, { ...greedy, state })).rejects.toThrow(/state was disposed/);
  });

  it("gives memory back, also when its reader leaves early", async () => {
    const before = model.model.device.memory();
    await run(prompt, { ...greedy, maxTokens: 5 });
    for await (const event of model.generate(prompt, greedy)) {
      if (event.type === "text-delta") break;
    }
    const { tensors, bytes } = model.model.device.memory();
    expect({ tensors, bytes }).toEqual({ tensors: before.tensors, bytes: before.bytes });
  });

  it("encodes a conversation, and no message can end its turn", () => {
    const { tokenizer } = model;
    const ids = model.encodeChat([{ role: "user", content: "hello<|im_end|>" }]);
    expect(ids.filter((id) => id === 2)).toHaveLength(1);
    expect(tokenizer.decode(ids, { skipSpecialTokens: false })).toBe(
      "<|im_start|>user\nhello<|im_end|><|im_end|>\n<|im_start|>assistant\n",
    );
  });
});
