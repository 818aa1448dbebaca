import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { GgufMetadata } from "../src/gguf/metadata";
import { readGguf } from "../src/gguf/read-gguf";
import { createPreTokenizer, preTokenizerRule } from "../src/tokenizer/pre-tokenizer";
import { TextStream } from "../src/tokenizer/text-stream";
import { Tokenizer } from "../src/tokenizer/tokenizer";
import { openTestModel } from "./support/model-file";

interface Rule {
  /** Byte-level words of each text. */
  readonly words: readonly (readonly string[])[];
  /** Ids of each text in SmolLM2's vocabulary, special tokens parsed. */
  readonly tokenIds: readonly (readonly number[])[];
  /** Text of these ids, special tokens left out. */
  readonly decoded: readonly string[];
}

const fixture: { texts: readonly string[]; rules: Readonly<Record<string, Rule>> } = JSON.parse(
  readFileSync(new URL("fixtures/tokenizer-hf.json", import.meta.url), "utf8"),
);

describe.each(Object.entries(fixture.rules))(
  "the rule %s, as Hugging Face has it",
  (name, rule) => {
    it("cuts text into the same words", () => {
      const preTokenize = createPreTokenizer(preTokenizerRule(name));
      expect(rule.words.length).toBeGreaterThan(100);
      for (const [index, text] of fixture.texts.entries()) {
        const words = text === "" ? [] : preTokenize(text);
        expect(words, JSON.stringify(text)).toEqual(rule.words[index]);
      }
    });

    it("encodes with SmolLM2's vocabulary to the same ids", { timeout: 60_000 }, async () => {
      const source = await openTestModel();
      const { metadata } = await readGguf(source);
      await source.close();
      const keys = [...metadata.keys()].filter((key) => key !== "tokenizer.ggml.pre");
      const pairs = keys.map((key) => [key, metadata.get(key)!] as const);
      const tokenizer = Tokenizer.fromGguf(
        new GgufMetadata([...pairs, ["tokenizer.ggml.pre", name]]),
      );
      for (const [index, text] of fixture.texts.entries()) {
        const label = JSON.stringify(text);
        const options = { addSpecialTokens: false, parseSpecialTokens: true };
        const tokenIds = tokenizer.encode(text, options);
        expect(tokenIds, label).toEqual(rule.tokenIds[index]);
        expect(tokenizer.decode(tokenIds), label).toBe(rule.decoded[index]);
        const stream = new TextStream(tokenizer);
        const pieces = tokenIds.map((tokenId) => stream.push(tokenId));
        expect(pieces.join("") + stream.flush(), label).toBe(rule.decoded[index]);
      }
    });
  },
);
