import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyText, wellFormed } from "../../test/support/any-text";
import { type TinyTokenizerInput, tinyTokenizerMetadata } from "../../test/support/tiny-tokenizer";
import { GgufError, InvalidArgumentError, TokenizerError, UnsupportedModelError } from "../errors";
import { array, scalar } from "../gguf/write-gguf";
import { Tokenizer } from "./tokenizer";

async function tokenizerOf(input: TinyTokenizerInput = {}): Promise<Tokenizer> {
  return Tokenizer.fromGguf(await tinyTokenizerMetadata(input));
}

const chat: TinyTokenizerInput = {
  merges: ["h e", "l l", "he ll", "hell o", "Ġ w", "æ Ĺ"],
  added: [
    ["<|im_start|>", "control"],
    ["<|im_end|>", "control"],
    ["<tool>", "userDefined"],
    ["[PAD1]", "unused"],
    ["<unk>", "unknown"],
  ],
  metadata: {
    "tokenizer.ggml.bos_token_id": scalar("uint32", 262),
    "tokenizer.ggml.eos_token_id": scalar("uint32", 263),
  },
};
const ids = { hello: 259, start: 262, end: 263, tool: 264, pad: 265, unknown: 266 };

const codes = (text: string) => [...new TextEncoder().encode(text)];

describe("encode", () => {
  it("merges in the order of the merges", async () => {
    const tokenizer = await tokenizerOf(chat);
    expect(tokenizer.encode("hello")).toEqual([ids.hello]);
    expect(tokenizer.encode("hell w")).toEqual([258, 260]);
    expect(tokenizer.encode("日")).toEqual([261, 0xa5]);
    expect(tokenizer.encode("")).toEqual([]);
  });

  it("keeps special tokens in text as text", async () => {
    const tokenizer = await tokenizerOf(chat);
    const text = "<|im_end|><|im_start|>";
    expect(tokenizer.encode(text)).toEqual(codes(text));
    expect(tokenizer.encode("<unk>[PAD1]")).toEqual(codes("<unk>[PAD1]"));
  });

  it("parses special tokens when asked, but not padding that the vocabulary does not use", async () => {
    const tokenizer = await tokenizerOf(chat);
    const parse = (text: string) => tokenizer.encode(text, { parseSpecialTokens: true });
    expect(parse("<|im_start|>hello<|im_end|>")).toEqual([ids.start, ids.hello, ids.end]);
    expect(parse("<unk>")).toEqual([ids.unknown]);
    expect(parse("[PAD1]")).toEqual(codes("[PAD1]"));
    expect(tokenizer.splitSpecialTokens("a<|im_end|><tool>b")).toEqual([
      "a",
      ids.end,
      ids.tool,
      "b",
    ]);
  });

  it("finds words that were added to the vocabulary in any text", async () => {
    const tokenizer = await tokenizerOf(chat);
    expect(tokenizer.encode("a<tool>hello")).toEqual([97, ids.tool, ids.hello]);
  });

  it("cannot make a special token by merging or as a whole word", async () => {
    const special: TinyTokenizerInput = {
      merges: ["S T", "ST O", "STO P"],
      metadata: {
        "tokenizer.ggml.eos_token_id": scalar("uint32", 258),
        "tokenizer.ggml.pre": scalar("string", "llama-bpe"),
        "tokenizer.ggml.add_bos_token": scalar("bool", false),
      },
    };
    const tokenizer = await tokenizerOf(special);
    expect(tokenizer.isSpecial(258)).toBe(true);
    expect(tokenizer.encode("STOP")).toEqual([257, 80]);
    expect(tokenizer.encode("STOP", { parseSpecialTokens: true })).toEqual([258]);
  });

  it("takes a word that is a token for it, whatever the merges say, where the model does", async () => {
    const words: TinyTokenizerInput = { merges: ["h e"], added: [["hem", "normal"]] };
    expect((await tokenizerOf(words)).encode("hem")).toEqual([256, 109]);
    const metadata = {
      "tokenizer.ggml.pre": scalar("string", "llama-bpe"),
      "tokenizer.ggml.add_bos_token": scalar("bool", false),
    };
    expect((await tokenizerOf({ ...words, metadata })).encode("hem")).toEqual([257]);
  });

  it("begins with the first token if the checkpoint asks for it", async () => {
    const metadata = { ...chat.metadata, "tokenizer.ggml.add_bos_token": scalar("bool", true) };
    const tokenizer = await tokenizerOf({ ...chat, metadata });
    expect(tokenizer.addBosToken).toBe(true);
    expect(tokenizer.encode("hello")).toEqual([ids.start, ids.hello]);
    expect(tokenizer.encode("")).toEqual([ids.start]);
    expect(tokenizer.encode("hello", { addSpecialTokens: false })).toEqual([ids.hello]);
    expect((await tokenizerOf(chat)).addBosToken).toBe(false);
  });

  it("begins with it by the pre-tokenizer's habit when the checkpoint does not say", async () => {
    const metadata = { ...chat.metadata, "tokenizer.ggml.pre": scalar("string", "llama-bpe") };
    expect((await tokenizerOf({ ...chat, metadata })).encode("")).toEqual([ids.start]);
  });

  it("replaces lone surrogates and keeps NUL and every other control character", async () => {
    const tokenizer = await tokenizerOf(chat);
    expect(tokenizer.encode("a\udc00")).toEqual([97, ...codes("\ufffd")]);
    const controls = String.fromCharCode(...Array.from({ length: 32 }, (_, code) => code), 127);
    expect(tokenizer.encode(controls)).toEqual(codes(controls));
  });

  it("drops bytes that the vocabulary lacks", async () => {
    const tokens = ["a", "b"];
    const tokenizer = await tokenizerOf({
      metadata: {
        "tokenizer.ggml.tokens": array("string", tokens),
        "tokenizer.ggml.token_type": array("int32", [1, 1]),
      },
    });
    expect(tokenizer.encode("a\u0004b")).toEqual([0, 1]);
  });

  it("takes names of object properties for words like any other", async () => {
    const merges = ["_ _", "p r", "o t", "pr ot", "prot o", "__ proto", "__proto __"];
    const tokenizer = await tokenizerOf({ merges });
    expect(tokenizer.encode("__proto__")).not.toEqual(codes("__proto__"));
    expect(tokenizer.decode(tokenizer.encode("__proto__ constructor"))).toBe(
      "__proto__ constructor",
    );
  });

  it("loses nothing: decoding gives the text back", async () => {
    const tokenizer = await tokenizerOf(chat);
    fc.assert(
      fc.property(anyText(60), (text) => {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(wellFormed(text));
      }),
      { seed: 3, numRuns: 500 },
    );
  });
});

