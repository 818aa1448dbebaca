import { type LanguageModel, Sampler } from "@x/models";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  compileGrammar,
  type Grammar,
  GrammarMatcher,
  type StructuredOutput,
  type TokenVocabulary,
} from "../../src/index";
import { loadTestModel, vocabularyOf } from "./support/real-model";
import { validatorOf } from "./support/validator";

const maxTokens = 90;

const character = {
  type: "object",
  properties: {
    name: { type: "string", minLength: 2, maxLength: 24 },
    age: { type: "integer", minimum: 16, maximum: 99 },
    class: { enum: ["mage", "knight", "thief"] },
    inventory: {
      type: "array",
      items: { type: "string", maxLength: 12 },
      minItems: 1,
      maxItems: 3,
    },
  },
  required: ["name", "age", "class", "inventory"],
  additionalProperties: false,
};

const shape = {
  oneOf: [
    {
      type: "object",
      properties: {
        kind: { const: "circle" },
        radius: { type: "number", exclusiveMinimum: 0, maximum: 10 },
      },
      required: ["kind", "radius"],
    },
    {
      type: "object",
      properties: {
        kind: { const: "line" },
        to: { type: "array", prefixItems: [{ type: "integer" }, { type: "integer" }], minItems: 2 },
      },
      required: ["kind", "to"],
    },
  ],
};

const tree = {
  $defs: {
    node: {
      type: "object",
      properties: {
        label: { type: "string", pattern: "^[a-z]{1,8}$" },
        children: { type: "array", items: { $ref: "#/$defs/node" }, maxItems: 2 },
      },
      required: ["label"],
    },
  },
  $ref: "#/$defs/node",
};

const event = {
  type: "object",
  properties: {
    at: { type: "string", format: "date-time" },
    id: { type: "string", format: "uuid" },
    note: { type: ["string", "null"], maxLength: 20 },
  },
  required: ["at", "id", "note"],
};

describe("SmolLM2 at temperature 1", () => {
  let model: LanguageModel;
  let vocabulary: TokenVocabulary;
  beforeAll(async () => {
    model = await loadTestModel();
    vocabulary = vocabularyOf(model.tokenizer);
  });
  afterAll(() => model.dispose());

  /** Samples among the allowed tokens until the text ends. */
  async function generate(grammar: Grammar, prompt: string, seed: number): Promise<string> {
    const sampler = new Sampler({ temperature: 1, seed });
    const matcher = new GrammarMatcher(grammar, vocabulary);
    const mask = new Int32Array(Math.ceil(vocabulary.size / 32));
    using state = model.model.createState();
    const tokenIds: number[] = [];
    let pending = model.encodeChat([{ role: "user", content: prompt }]);
    while (tokenIds.length < maxTokens) {
      using logits = model.model.forward([{ state, tokenIds: pending }]);
      const row = (await logits.data()) as Float32Array;
      matcher.fillMask(mask, maxTokens - tokenIds.length);
      for (let id = 0; id < row.length; id += 1) {
        if (((mask[id >> 5]! >>> (id & 31)) & 1) === 0) row[id] = Number.NEGATIVE_INFINITY;
      }
      const id = sampler.sample(row);
      expect(matcher.accept(id)).toBe(true);
      if (model.tokenizer.eosTokenIds.includes(id)) break;
      tokenIds.push(id);
      if (matcher.isTerminated) break;
      pending = [id];
    }
    expect(matcher.isComplete, model.tokenizer.decode(tokenIds)).toBe(true);
    return model.tokenizer.decode(tokenIds);
  }

  it.each([
    ["a role-playing character", character],
    ["a geometric shape", shape],
    ["a small tree", tree],
    ["an event", event],
  ])("writes %s that is valid", async (name, schema) => {
    const grammar = compileGrammar({ type: "json_schema", schema });
    for (const seed of [1, 2]) {
      const text = await generate(grammar, `Write ${name} in JSON.`, seed);
      expect(validatorOf(schema)(JSON.parse(text)), text).toBe(true);
    }
  });

  it.each<[StructuredOutput & { type: "regex" | "choice" }, RegExp]>([
    [{ type: "regex", pattern: "(\\d{1,3}\\.){3}\\d{1,3}" }, /^(\d{1,3}\.){3}\d{1,3}$/],
    [{ type: "choice", choices: ["positive", "negative"] }, /^(positive|negative)$/],
  ])("writes what %j allows", async (spec, expected) => {
    const grammar = compileGrammar(spec);
    for (const seed of [3, 4]) {
      expect(await generate(grammar, "Answer in one word.", seed)).toMatch(expected);
    }
  });
});
