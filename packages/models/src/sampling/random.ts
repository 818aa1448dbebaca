/**
 * Seeded pseudo-random numbers: xoshiro128** 1.1 (Blackman and Vigna, "Scrambled linear
 * pseudorandom number generators", 2021), its state filled by SplitMix64 as its authors advise.
 * Equal seeds give equal numbers on every machine.
 */
export class Random {
  readonly #state: Uint32Array;

  /** @param state - Four 32-bit words, not all 0. */
  constructor(state: Uint32Array) {
    this.#state = Uint32Array.from(state);
  }

  /** @param seed - An integer from 0 to 2^53 − 1. */
  static fromSeed(seed: number): Random {
    const state = new Uint32Array(4);
    let counter = BigInt(seed);
    for (let word = 0; word < 4; word += 2) {
      counter += 0x9e3779b97f4a7c15n;
      const mixed = splitMix64(counter);
      state[word] = Number(mixed & 0xffffffffn);
      state[word + 1] = Number(mixed >> 32n);
    }
    return new Random(state);
  }

  /** An integer from 0 to 2^32 − 1. */
  uint32(): number {
    const [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = this.#state;
    const result = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0;
    const t2 = s2 ^ s0;
    const t3 = s3 ^ s1;
    this.#state[0] = s0 ^ t3;
    this.#state[1] = s1 ^ t2;
    this.#state[2] = t2 ^ (s1 << 9);
    this.#state[3] = rotateLeft(t3, 11);
    return result;
  }

  /** A multiple of 2^-53, from 0 on and below 1. */
  uniform(): number {
    const high = this.uint32() >>> 5; // 27 bits
    const low = this.uint32() >>> 6; // 26 bits
    return (high * 2 ** 26 + low) * 2 ** -53;
  }
}

/** The output function of SplitMix64 (Steele, Lea and Flood 2014), of a counter modulo 2^64. */
export function splitMix64(counter: bigint): bigint {
  let mixed = BigInt.asUintN(64, counter);
  mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n);
  mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn);
  return mixed ^ (mixed >> 31n);
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
