/** Rounds of Speck32/64. */
const rounds = 22;

const rotateRight7 = (word: number) => ((word >>> 7) | (word << 9)) & 0xffff;
const rotateLeft2 = (word: number) => ((word << 2) | (word >>> 14)) & 0xffff;

function step(left: number, right: number, key: number): [number, number] {
  const mixed = ((rotateRight7(left) + right) & 0xffff) ^ key;
  return [mixed, rotateLeft2(right) ^ mixed];
}

/**
 * The round keys of the block cipher Speck32/64 (Beaulieu et al. 2013, "The SIMON and SPECK Families
 * of Lightweight Block Ciphers", section 4.2).
 *
 * @param key - Four words of 16 bits; the last enters the first round.
 */
export function speckRoundKeys(key: readonly [number, number, number, number]): Uint16Array {
  const [l2, l1, l0, k0] = key;
  const waiting = [l0, l1, l2];
  const keys = new Uint16Array(rounds);
  let current = k0;
  for (let round = 0; round < rounds; round++) {
    keys[round] = current;
    const [left, right] = step(waiting[round] ?? 0, current, round);
    waiting.push(left);
    current = right;
  }
  return keys;
}

/** Encrypts one block of two words. */
export function speckEncrypt(
  [left, right]: readonly [number, number],
  roundKeys: Uint16Array,
): [number, number] {
  let block: [number, number] = [left, right];
  for (const key of roundKeys) block = step(block[0], block[1], key);
  return block;
}
