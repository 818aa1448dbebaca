import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyText, wellFormed } from "../../test/support/any-text";
import { tinyTokenizerMetadata } from "../../test/support/tiny-tokenizer";
import { InvalidArgumentError } from "../errors";
import { scalar } from "../gguf/write-gguf";
import { TextStream } from "./text-stream";
import { Tokenizer } from "./tokenizer";

// Merges that end inside characters: two bytes of 日, three of an emoji, one of é and a space.
const tokenizer = Tokenizer.fromGguf(
  await tinyTokenizerMetadata({
    merges: ["æ Ĺ", "ð Ł", "ðŁ ĺ", "Ġ Ã", "å ħ", "â Ģ"],
    added: [
      ["<|im_end|>", "control"],
      ["<tool>", "userDefined"],
    ],
    metadata: { "tokenizer.ggml.eos_token_id": scalar("uint32", 262) },
  }),
);
const end = 262;

function stream(tokenIds: Iterable<number>, options = {}): string[] {
  const text = new TextStream(tokenizer, options);
  return [...Array.from(tokenIds, (tokenId) => text.push(tokenId)), text.flush()];
}

describe("TextStream", { timeout: 30_000 }, () => {
  it("gives the text of decode, for any tokens", () => {
    const tokenIds = fc.array(fc.nat(tokenizer.vocabularySize - 1), { maxLength: 40 });
    fc.assert(
      fc.property(tokenIds, fc.boolean(), (ids, skipSpecialTokens) => {
        const options = { skipSpecialTokens };
        expect(stream(ids, options).join("")).toBe(tokenizer.decode(ids, options));
      }),
      { seed: 1, numRuns: 1000 },
    );
  });

  it("gives whole characters only, for any text", () => {
    fc.assert(
      fc.property(anyText(30), (text) => {
        const pieces = stream(tokenizer.encode(text));
        expect(pieces.join("")).toBe(wellFormed(text));
        for (const piece of pieces) {
          expect(piece).toBe(wellFormed(piece));
          expect(wellFormed(text)).toContain(piece);
        }
        expect(pieces.at(-1)).toBe("");
      }),
      { seed: 2, numRuns: 1000 },
    );
  });

  it("holds a character back until it is whole", () => {
    const text = new TextStream(tokenizer);
    const [first, ...rest] = tokenizer.encode("😀");
    expect(text.push(first!)).toBe("");
    expect(rest.map((tokenId) => text.push(tokenId)).join("")).toBe("😀");
    expect(text.flush()).toBe("");
  });

  it("gives joined emoji part by part, each whole", () => {
    const family = "👩‍👩‍👧";
    const pieces = stream(tokenizer.encode(family)).filter((piece) => piece !== "");
    expect(pieces.join("")).toBe(family);
    expect(pieces).toEqual([...family]);
  });

  it("passes a U+FFFD that the text itself has, at once", () => {
    const text = new TextStream(tokenizer);
    const pieces = tokenizer.encode("a\ufffd").map((tokenId) => text.push(tokenId));
    expect(pieces.join("")).toBe("a\ufffd");
    expect(text.flush()).toBe("");
  });

  it("gives a U+FFFD for a tail that stays incomplete, and begins anew", () => {
    const text = new TextStream(tokenizer);
    expect(text.push(0xe2)).toBe("");
    expect(text.push(0x82)).toBe("");
    expect(text.flush()).toBe("\ufffd");
    expect(text.push(0xac)).toBe("\ufffd");
    expect(text.push(97)).toBe("a");
    expect(text.flush()).toBe("");
  });

  it("keeps a byte-order mark", () => {
    expect(stream(tokenizer.encode("\ufeffa")).join("")).toBe("\ufeffa");
  });

  it("leaves special tokens out unless told otherwise, and words added by name in", () => {
    const [first, ...rest] = tokenizer.encode("é<tool>");
    const ids = [end, first!, end, ...rest];
    expect(stream(ids).join("")).toBe("é<tool>");
    expect(stream([97, end], { skipSpecialTokens: false })).toEqual(["a", "<|im_end|>", ""]);
  });

  it("rejects an id outside the vocabulary and goes on", () => {
    const text = new TextStream(tokenizer, { skipSpecialTokens: false });
    expect(text.push(0xc3)).toBe("");
    expect(() => text.push(264)).toThrow(InvalidArgumentError);
    expect(text.push(0xa9)).toBe("é");
  });
});
