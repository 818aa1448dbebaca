const prime1 = 0x9e3779b1;
const prime2 = 0x85ebca77;
const prime3 = 0xc2b2ae3d;
const prime4 = 0x27d4eb2f;
const prime5 = 0x165667b1;

/**
 * xxHash with 32 bits (Collet, specification 0.2.0). Every step that takes input in is invertible
 * in that input, so that a change of one bit always changes the sum. Not for adversaries.
 *
 * @param bytes - Any length below 4 GiB.
 * @returns An unsigned 32-bit integer.
 */
export function xxHash32(bytes: Uint8Array, seed = 0): number {
  // Words are read in one go where the bytes lie right for that.
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  const words = new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length >> 2);
  const stripes = words.length >> 2;
  let hash = (seed + prime5) | 0;
  if (stripes > 0) {
    let lane1 = (seed + prime1 + prime2) | 0;
    let lane2 = (seed + prime2) | 0;
    let lane3 = seed | 0;
    let lane4 = (seed - prime1) | 0;
    for (let index = 0; index < 4 * stripes; index += 4) {
      lane1 = round(lane1, words[index] ?? 0);
      lane2 = round(lane2, words[index + 1] ?? 0);
      lane3 = round(lane3, words[index + 2] ?? 0);
      lane4 = round(lane4, words[index + 3] ?? 0);
    }
    hash = (rotate(lane1, 1) + rotate(lane2, 7) + rotate(lane3, 12) + rotate(lane4, 18)) | 0;
  }
  hash = (hash + bytes.length) | 0;
  for (let index = 4 * stripes; index < words.length; index++) {
    const mixed = (hash + Math.imul(words[index] ?? 0, prime3)) | 0;
    hash = Math.imul(rotate(mixed, 17), prime4);
  }
  for (let index = 4 * words.length; index < bytes.length; index++) {
    const mixed = (hash + Math.imul(bytes[index] ?? 0, prime5)) | 0;
    hash = Math.imul(rotate(mixed, 11), prime1);
  }
  hash = Math.imul(hash ^ (hash >>> 15), prime2);
  hash = Math.imul(hash ^ (hash >>> 13), prime3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * 128 bits that tell models apart by pieces of them, as hexadecimal digits: a key for saved caches,
 * against mistakes rather than adversaries.
 *
 * @param parts - Whatever distinguishes one model from another: settings, some of the weights.
 */
export function fingerprint(parts: readonly Uint8Array[]): string {
  const sums = [0, prime1, prime2, prime3].map((start) =>
    parts.reduce((seed, part) => xxHash32(part, seed), start),
  );
  return sums.map((sum) => sum.toString(16).padStart(8, "0")).join("");
}

function round(lane: number, word: number): number {
  return Math.imul(rotate((lane + Math.imul(word, prime2)) | 0, 13), prime1);
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
