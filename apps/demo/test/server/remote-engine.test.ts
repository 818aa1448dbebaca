import { type Prompt, RemoteEngine, type TextGenerator } from "@x/engine";
import type { LanguageModel } from "@x/models";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSmolLM2 } from "./support/models";
import { startServer, type TestServer } from "./support/test-server";

let model: LanguageModel;
let server: TestServer;
let remote: RemoteEngine;

const modelName = "smollm2-135m-instruct";

beforeAll(async () => {
  model = await openSmolLM2();
  server = await startServer({ model }, { modelNames: [modelName], apiKey: "secret" });
  remote = new RemoteEngine({ baseUrl: `${server.url}/v1`, model: modelName, apiKey: "secret" });
});
afterAll(async () => {
  remote?.dispose();
  await server?.close();
  model?.dispose();
});

const text = "The capital of France is";
const messages = [{ role: "user", content: "Name three rivers of Europe." }];

describe("RemoteEngine against the server", () => {
  it.each([
    ["text, greedily", text, { temperature: 0, maxTokens: 12 }],
    ["text, to the end of the sequence", text, { temperature: 0, minTokens: 3, stop: "\n\n" }],
    ["a conversation", messages, { temperature: 0, maxTokens: 24 }],
    ["token ids, sampled", { tokenIds: [504, 3575, 282] }, { seed: 5, topK: 20, maxTokens: 12 }],
    ["several answers", messages, { seed: 3, n: 3, maxTokens: 10, minP: 0.02, topP: 0.9 }],
    [
      "a JSON schema",
      messages,
      {
        temperature: 0,
        maxTokens: 60,
        structured: {
          type: "json_schema",
          schema: {
            type: "object",
            properties: { river: { type: "string", maxLength: 12 }, km: { type: "integer" } },
            required: ["river", "km"],
            additionalProperties: false,
          },
        },
      },
    ],
    [
      "a regex",
      text,
      { temperature: 0, structured: { type: "regex", pattern: " [A-Z][a-z]{3,8}" } },
    ],
    [
      "a choice",
      text,
      { seed: 1, structured: { type: "choice", choices: [" Rome", " Lyon, France"] } },
    ],
    [
      "penalties and bias",
      text,
      {
        ...{ temperature: 0, maxTokens: 16, frequencyPenalty: 0.5, presencePenalty: 0.5 },
        ...{ repetitionPenalty: 1.2, logitBias: { 7042: -100 }, badWords: [" Paris"] },
      },
    ],
  ] as const)("gives the tokens of the engine itself: %s", async (_, prompt, options) => {
    const answer = async (engine: TextGenerator) => {
      const { timeToFirstTokenMs, totalMs, cachedTokens, ...rest } = await engine.generate(
        prompt as Prompt,
        options,
      );
      return rest;
    };
    const expected = await answer(server.engine);
    expect(expected.outputs[0]?.tokenIds.length).toBeGreaterThan(2);
    expect(await answer(remote)).toEqual(expected);
  });

  it("streams the same events' worth", async () => {
    const options = { temperature: 0, maxTokens: 12, logprobs: 2 };
    const collect = async (engine: TextGenerator) => {
      const deltas = { text: "", tokenIds: [] as number[], logprobs: [] as number[] };
      const others: object[] = [];
      for await (const event of engine.generate(messages, options)) {
        if (event.type !== "text-delta") {
          others.push({ ...event, cachedTokens: undefined });
          continue;
        }
        deltas.text += event.text;
        deltas.tokenIds.push(...event.tokenIds);
        deltas.logprobs.push(...(event.logprobs ?? []).map(({ logprob }) => logprob));
      }
      return { ...deltas, others };
    };
    const expected = await collect(server.engine);
    expect(expected.logprobs).toHaveLength(12);
    expect(await collect(remote)).toEqual(expected);
  });

  it("reports cached tokens, also at the start", async () => {
    await remote.generate(messages, { maxTokens: 1 });
    for await (const event of remote.generate(messages, { maxTokens: 1 })) {
      if (event.type === "start") expect(event.cachedTokens).toBeGreaterThanOrEqual(16);
    }
    expect((await remote.generate(messages, { maxTokens: 1 })).cachedTokens).toBeGreaterThan(15);
  });

  it("answers a batch", async () => {
    const prompts = [text, "One, two, three,", messages];
    const options = { temperature: 0, maxTokens: 8 };
    const texts = async (engine: TextGenerator) =>
      (await engine.generateBatch(prompts, options)).map((result) => result.text);
    expect(await texts(remote)).toEqual(await texts(server.engine));
  });

  it("ends the server's work when it is left", async () => {
    const aborted = server.engine.stats().numFinished.abort;
    const long = [{ role: "user", content: "Count from 1 to 1000." }];
    for await (const event of remote.generate(long, { temperature: 0 })) {
      if (event.type === "text-delta") break;
    }
    await expect.poll(() => server.engine.stats().numFinished.abort).toBe(aborted + 1);
    await server.engine.idle();
  });

  it("passes on what the server refuses", async () => {
    const tooLong = remote.generate(text, { maxTokens: 1_000_000 }).result();
    await expect(tooLong).rejects.toMatchObject({
      code: "REMOTE_ENGINE",
      details: { status: 400, code: "context_length_exceeded", param: "prompt" },
    });
  });
});
