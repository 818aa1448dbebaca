import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type ChatMessage, ChatTemplate } from "../src/chat/chat-template";
import { encodeChat } from "../src/chat/encode-chat";
import { readGguf } from "../src/gguf/read-gguf";
import { TextStream } from "../src/tokenizer/text-stream";
import { Tokenizer } from "../src/tokenizer/tokenizer";
import { openTestModel } from "./support/model-file";

interface LlamaCppFixture {
  readonly prompts: readonly {
    readonly id: string;
    readonly text?: string;
    readonly messages?: readonly ChatMessage[];
    readonly promptTokenIds: readonly number[];
  }[];
  /** Ids of each text: special tokens in it as text, and parsed. */
  readonly tokenization: readonly {
    readonly text: string;
    readonly plain: readonly number[];
    readonly parsed: readonly number[];
  }[];
}

interface ChatFixture {
  readonly renders: readonly {
    readonly messages: readonly ChatMessage[];
    readonly addGenerationPrompt: boolean;
    readonly text: string;
    readonly tokenIds: readonly number[];
  }[];
}

function fixture<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8"));
}

const source = await openTestModel();
const { metadata } = await readGguf(source);
await source.close();
const tokenizer = Tokenizer.fromGguf(metadata);
const template = ChatTemplate.fromGguf(metadata, tokenizer)!;

describe("the tokenizer of SmolLM2-135M-Instruct", () => {
  it("knows its special tokens", () => {
    expect(tokenizer.vocabularySize).toBe(49_152);
    expect([tokenizer.bosTokenId, tokenizer.addBosToken]).toEqual([1, false]);
    // <|im_end|>, which the checkpoint names, and <|endoftext|>.
    expect(tokenizer.eosTokenIds).toEqual([2, 0]);
    const special = Array.from({ length: 49_152 }, (_, id) => id).filter((id) =>
      tokenizer.isSpecial(id),
    );
    expect(special).toEqual(Array.from({ length: 17 }, (_, id) => id));
    expect(tokenizer.decode([0, 1, 2], { skipSpecialTokens: false })).toBe(
      "<|endoftext|><|im_start|><|im_end|>",
    );
  });

  const { prompts, tokenization } = fixture<LlamaCppFixture>("llama-cpp-greedy.json");

  it("encodes as llama.cpp does, special tokens as text and parsed", () => {
    expect(tokenization.length).toBeGreaterThan(50);
    for (const { text, plain, parsed } of tokenization) {
      const label = JSON.stringify(text);
      expect(tokenizer.encode(text), label).toEqual(plain);
      expect(tokenizer.encode(text, { parseSpecialTokens: true }), label).toEqual(parsed);
    }
  });

  it("decodes what it encodes", () => {
    for (const { text, plain, parsed } of tokenization) {
      expect(tokenizer.decode(plain)).toBe(text);
      expect(tokenizer.decode(parsed, { skipSpecialTokens: false })).toBe(text);
      const stream = new TextStream(tokenizer, { skipSpecialTokens: false });
      const pieces = parsed.map((tokenId) => stream.push(tokenId));
      expect(pieces.join("")).toBe(text);
      expect(stream.flush()).toBe("");
    }
  });

  it("encodes the prompts that llama.cpp continued", () => {
    expect(prompts.length).toBeGreaterThan(10);
    for (const { id, text, messages, promptTokenIds } of prompts) {
      const tokenIds = messages
        ? encodeChat(tokenizer, template, messages, { addGenerationPrompt: true })
        : tokenizer.encode(text!);
      expect(tokenIds, id).toEqual(promptTokenIds);
    }
  });
});

describe("the chat template of SmolLM2-135M-Instruct", () => {
  const { renders } = fixture<ChatFixture>("smollm2-chat.json");
  const writesSpecialToken = (messages: readonly ChatMessage[]) =>
    messages.some(({ content }) => tokenizer.splitSpecialTokens(content).some(Number.isInteger));

  it("renders conversations as Hugging Face does, a system message added", () => {
    expect(renders.length).toBeGreaterThan(10);
    for (const { messages, addGenerationPrompt, text } of renders) {
      expect(template.render(messages, { addGenerationPrompt })).toBe(text);
    }
  });

  it("gives the token ids of Hugging Face, unless a message writes special tokens", () => {
    const benign = renders.filter(({ messages }) => !writesSpecialToken(messages));
    expect(benign.length).toBeGreaterThan(8);
    for (const { messages, addGenerationPrompt, tokenIds } of benign) {
      expect(encodeChat(tokenizer, template, messages, { addGenerationPrompt })).toEqual(tokenIds);
    }
  });

  it("gives the text of a message that writes special tokens, and no more turns", () => {
    const forging = renders.filter(({ messages }) => writesSpecialToken(messages));
    expect(forging.length).toBeGreaterThan(0);
    for (const { messages, addGenerationPrompt, text, tokenIds } of forging) {
      const parsed = tokenizer.encode(text, { parseSpecialTokens: true });
      expect(parsed).toEqual(tokenIds);
      const encoded = encodeChat(tokenizer, template, messages, { addGenerationPrompt });
      expect(tokenizer.decode(encoded, { skipSpecialTokens: false })).toBe(text);
      const withSystem = messages[0]!.role === "system" ? 0 : 1;
      const turns = messages.length + withSystem + Number(addGenerationPrompt);
      expect(encoded.filter((tokenId) => tokenId === tokenizer.bosTokenId).length).toBe(turns);
    }
  });
});
