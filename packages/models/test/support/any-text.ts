import fc from "fast-check";

/** Text of ASCII, of any UTF-16 units, lone surrogates among them, and of other planes. */
export function anyText(maxLength: number): fc.Arbitrary<string> {
  const codes = fc.oneof(
    fc.integer({ min: 0, max: 0x7f }),
    fc.integer({ min: 0, max: 0xffff }),
    fc.integer({ min: 0x10000, max: 0x10ffff }),
  );
  return fc.array(codes, { maxLength }).map((values) => String.fromCodePoint(...values));
}

/** `text` with U+FFFD for each lone surrogate. */
export function wellFormed(text: string): string {
  return Array.from(text, (character) =>
    /^[\ud800-\udfff]$/.test(character) ? "\ufffd" : character,
  ).join("");
}
