import { describe, expect, it } from "vitest";
import { fingerprint, xxHash32 } from "./xx-hash";

const text = (value: string) => new TextEncoder().encode(value);

describe("xxHash32", () => {
  // Computed by Python's xxhash 4.1.0.
  it.each([
    ["", 0, 0x02cc5d05],
    ["a", 0, 0x550d7456],
    ["abc", 0, 0x32d153ff],
    ["Nobody inspects the spammish repetition", 0, 0xe2293b2f],
    ["Nobody inspects the spammish repetition", 20141025, 0xd6169c3b],
  ] as const)("of %j with seed %i", (input, seed, expected) => {
    expect(xxHash32(text(input), seed)).toBe(expected);
  });

  it("does not depend on where the bytes lie", () => {
    const bytes = text(`.${"0123456789".repeat(20)}`);
    expect(xxHash32(bytes.subarray(1))).toBe(xxHash32(bytes.slice(1)));
    expect(xxHash32(Buffer.from(bytes).subarray(1))).toBe(xxHash32(bytes.slice(1)));
  });

  it("changes with every bit", () => {
    const bytes = text("The quick brown fox jumps over the lazy dog.");
    const sum = xxHash32(bytes);
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const flipped = bytes.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(xxHash32(flipped)).not.toBe(sum);
    }
  });
});

describe("fingerprint", () => {
  it("has 32 digits, and depends on every part and on their order", () => {
    const parts = [text("config"), text("weights")];
    expect(fingerprint(parts)).toMatch(/^[0-9a-f]{32}$/);
    expect(fingerprint(parts)).toBe(fingerprint([text("config"), text("weights")]));
    expect(fingerprint(parts)).not.toBe(fingerprint(parts.toReversed()));
    expect(fingerprint(parts)).not.toBe(fingerprint([text("config"), text("weightz")]));
  });
});
