import type { BlockEventListener } from "./events";
import { FreeBlockQueue } from "./free-block-queue";
import { type BlockContent, PrefixCache } from "./prefix-cache";

/** Block 0 stands for "no block here" in block tables and is never handed out. */
export const nullBlock = 0;

/**
 * All blocks of the key/value memory: who is free, how many owners each has, and which contents
 * can be found again. A block is free or referenced, never both; a free block keeps its content
 * findable until it is handed out again.
 */
export class BlockPool {
  /** Number of blocks, the null block included. */
  readonly numBlocks: number;
  readonly #free: FreeBlockQueue;
  readonly #cache: PrefixCache;
  readonly #refCounts: Int32Array;
  readonly #onEvent: BlockEventListener | undefined;

  constructor(numBlocks: number, blockSize: number, onEvent?: BlockEventListener) {
    this.numBlocks = numBlocks;
    this.#free = new FreeBlockQueue(numBlocks, nullBlock + 1);
    this.#cache = new PrefixCache(numBlocks, blockSize);
    this.#refCounts = new Int32Array(numBlocks);
    this.#onEvent = onEvent;
  }

  /** Blocks that can be handed out at all: every one but the null block. */
  get numUsableBlocks(): number {
    return this.numBlocks - 1;
  }

  /** Blocks that nobody references now. */
  get numFreeBlocks(): number {
    return this.#free.length;
  }

  /** Blocks whose content can be found, referenced or free. */
  get numCachedBlocks(): number {
    return this.#cache.size;
  }

  /** Share of usable blocks that are referenced, 0 to 1. */
  get usage(): number {
    return 1 - this.numFreeBlocks / this.numUsableBlocks;
  }

  /** Free blocks in the order in which they will be handed out. */
  get freeBlocks(): Iterable<number> {
    return this.#free;
  }

  /** Number of owners. */
  refCount(blockId: number): number {
    return this.#refCounts[blockId] as number;
  }

  /** Whether the block's content can be found. */
  isCached(blockId: number): boolean {
    return this.#cache.has(blockId);
  }

  /** A block with exactly this content, or `undefined`. */
  find(content: BlockContent): number | undefined {
    return this.#cache.find(content);
  }

  /**
   * Hands out the block that has been free the longest, with one owner and no content.
   *
   * @throws OutOfBlocksError when every block is referenced.
   */
  allocate(): number {
    const blockId = this.#free.pop();
    this.uncache(blockId);
    this.#refCounts[blockId] = 1;
    return blockId;
  }

  /** Adds an owner; a free block leaves the free queue. */
  retain(blockId: number): void {
    if (this.#refCounts[blockId] === 0) this.#free.remove(blockId);
    (this.#refCounts[blockId] as number)++;
  }

  /**
   * Removes one owner of each block. Blocks that nobody owns any more become free: those that no
   * look-up can find are handed out next, the others last (least recently used first).
   *
   * @param blockIds In the order in which they should be handed out again: a sequence's last block
   *   first, because a shorter prefix is the likelier hit. Null blocks are passed over.
   */
  release(blockIds: readonly number[]): void {
    const unfindable: number[] = [];
    for (const blockId of blockIds) {
      if (blockId === nullBlock || --(this.#refCounts[blockId] as number) > 0) continue;
      if (this.#cache.has(blockId)) this.#free.append(blockId);
      else unfindable.push(blockId);
    }
    this.#free.prepend(unfindable);
  }

  /** Makes a block's content findable. */
  cache(blockId: number, content: BlockContent): void {
    this.#cache.insert(blockId, content);
  }

  /** Makes a block's content unfindable; nothing happens when it already is. */
  uncache(blockId: number): void {
    if (!this.#cache.has(blockId)) return;
    this.#onEvent?.({
      type: "block-removed",
      group: this.#cache.group(blockId),
      blockId,
      hash: this.#cache.hash(blockId),
    });
    this.#cache.remove(blockId);
  }

  /** Makes every content unfindable. Refused (false) while any block is referenced. */
  reset(): boolean {
    if (this.numFreeBlocks !== this.numUsableBlocks) return false;
    this.#cache.clear();
    this.#onEvent?.({ type: "cache-cleared" });
    return true;
  }
}
