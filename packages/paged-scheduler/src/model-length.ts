import { InvalidArgumentError } from "./errors";
import type { KvCacheManager } from "./kv-cache-manager";
import type { ResolvedOptions } from "./scheduler-options";

/** No sequence is longer than this, whatever the pool could hold. */
const longestSequence = 2 ** 30;

/**
 * The longest sequence, prompt included, that an otherwise empty pool can run to its end.
 *
 * @throws InvalidArgumentError when `maxModelLength` is given and is longer.
 */
export function resolveMaxModelLength(options: ResolvedOptions, cache: KvCacheManager): number {
  const { maxModelLength, maxBatchedTokens, numLookaheadTokens, chunkedPrefill } = options;
  const { numUsableBlocks } = cache.pool;
  // The last token of a sequence is never computed: it needs no slot and no budget.
  const numBlocks = (length: number) =>
    cache.maxBlocks(length - 1, maxBatchedTokens + numLookaheadTokens);
  const fits = (length: number) =>
    numBlocks(length) <= numUsableBlocks && (chunkedPrefill || length - 1 <= maxBatchedTokens);

  if (maxModelLength !== undefined) {
    if (Number.isInteger(maxModelLength) && maxModelLength >= 2 && fits(maxModelLength)) {
      return maxModelLength;
    }
    throw new InvalidArgumentError(
      `maxModelLength ${maxModelLength} is not possible; it is a whole number from 2, needs ${numBlocks(maxModelLength)} of ${numUsableBlocks} usable blocks and, without chunkedPrefill, as many maxBatchedTokens`,
      { maxModelLength, numUsableBlocks, maxBatchedTokens },
    );
  }
  let low = 1;
  let high = longestSequence;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}
