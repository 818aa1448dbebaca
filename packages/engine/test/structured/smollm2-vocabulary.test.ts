import type { Tokenizer } from "@x/models";
import { beforeAll, describe, expect, it } from "vitest";
import {
  compileGrammar,
  GrammarMatcher,
  type StructuredOutput,
  type TokenVocabulary,
} from "../../src/index";
import { allowedIds, allowedIdsByTrial, randomFrom } from "./support/matching";
import { loadTokenizer, vocabularyOf } from "./support/real-model";

const person = {
  type: "object",
  properties: {
    name: { type: "string", maxLength: 40 },
    age: { type: "integer", minimum: 0, maximum: 150 },
    tags: { type: "array", items: { type: "string" }, maxItems: 5 },
    born: { type: "string", format: "date-time" },
    scores: { type: "object", additionalProperties: { type: "number" } },
  },
  required: ["name", "age", "tags", "born", "scores"],
};

const ada = {
  name: "Ada Lovelace, comtesse née Byron 日本",
  age: 36,
  tags: ["mathematics", "analytical engines and computing", '"poetry"\n'],
  born: "1815-12-10T12:00:00Z",
  scores: { algebra: 9.5, "speed of light": 3e8, naïve: -0.25 },
};

describe("with the 49,152 tokens of SmolLM2", () => {
  let tokenizer: Tokenizer;
  let vocabulary: TokenVocabulary;
  beforeAll(async () => {
    tokenizer = await loadTokenizer();
    vocabulary = vocabularyOf(tokenizer);
  });

  it("allows a document as the tokenizer cuts it", () => {
    const grammar = compileGrammar({ type: "json_schema", schema: person });
    for (const text of [JSON.stringify(ada), JSON.stringify(ada, null, 2)]) {
      const matcher = new GrammarMatcher(grammar, vocabulary);
      const tokenIds = tokenizer.encode(text);
      expect(tokenizer.decode(tokenIds)).toBe(text);
      expect(matcher.acceptablePrefix(tokenIds)).toBe(tokenIds.length);
      for (const id of tokenIds) {
        expect(allowedIds(matcher, vocabulary)).toContain(id);
        expect(matcher.accept(id)).toBe(true);
      }
      expect(matcher.isTerminated).toBe(true);
      expect(allowedIds(matcher, vocabulary)).toEqual(
        [...tokenizer.eosTokenIds].sort((left, right) => left - right),
      );
    }
  });

  it.each<StructuredOutput>([
    { type: "json_schema", schema: person },
    { type: "json_object" },
    { type: "regex", pattern: "([A-Z][a-z]{1,12} ){2,}is \\d+ (years?|months?) old\\." },
    { type: "json_schema", schema: { type: "string", pattern: "^\\p{Lu}.{3,20}$" } },
    { type: "choice", choices: ["positive", "negative", "neutral", "not negative"] },
  ])("has masks of what is accepted, and no more: %j", (spec) => {
    const grammar = compileGrammar(spec);
    const random = randomFrom(11);
    for (let text = 0; text < 2; text += 1) {
      const matcher = new GrammarMatcher(grammar, vocabulary);
      for (let step = 0; step < 12 && !matcher.isTerminated; step += 1) {
        const ids = allowedIds(matcher, vocabulary);
        expect(ids).toEqual(allowedIdsByTrial(matcher, vocabulary));
        const words = ids.filter((id) => !tokenizer.eosTokenIds.includes(id));
        matcher.accept(words[Math.floor(random() * words.length)]!);
      }
    }
  });

  it("holds no memory per sequence or text", () => {
    const grammar = compileGrammar({ type: "json_schema", schema: person });
    const tokenIds = tokenizer.encode(JSON.stringify(ada));
    const mask = new Int32Array(Math.ceil(vocabulary.size / 32));
    const run = () => {
      const matcher = new GrammarMatcher(grammar, vocabulary);
      for (const id of tokenIds) {
        matcher.fillMask(mask);
        matcher.accept(id);
      }
      return matcher.isComplete;
    };
    for (let round = 0; round < 3; round += 1) expect(run()).toBe(true);
    globalThis.gc?.();
    const before = process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
    for (let round = 0; round < 300; round += 1) run();
    globalThis.gc?.();
    const after = process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
    // Without a forced collection, garbage counts too: 26,000 masks would be 160 MB.
    expect(after - before).toBeLessThan(60e6);
  });
});