describe("decode", () => {
  it("leaves special tokens out unless told otherwise", async () => {
    const tokenizer = await tokenizerOf(chat);
    const all = [ids.start, ids.hello, ids.pad, ids.unknown, ids.tool, ids.end];
    expect(tokenizer.decode(all)).toBe("hello<tool>");
    expect(tokenizer.decode(all, { skipSpecialTokens: false })).toBe(
      "<|im_start|>hello[PAD1]<unk><tool><|im_end|>",
    );
    expect(tokenizer.decode([])).toBe("");
    expect(tokenizer.decode(new Set([104, 105]))).toBe("hi");
  });

  it("writes U+FFFD for bytes that are no text, and keeps a byte-order mark", async () => {
    const tokenizer = await tokenizerOf(chat);
    expect(tokenizer.decode([0xff, 97, 0xe2, 0x82])).toBe("\ufffda\ufffd");
    expect(tokenizer.decode([0xef, 0xbb, 0xbf, 97])).toBe("\ufeffa");
  });

  it("takes words that were added by name for themselves, not for bytes", async () => {
    // In the byte-level alphabet, é is the byte 0xE9.
    const tokenizer = await tokenizerOf({
      added: [
        ["né", "userDefined"],
        ["Ġé", "normal"],
        ["  x", "userDefined"],
      ],
    });
    expect(tokenizer.encode("a né  x")).toEqual([97, 32, 256, 258]);
    expect(tokenizer.decode([97, 256, 258])).toBe("ané  x");
    expect(tokenizer.tokenBytes(256)).toEqual(new TextEncoder().encode("né"));
    expect(tokenizer.tokenBytes(257)).toEqual(Uint8Array.of(0x20, 0xe9));
  });

  it.each([-1, 267, 1.5, Number.NaN])("rejects the id %d", async (tokenId) => {
    const tokenizer = await tokenizerOf(chat);
    const calls = [
      () => tokenizer.decode([104, tokenId]),
      () => tokenizer.tokenBytes(tokenId),
      () => tokenizer.isSpecial(tokenId),
    ];
    for (const call of calls) {
      expect(call).toThrow(InvalidArgumentError);
      expect(call).toThrow(`the token id ${tokenId} is outside the vocabulary`);
      expect(call).toThrow("from 0 to 266");
    }
  });
});

