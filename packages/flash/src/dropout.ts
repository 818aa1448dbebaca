import { LimitError, OutOfRangeError } from "@x/tensor";
import type { AttentionLayout } from "./layout";
import { speckEncrypt, speckRoundKeys } from "./speck";

/** Dropout of attention weights; the same seed drops the same ones. */
export interface AttentionDropout {
  /** Share of weights to drop, from 0 to below 1, in steps of 2^-16; the others grow by `1 / (1 - p)`. */
  readonly probability: number;
  /** Integer from 0 to below 2^32. */
  readonly seed: number;
}

/** Query and key indexes are 16-bit words of the generator's counter. */
const maximumLength = 2 ** 16;

/** What the kernels need to know of a dropout. */
export interface DropoutTable {
  /** A weight is dropped when its 16 random bits are below this. */
  readonly threshold: number;
  /** Factor of the weights that stay. */
  readonly keepScale: number;
  /** Round keys of each sequence and query head: int32 `[B, H, 22]`. */
  readonly roundKeys: Int32Array;
}

/** @throws {OutOfRangeError} for a probability or seed out of range. @throws {LimitError} for sequences of more than 65,536 tokens. */
export function assertDropout(
  { probability, seed }: AttentionDropout,
  layout: AttentionLayout,
): void {
  if (!(probability >= 0 && probability < 1)) {
    throw new OutOfRangeError(
      `flashAttention: a dropout probability of ${probability} is out of range; use 0 to below 1`,
      { probability },
    );
  }
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new OutOfRangeError(
      `flashAttention: dropout seed ${seed} is out of range; use an integer of 0 to 2^32 - 1`,
      { seed },
    );
  }
  for (const { queryLength, keyLength } of layout.sequences) {
    const length = Math.max(queryLength, keyLength);
    if (length <= maximumLength) continue;
    throw new LimitError(
      `flashAttention: dropout reaches ${maximumLength} tokens, a sequence has ${length}; split it or set no dropout`,
      { length, maximumLength },
    );
  }
}

/** Seeds the generator for each sequence and head. */
export function dropoutTable(dropout: AttentionDropout, layout: AttentionLayout): DropoutTable {
  const { batch, heads } = layout;
  const threshold = Math.round(dropout.probability * 2 ** 16);
  const keys: number[] = [];
  for (let index = 0; index < batch * heads; index++) keys.push(...keysOf(dropout.seed, index));
  return {
    threshold,
    keepScale: 1 / (1 - threshold / 2 ** 16),
    roundKeys: Int32Array.from(keys),
  };
}

/** Whether the weight of key `key` for query `query` stays, as the kernels decide it. */
export function isKept(table: DropoutTable, stream: number, query: number, key: number): boolean {
  const roundKeys = Uint16Array.from(table.roundKeys.subarray(stream * 22, (stream + 1) * 22));
  return speckEncrypt([key, query], roundKeys)[0] >= table.threshold;
}

function keysOf(seed: number, stream: number): Uint16Array {
  return speckRoundKeys([stream >>> 16, stream & 0xffff, seed >>> 16, seed & 0xffff]);
}
