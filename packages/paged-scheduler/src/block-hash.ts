import type { Request } from "./request";
import { sipHash } from "./sip-hash";

/** Four 32-bit words; see {@link KvCacheOptions.hashKey}. */
export type HashKey = readonly [number, number, number, number];

/**
 * Computes the chain hashes of a request's full blocks:
 * `hash[i] = SipHash(key, hash[i - 1], tokens of block i, extra key of block i)`.
 *
 * The hash is keyed rather than cryptographic. It only has to find candidates: a hit compares the
 * block's tokens and extra key, and without the key nobody can aim at a collision further up.
 */
export class BlockHasher {
  readonly #blockSize: number;
  readonly #key: Int32Array;
  readonly #result = new Int32Array(2);
  #message: Int32Array;

  /** @param key Default: random, so that no two processes share hashes. */
  constructor(blockSize: number, key?: HashKey) {
    this.#blockSize = blockSize;
    this.#key = key ? Int32Array.from(key) : crypto.getRandomValues(new Int32Array(4));
    this.#message = new Int32Array(2 + blockSize);
  }

  /** Appends the missing hashes to `request.blockHashes`, two words per full block. */
  extend(request: Request): void {
    const numFullBlocks = Math.floor(request.numTokens / this.#blockSize);
    const hashes = request.blockHashes;
    for (let index = hashes.length / 2; index < numFullBlocks; index++) {
      const length = this.#writeMessage(request, index);
      sipHash(this.#key, this.#message, length, this.#result);
      hashes.append(this.#result);
    }
  }

  #writeMessage(request: Request, index: number): number {
    const hashes = request.blockHashes;
    const extraKey = request.extraKey(index, this.#blockSize);
    const start = index * this.#blockSize;
    const length = 2 + this.#blockSize + extraKey.length;
    if (this.#message.length < length) this.#message = new Int32Array(length);
    const message = this.#message;
    message[0] = index === 0 ? 0 : hashes.at(2 * index - 2);
    message[1] = index === 0 ? 0 : hashes.at(2 * index - 1);
    const tokens = request.tokenList.data;
    for (let position = 0; position < this.#blockSize; position++) {
      message[2 + position] = tokens[start + position] as number;
    }
    for (let position = 0; position < extraKey.length; position++) {
      message[2 + this.#blockSize + position] = extraKey.charCodeAt(position);
    }
    return length;
  }
}