describe("the ends of a turn", () => {
  it("are the tokens that the checkpoint gives and those known by name", async () => {
    const tokenizer = await tokenizerOf({
      added: [
        ["<|endoftext|>", "control"],
        ["<|im_end|>", "userDefined"],
        ["done", "normal"],
        ["<|eot_id|>", "normal"],
        ["next", "control"],
        ["over", "control"],
      ],
      metadata: {
        "tokenizer.ggml.eos_token_id": scalar("uint32", 258),
        "tokenizer.ggml.eot_token_id": scalar("uint32", 260),
        "tokenizer.ggml.eom_token_id": scalar("uint32", 261),
      },
    });
    expect(tokenizer.eosTokenIds).toEqual([258, 260, 261, 256, 257]);
    const special = Array.from({ length: 6 }, (_, index) => tokenizer.isSpecial(256 + index));
    expect(special).toEqual([true, true, true, false, true, true]);
    expect(tokenizer.bosTokenId).toBeUndefined();
    expect(tokenizer.vocabularySize).toBe(262);
  });
});

describe("fromGguf rejects", () => {
  const withPair = (key: string, value: ReturnType<typeof scalar>): TinyTokenizerInput => ({
    ...chat,
    metadata: { ...chat.metadata, [`tokenizer.ggml.${key}`]: value },
  });

  it.each<[string, TinyTokenizerInput, new (...values: never[]) => Error, string]>([
    [
      "SentencePiece",
      withPair("model", scalar("string", "llama")),
      UnsupportedModelError,
      'the tokenizer "llama" is not supported; use a model with byte-level BPE, which GGUF calls "gpt2"',
    ],
    [
      "an unknown pre-tokenizer",
      withPair("pre", scalar("string", "tekken")),
      UnsupportedModelError,
      'the pre-tokenizer "tekken" is not supported; use a model with one of smollm, gpt-2, llama-bpe',
    ],
    [
      "no vocabulary",
      { without: ["tokenizer.ggml.tokens"] },
      GgufError,
      'the metadata have no "tokenizer.ggml.tokens"',
    ],
    [
      "no merges",
      { without: ["tokenizer.ggml.merges"] },
      GgufError,
      'the metadata have no "tokenizer.ggml.merges"',
    ],
    [
      "types for another vocabulary",
      withPair("token_type", array("int32", [1, 1])),
      TokenizerError,
      '"tokenizer.ggml.token_type" has 2 entries for 267 tokens',
    ],
    [
      "an end outside the vocabulary",
      withPair("eos_token_id", scalar("uint32", 267)),
      TokenizerError,
      '"tokenizer.ggml.eos_token_id" is 267, the vocabulary has 267 tokens',
    ],
    [
      "a merge of one part",
      withPair("merges", array("string", ["h e", "h"])),
      TokenizerError,
      '"tokenizer.ggml.merges"[1] is "h", not two parts of a token',
    ],
    [
      "a merge to no token",
      withPair("merges", array("string", ["h h"])),
      TokenizerError,
      '"tokenizer.ggml.merges"[0] is "h h", not two parts of a token',
    ],
    [
      "a first token to add that has no id",
      { metadata: { "tokenizer.ggml.add_bos_token": scalar("bool", true) } },
      TokenizerError,
      "asks for a beginning-of-sequence token but names none",
    ],
  ])("%s", async (_, input, errorClass, message) => {
    const metadata = await tinyTokenizerMetadata(input);
    expect(() => Tokenizer.fromGguf(metadata)).toThrow(errorClass);
    expect(() => Tokenizer.fromGguf(metadata)).toThrow(message);
  });

  it("nothing when types and pre-tokenizer are missing: all tokens are text then", async () => {
    const without = ["tokenizer.ggml.token_type", "tokenizer.ggml.pre"];
    const tokenizer = await tokenizerOf({ ...chat, metadata: {}, without });
    expect(tokenizer.isSpecial(ids.tool)).toBe(false);
    expect(tokenizer.encode("hello")).toEqual([ids.hello]);
  });
});
