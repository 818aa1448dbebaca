import { TokenVocabulary } from "../../../src/index";

/** Pieces of several bytes, some of which end inside a character. */
const pieces = [
  '{"',
  '":',
  '": ',
  '", "',
  '"}',
  "},",
  "], ",
  "null",
  "true",
  "fal",
  " 1",
  "12",
  "00",
  ".5",
  "e-1",
  "ab",
  "abc",
  "name",
  "é",
  "日本",
  "\\n",
  "\\u00",
  "\n  ",
  "-0",
  "2024-",
];

/** Ids of the small vocabulary's end tokens. */
export const endIds = [256, 300] as const;

/** All 256 bytes as tokens, pieces of several, tokens that are no text, and two end tokens. */
export function smallVocabulary(): TokenVocabulary {
  const encoder = new TextEncoder();
  const tokenBytes: (Uint8Array | undefined)[] = Array.from({ length: 256 }, (_, byte) =>
    Uint8Array.of(byte),
  );
  tokenBytes[endIds[0]] = encoder.encode("<end>");
  for (const piece of pieces) tokenBytes.push(encoder.encode(piece));
  // The first two bytes of 日, and the last with a quotation mark.
  tokenBytes.push(encoder.encode("日").slice(0, 2));
  tokenBytes.push(Uint8Array.of(...encoder.encode("日").slice(2), 0x22));
  // A token of no bytes, one that is no text, and two of the same bytes.
  tokenBytes.push(new Uint8Array(), undefined, encoder.encode("ab"));
  while (tokenBytes.length < endIds[1]) tokenBytes.push(undefined);
  tokenBytes.push(undefined);
  return new TokenVocabulary(tokenBytes, endIds);
}
