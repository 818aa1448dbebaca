import type { LanguageModel } from "@x/models";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createEngine, type GenerationOptions } from "../src/index";
import { validatorOf } from "./structured/support/validator";
import { openSmolLM2, openTinyModel } from "./support/models";

/** Schemas of all kinds of values, in objects and arrays, whose texts have a bounded length. */
const schemas: fc.Arbitrary<object> = fc.letrec<{ schema: object }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 2, depthSize: "small" },
    fc.record({ type: fc.constant("string"), maxLength: fc.integer({ min: 0, max: 6 }) }),
    fc.constant({ type: "string", pattern: "^[a-c]{1,3}-[0-9]{2}$" }),
    fc.constant({ type: "string", format: "date" }),
    fc
      .tuple(fc.integer({ min: -99, max: 50 }), fc.integer({ min: 0, max: 60 }))
      .map(([minimum, span]) => ({ type: "integer", minimum, maximum: minimum + span })),
    fc.constant({ type: "integer", minimum: -50, maximum: 999, multipleOf: 5 }),
    fc.constant({ type: ["boolean", "null"] }),
    fc
      .array(fc.oneof(fc.string({ maxLength: 4 }), fc.integer()), { minLength: 1, maxLength: 4 })
      .map((values) => ({ enum: values })),
    fc
      .tuple(tie("schema"), fc.integer({ min: 0, max: 2 }))
      .map(([items, minItems]) => ({ type: "array", items, minItems, maxItems: minItems + 2 })),
    fc
      .array(fc.tuple(fc.constantFrom("a", "b", "name", "count"), tie("schema"), fc.boolean()), {
        maxLength: 3,
      })
      .map((fields) => ({
        type: "object",
        properties: Object.fromEntries(fields.map(([name, schema]) => [name, schema])),
        required: [
          ...new Set(fields.filter(([, , isRequired]) => isRequired).map(([name]) => name)),
        ],
        additionalProperties: false,
      })),
    fc.tuple(tie("schema"), tie("schema")).map((anyOf) => ({ anyOf })),
  ),
})).schema;

function sampleSchemas(count: number, seed: number): object[] {
  return fc.sample(schemas, { numRuns: count, seed });
}

async function expectValid(model: LanguageModel, all: readonly object[]): Promise<void> {
  using engine = createEngine({ model });
  const generations = all.map((schema, seed) =>
    engine
      .generate("Some JSON: ", {
        structured: { type: "json_schema", schema },
        seed,
        maxTokens: 1000,
      })
      .result(),
  );
  for (const [index, { text, outputs }] of (await Promise.all(generations)).entries()) {
    const schema = all[index] ?? {};
    const shown = `${JSON.stringify(schema)} gave ${text}`;
    expect(outputs[0]?.finishReason, shown).toBe("stop");
    expect(validatorOf(schema)(JSON.parse(text)), shown).toBe(true);
  }
}

describe("structured generation", () => {
  let model: LanguageModel;
  beforeAll(async () => {
    model = await openTinyModel(1100);
  });
  afterAll(() => model.dispose());

  it("is valid under 200 random schemas", async () => {
    await expectValid(model, sampleSchemas(200, 1));
  });

  it("is valid when a real model writes it", async () => {
    using real = await openSmolLM2();
    await expectValid(real, sampleSchemas(12, 2));
  });

  it("is whole before the tokens run out", async () => {
    using engine = createEngine({ model });
    const schema = { type: "array", items: { type: "array", items: { type: "string" } } };
    for (let seed = 0; seed < 20; seed++) {
      const { text, outputs, completionTokens } = await engine.generate("a", {
        structured: { type: "json_schema", schema },
        seed,
        maxTokens: 3 + seed,
      });
      expect(outputs[0]?.finishReason).toBe("stop");
      expect(completionTokens).toBeLessThanOrEqual(3 + seed);
      expect(validatorOf(schema)(JSON.parse(text))).toBe(true);
    }
  });

  it("keeps to a pattern, a choice, or any JSON object", async () => {
    using engine = createEngine({ model });
    const generate = (structured: GenerationOptions["structured"], seed: number) =>
      engine.generate("a", { structured, seed, maxTokens: 1000 });
    for (let seed = 0; seed < 5; seed++) {
      const { text } = await generate(
        { type: "regex", pattern: "[ab]+c{2,4}|\\d\\d:\\d\\d" },
        seed,
      );
      expect(text).toMatch(/^([ab]+c{2,4}|\d\d:\d\d)$/);
      const choices = ["yes", "no", "yesterday"];
      expect(choices).toContain((await generate({ type: "choice", choices }, seed)).text);
      const { text: object } = await generate({ type: "json_object" }, seed);
      expect(JSON.parse(object)).toEqual(expect.any(Object));
      expect(object).toMatch(/^\{/);
    }
  });

  it("gives the same with drafts, in a batch, and one form for each of several answers", async () => {
    using engine = createEngine({ model });
    const options: GenerationOptions = {
      structured: {
        type: "json_schema",
        schema: { type: "array", items: { enum: ["red", "green"] }, minItems: 6, maxItems: 8 },
      },
      seed: 3,
      maxTokens: 300,
      logprobs: 1,
    };
    const alone = await engine.generate("a", options);
    const [drafted, several] = await Promise.all([
      engine.generate("a", { ...options, speculative: true }),
      engine.generate("a", { ...options, n: 3 }),
    ]);
    expect(drafted.text).toBe(alone.text);
    expect(engine.stats().speculation.numAcceptedTokens).toBeGreaterThan(0);
    expect(several.outputs[0]?.text).toBe(alone.text);
    for (const { text } of several.outputs) expect(JSON.parse(text).length).toBeGreaterThan(5);
    // Log-probabilities are among the tokens that were allowed.
    const forced = alone.outputs[0]?.logprobs?.[0];
    expect(forced?.logprob).toBeGreaterThan(-Math.log(64));
  });

  it("refuses a bad form at once, and serves the others", async () => {
    using engine = createEngine({ model });
    const good = engine.generate("a", { temperature: 0, maxTokens: 5 });
    const bad = (structured: GenerationOptions["structured"]) => () =>
      engine.generate("a", { structured });
    expect(bad({ type: "regex", pattern: "(" })).toThrow(
      expect.objectContaining({ code: "INVALID_GRAMMAR" }),
    );
    expect(bad({ type: "json_schema", schema: { type: "strin" } })).toThrow(/strin/);
    expect(bad({ type: "choice", choices: [] })).toThrow(/choices/);
    expect(() =>
      engine.generate("a", { structured: { type: "json_object" }, ignoreEos: true }),
    ).toThrow(/ignoreEos is true/);
    expect((await good).outputs[0]?.tokenIds.length).toBeGreaterThan(0);
    expect(engine.stats().numFinished.error).toBe(0);
  });
});
