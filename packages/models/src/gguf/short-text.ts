/** Bytes of all but a few tokens. */
const longestShortText = 16;
const codes: number[] = [];

/**
 * A short string of characters below U+0800, as tokens of byte-level vocabularies are: a call of the
 * decoder takes several times as long. `undefined` for another, or for one that is not UTF-8.
 */
export function shortText(
  bytes: Uint8Array,
  start: number,
  byteLength: number,
): string | undefined {
  if (byteLength > longestShortText) return undefined;
  codes.length = 0;
  const end = start + byteLength;
  for (let position = start; position < end; position += 1) {
    const lead = bytes[position] ?? 0;
    if (lead < 0x80) {
      codes.push(lead);
      continue;
    }
    // Two bytes: 110xxxxx 10xxxxxx, of which 110 00000 and 110 00001 would be too long.
    position += 1;
    const trail = position < end ? (bytes[position] ?? 0) : 0;
    if (lead < 0xc2 || lead > 0xdf || trail >> 6 !== 0b10) return undefined;
    codes.push(((lead & 0x1f) << 6) | (trail & 0x3f));
  }
  return String.fromCharCode(...codes);
}
