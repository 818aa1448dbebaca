import { expect, it } from "vitest";
import { byteTokens } from "../../test/support/tiny-tokenizer";
import { fromByteLevel, toByteLevel } from "./byte-level";

it("writes each byte as GPT-2 does", () => {
  expect(toByteLevel("Hi é\n\u0000~")).toBe("HiĠÃ©ĊĀ~");
  expect(toByteLevel("日")).toBe("æĹ¥");
  expect(toByteLevel("")).toBe("");
});

it("reads every byte back", () => {
  expect(new Set(byteTokens).size).toBe(256);
  expect(fromByteLevel(byteTokens.join(""))).toEqual(Uint8Array.from({ length: 256 }, (_, b) => b));
});

it("takes text outside the alphabet for itself", () => {
  expect(fromByteLevel("▁é")).toEqual(new TextEncoder().encode("▁é"));
});

it("replaces a lone surrogate", () => {
  expect(new TextDecoder().decode(fromByteLevel(toByteLevel("a\ud800b")))).toBe("a\ufffdb");
});
