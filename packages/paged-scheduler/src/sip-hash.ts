/** The rounds of SipHash-2-4: two for each message word, four at the end. */
const compressionRounds = 2;
const finalizationRounds = 4;

/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012) of a message of 32-bit words: a 64-bit hash that
 * nobody without the key can aim at a collision. Each 64-bit number is a low and a high half,
 * because that is what JavaScript's integer operations reach.
 *
 * @param key Four words; shape `[4]`.
 * @param message Words, of which the first `length` count.
 * @param length Number of words.
 * @param result Receives the low and the high half; shape `[2]`.
 */
export function sipHash(
  key: Int32Array,
  message: Int32Array,
  length: number,
  result: Int32Array,
): void {
  const [k0 = 0, k1 = 0, k2 = 0, k3 = 0] = key;
  let v0 = k0 ^ 0x70736575;
  let v0High = k1 ^ 0x736f6d65;
  let v1 = k2 ^ 0x6e646f6d;
  let v1High = k3 ^ 0x646f7261;
  let v2 = k0 ^ 0x6e657261;
  let v2High = k1 ^ 0x6c796765;
  let v3 = k2 ^ 0x79746573;
  let v3High = k3 ^ 0x74656462;

  const lastBlock = length >> 1;
  for (let block = 0; block <= lastBlock + 1; block++) {
    let word = 0;
    let wordHigh = 0;
    let rounds = compressionRounds;
    if (block < lastBlock) {
      word = message[2 * block] as number;
      wordHigh = message[2 * block + 1] as number;
    } else if (block === lastBlock) {
      // The length in bytes stands in the top byte of the last message word.
      word = length & 1 ? (message[length - 1] as number) : 0;
      wordHigh = length << 26;
    } else {
      v2 ^= 0xff;
      rounds = finalizationRounds;
    }
    v3 ^= word;
    v3High ^= wordHigh;
    for (let round = 0; round < rounds; round++) {
      let sum = (v0 + v1) | 0;
      v0High = (v0High + v1High + (sum >>> 0 < v0 >>> 0 ? 1 : 0)) | 0;
      v0 = sum;
      let swap = (v1 << 13) | (v1High >>> 19);
      v1High = ((v1High << 13) | (v1 >>> 19)) ^ v0High;
      v1 = swap ^ v0;
      swap = v0;
      v0 = v0High;
      v0High = swap;

      sum = (v2 + v3) | 0;
      v2High = (v2High + v3High + (sum >>> 0 < v2 >>> 0 ? 1 : 0)) | 0;
      v2 = sum;
      swap = (v3 << 16) | (v3High >>> 16);
      v3High = ((v3High << 16) | (v3 >>> 16)) ^ v2High;
      v3 = swap ^ v2;

      sum = (v0 + v3) | 0;
      v0High = (v0High + v3High + (sum >>> 0 < v0 >>> 0 ? 1 : 0)) | 0;
      v0 = sum;
      swap = (v3 << 21) | (v3High >>> 11);
      v3High = ((v3High << 21) | (v3 >>> 11)) ^ v0High;
      v3 = swap ^ v0;

      sum = (v2 + v1) | 0;
      v2High = (v2High + v1High + (sum >>> 0 < v2 >>> 0 ? 1 : 0)) | 0;
      v2 = sum;
      swap = (v1 << 17) | (v1High >>> 15);
      v1High = ((v1High << 17) | (v1 >>> 15)) ^ v2High;
      v1 = swap ^ v2;
      swap = v2;
      v2 = v2High;
      v2High = swap;
    }
    v0 ^= word;
    v0High ^= wordHigh;
  }
  result[0] = v0 ^ v1 ^ v2 ^ v3;
  result[1] = v0High ^ v1High ^ v2High ^ v3High;
}
