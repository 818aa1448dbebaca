import fc from "fast-check";
import { expect, it } from "vitest";
import { shortText } from "./short-text";

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

it("decodes every character below U+0800", () => {
  for (let code = 0; code < 0x800; code += 1) {
    const text = `a${String.fromCharCode(code)}b`;
    const bytes = new TextEncoder().encode(text);
    expect(shortText(bytes, 0, bytes.length)).toBe(text);
  }
});

it("decodes no pair of bytes that is not UTF-8", () => {
  const pairs = Array.from({ length: 2 ** 16 }, (_, pair) => Uint8Array.of(pair >> 8, pair & 255));
  const wrong = pairs.filter((bytes) => shortText(bytes, 0, 2) !== decoded(bytes));
  expect(wrong).toEqual([]);
});

it("gives what the decoder gives, or leaves it to the decoder", () => {
  const byte = fc.oneof(fc.nat(0x7f), fc.integer({ min: 0xc0, max: 0xe1 }), fc.nat(0xff));
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 20 }), fc.nat(20), (list, from) => {
      const bytes = Uint8Array.from(list);
      const start = Math.min(from, bytes.length);
      const text = shortText(bytes, start, bytes.length - start);
      if (text !== undefined) expect(text).toBe(decoded(bytes.subarray(start)));
    }),
  );
});
