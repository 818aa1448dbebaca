import type { Tensor } from "@x/tensor";
import type { AttentionAttributes } from "./attention-attributes";

/** Attributes of decoding: those of an attention over a cache. */
export interface DecodeAttributes extends AttentionAttributes {
  /** Blocks of each sequence, int32 `[B, most]`, filled up with 0; `undefined` for contiguous caches. */
  readonly blockTable: Int32Array | undefined;
  /** Blocks listed for each sequence. */
  readonly blocksPerSequence: number;
  /** Tokens of a block. */
  readonly blockSize: number;
  readonly splits: number;
}

/** Rows of a paged pool, or of a contiguous cache `[B, S, Hkv, D]`, that hold a sequence's keys. */
export function cacheRows(
  { blockTable, blocksPerSequence, blockSize, layout: { sequences } }: DecodeAttributes,
  cache: Tensor,
  index: number,
): number[] {
  const { keyLength = 0 } = sequences[index] ?? {};
  return Array.from({ length: keyLength }, (_, token) => {
    if (blockTable === undefined) return index * cache.dimension(1) + token;
    const slot = index * blocksPerSequence + Math.floor(token / blockSize);
    return (blockTable[slot] ?? 0) * blockSize + (token % blockSize);
  });
}
