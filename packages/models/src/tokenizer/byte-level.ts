/**
 * The byte-level alphabet of GPT-2 (Radford et al. 2019): each byte is a printable character, so
 * that a vocabulary of any bytes is text. Printable bytes of Latin-1 stand for themselves, the rest
 * for U+0100 and on.
 */
export const byteAlphabet: readonly string[] = buildAlphabet();
const byteOfCharacter: ReadonlyMap<string, number> = new Map(
  byteAlphabet.map((character, byte) => [character, byte]),
);

const utf8Encoder = new TextEncoder();

/** The UTF-8 bytes of `text`, one alphabet character each. Lone surrogates become U+FFFD first. */
export function toByteLevel(text: string): string {
  let characters = "";
  for (const byte of utf8Encoder.encode(text)) {
    characters += byteAlphabet[byte];
  }
  return characters;
}

/** The bytes that `characters` stand for; their UTF-8 bytes when one is not in the alphabet. */
export function fromByteLevel(characters: string): Uint8Array {
  const bytes = new Uint8Array(characters.length);
  for (let index = 0; index < characters.length; index += 1) {
    const byte = byteOfCharacter.get(characters.charAt(index));
    if (byte === undefined) {
      return utf8Encoder.encode(characters);
    }
    bytes[index] = byte;
  }
  return bytes;
}

function buildAlphabet(): string[] {
  let substitutes = 0;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable =
      (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xff && byte !== 0xad);
    return String.fromCharCode(isPrintable ? byte : 0x100 + substitutes++);
  });
}
