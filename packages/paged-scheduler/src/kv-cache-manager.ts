import { BlockHasher, type HashKey } from "./block-hash";
import { BlockPool, nullBlock } from "./block-pool";
import type { BlockEventListener } from "./events";
import type { Int32List } from "./int32-list";
import { createKvGroup, type KvGroup, type KvGroupSpec } from "./kv-group";
import { type BlockContent, formatHash } from "./prefix-cache";
import type { Request } from "./request";

/** The key/value memory and how layers use it. */
export interface KvCacheOptions {
  /** Number of blocks, the null block included: one fewer is usable. At least 2. */
  readonly numBlocks: number;
  /** Tokens per block. Default 16. */
  readonly blockSize?: number;
  /** The kinds of layers, each with its own block tables. Default: full attention alone. */
  readonly groups?: readonly KvGroupSpec[];
  /** Reuse blocks of equal content. Default true. */
  readonly prefixCaching?: boolean;
  /** Key of the chain hashes. Default: random. Fix it to compare the hashes of events. */
  readonly hashKey?: HashKey;
  /** Called at each change of the prefix cache. */
  readonly onEvent?: BlockEventListener;
}

/** What of a request's tokens is in the cache. */
export interface PrefixHit {
  /** Tokens that need not be computed; a multiple of the block size. */
  readonly numTokens: number;
  /** Blocks of each group, one per position; the null block where the group needs none. */
  readonly blocks: readonly (readonly number[])[];
}

/** A block to copy before the step's tokens are written. */
export interface BlockCopy {
  /** Index of the key/value group. */
  readonly group: number;
  readonly source: number;
  readonly destination: number;
}

/** What an allocation changed. */
export interface Allocation {
  /** Blocks appended to the table of each group. */
  readonly newBlocks: readonly (readonly number[])[];
  /** Shared blocks that the request is about to write to and now has to itself. */
  readonly copies: readonly BlockCopy[];
}

/** How to allocate. */
export interface AllocateOptions {
  /** Blocks to reuse; only for a request that holds none. */
  readonly hit?: PrefixHit;
  /** Further slots for drafts whose keys and values a draft model writes. Default 0. */
  readonly numLookaheadTokens?: number;
  /** Refuse unless all tokens of the request would fit, not only the new ones. Default false. */
  readonly wholeSequence?: boolean;
  /** Free blocks to leave. Default 0. */
  readonly numReservedBlocks?: number;
}

const noHit: PrefixHit = { numTokens: 0, blocks: [] };

/**
 * Gives requests their blocks: finds shared prefixes, allocates, copies on write, releases what
 * fell out of a window. It knows nothing of budgets or queues; {@link Scheduler} does.
 */
export class KvCacheManager {
  readonly blockSize: number;
  readonly pool: BlockPool;
  readonly numGroups: number;
  readonly #groups: readonly KvGroup[];
  readonly #hasher: BlockHasher | undefined;
  readonly #onEvent: BlockEventListener | undefined;
  readonly #nothingNew: Allocation;
  /** Blocks made findable since the step began. */
  #cachedInStep: number[] = [];

  constructor(options: KvCacheOptions) {
    const { blockSize = 16, groups = [{ kind: "full-attention" }], prefixCaching = true } = options;
    this.blockSize = blockSize;
    this.#onEvent = options.onEvent;
    this.pool = new BlockPool(options.numBlocks, blockSize, options.onEvent);
    this.#groups = groups.map((spec) => createKvGroup(spec, blockSize));
    this.numGroups = groups.length;
    this.#hasher = prefixCaching ? new BlockHasher(blockSize, options.hashKey) : undefined;
    this.#nothingNew = { newBlocks: groups.map(() => []), copies: [] };
  }

  /**
   * Most blocks that one request of `numTokens` tokens holds at a time.
   *
   * @param chunk Most tokens that it is given in a step.
   */
  maxBlocks(numTokens: number, chunk: number): number {
    return this.#groups.reduce((sum, group) => sum + group.maxBlocks(numTokens, chunk), 0);
  }

  /**
   * The longest prefix of the request that every group can reuse. The last token is never part of
   * it, because its logits have to be computed.
   */
  lookUp(request: Request): PrefixHit {
    if (!this.#hasher || request.options.skipPrefixCache) return noHit;
    this.#hasher.extend(request);
    let length = Math.floor((request.numTokens - 1) / this.blockSize);
    const blocks: number[][] = [];
    // A group that needs a shorter prefix than the others shortens it for all: repeat until none does.
    for (let before = -1; before !== length; ) {
      before = length;
      this.#groups.forEach((group, index) => {
        const found = group.findHit(
          (block) => this.pool.find(this.#content(request, index, block)),
          length,
        );
        blocks[index] = found;
        length = found.length;
      });
      if (this.numGroups === 1) break;
    }
    return {
      numTokens: length * this.blockSize,
      blocks: blocks.map((found) => found.slice(0, length)),
    };
  }

  /**
   * Makes room for the next `numNewTokens` tokens of a request.
   *
   * @returns What changed, or `undefined`, with nothing taken, when there are too few free blocks.
   */
  allocate(
    request: Request,
    numNewTokens: number,
    options: AllocateOptions = {},
  ): Allocation | undefined {
    const { hit = noHit, numLookaheadTokens = 0, numReservedBlocks = 0 } = options;
    this.#releaseSkipped(request);

    const numComputed = request.numComputedTokens + hit.numTokens;
    // The last token of all is never written, so lookahead cannot reach past the one before it.
    const numSlots = Math.max(
      numComputed + numNewTokens,
      Math.min(numComputed + numNewTokens + numLookaheadTokens, request.maxTotalTokens - 1),
    );
    const numSlotBlocks = Math.ceil(numSlots / this.blockSize);
    const writeIndex = Math.floor(numComputed / this.blockSize);
    const writesInside = numComputed % this.blockSize !== 0;

    const mustOwn =
      writesInside && request.blockTables.some((table) => this.#isShared(table.at(writeIndex)));
    const numNeeded =
      this.#numNewBlocks(
        request,
        hit,
        numSlotBlocks,
        options.wholeSequence ?? false,
        numNewTokens,
      ) + (mustOwn ? this.#numCopies(request, writeIndex) : 0);
    if (numNeeded + numReservedBlocks > this.pool.numFreeBlocks) return undefined;
    if (numNeeded === 0 && !mustOwn && hit.numTokens === 0) return this.#nothingNew;

    // Reuse in every group before allocating in any, so that none takes a block another reuses.
    hit.blocks.forEach((reused, group) => {
      const table = request.blockTables[group] as Int32List;
      for (const id of reused) {
        if (id !== nullBlock) this.pool.retain(id);
        table.push(id);
      }
      request.numCachedBlocks[group] = reused.length;
      request.numSkippedBlocks[group] = reused.lastIndexOf(nullBlock) + 1;
    });
    const copies: BlockCopy[] = [];
    const newBlocks = request.blockTables.map((table, group) => {
      if (mustOwn) this.#own(table, group, writeIndex, copies);
      const added: number[] = [];
      while (table.length < numSlotBlocks) {
        const id = this.pool.allocate();
        table.push(id);
        added.push(id);
      }
      return added;
    });
    return { newBlocks, copies };
  }

  /**
   * Makes the request's full blocks findable.
   *
   * @param numTokens Tokens, from the first, whose keys and values are or will be in the blocks.
   *   Drafts do not count: only tokens of the request are hashed.
   */
  cacheBlocks(request: Request, numTokens: number): void {
    if (!this.#hasher) return;
    const numFull = Math.floor(Math.min(numTokens, request.numTokens) / this.blockSize);
    for (let group = 0; group < this.numGroups; group++) {
      const first = request.numCachedBlocks[group] as number;
      if (numFull <= first) continue;
      this.#hasher.extend(request);
      const stored: number[] = [];
      const table = request.blockTables[group] as Int32List;
      for (let index = first; index < numFull; index++) {
        const id = table.at(index);
        // A fork may have filled it in the cache already: the block is theirs together.
        if (id === nullBlock || this.pool.isCached(id)) continue;
        this.pool.cache(id, this.#content(request, group, index));
        this.#cachedInStep.push(id);
        stored.push(index);
      }
      request.numCachedBlocks[group] = numFull;
      if (this.#onEvent && stored.length > 0) this.#emitStored(request, group, stored);
    }
  }

  /**
   * Lets `child` share the blocks of `parent` that hold its first `child.numComputedTokens` tokens.
   *
   * @returns False, with nothing shared, when a window has already dropped blocks that the child
   *   would read.
   */
  fork(parent: Request, child: Request): boolean {
    const numComputed = child.numComputedTokens;
    const kept = this.#groups.every(
      (group, index) =>
        group.numSkippedBlocks(numComputed) >= (parent.numSkippedBlocks[index] as number),
    );
    if (!kept) return false;
    const numFull = Math.floor(numComputed / this.blockSize);
    const numShared = Math.ceil(numComputed / this.blockSize);
    parent.blockTables.forEach((table, group) => {
      for (let index = 0; index < numShared; index++) {
        const id = table.at(index);
        if (id !== nullBlock) this.pool.retain(id);
        child.blockTables[group]?.push(id);
      }
      child.numCachedBlocks[group] = Math.min(numFull, parent.numCachedBlocks[group] as number);
      child.numSkippedBlocks[group] = parent.numSkippedBlocks[group] as number;
    });
    return true;
  }

  /** Gives up all blocks of a request, its last block first. */
  free(request: Request): void {
    request.blockTables.forEach((table, group) => {
      this.pool.release([...table.view()].reverse());
      table.truncate(0);
      request.numCachedBlocks[group] = 0;
      request.numSkippedBlocks[group] = 0;
    });
  }

  /** Begins a step: what was cached before it stays cached, whatever becomes of it. */
  beginStep(): void {
    this.#cachedInStep = [];
  }

  /** Makes unfindable what was cached since the step began: nobody has computed it. */
  discardStep(): void {
    for (const id of this.#cachedInStep) this.pool.uncache(id);
    this.beginStep();
  }

  #content(request: Request, group: number, index: number): BlockContent {
    return {
      group,
      hashLow: request.blockHashes.at(2 * index),
      hashHigh: request.blockHashes.at(2 * index + 1),
      tokens: request.tokenList.data,
      start: index * this.blockSize,
      extraKey: request.extraKey(index, this.blockSize),
    };
  }

  #releaseSkipped(request: Request): void {
    for (let index = 0; index < this.numGroups; index++) {
      const first = request.numSkippedBlocks[index] as number;
      const group = this.#groups[index] as KvGroup;
      const end = group.numSkippedBlocks(request.numComputedTokens);
      if (end <= first) continue;
      const table = request.blockTables[index] as Int32List;
      const released: number[] = [];
      for (let block = end - 1; block >= first; block--) {
        released.push(table.at(block));
        table.set(block, nullBlock);
      }
      this.pool.release(released);
      request.numSkippedBlocks[index] = end;
    }
  }

  /** Free blocks that the tables of a request would take, reused ones that are free included. */
  #numNewBlocks(
    request: Request,
    hit: PrefixHit,
    numSlotBlocks: number,
    wholeSequence: boolean,
    numNewTokens: number,
  ): number {
    let sum = 0;
    for (let index = 0; index < this.numGroups; index++) {
      const numHeld = (request.blockTables[index] as Int32List).length;
      const reused = hit.blocks[index] ?? [];
      let numNew = Math.max(0, numSlotBlocks - numHeld - reused.length);
      if (wholeSequence) {
        const group = this.#groups[index] as KvGroup;
        const numLive = reused.reduce((count, id) => (id === nullBlock ? count : count + 1), 0);
        numNew = Math.max(numNew, group.maxBlocks(request.numTokens, numNewTokens) - numLive);
      }
      for (const id of reused) if (id !== nullBlock && this.pool.refCount(id) === 0) numNew++;
      sum += numNew;
    }
    return sum;
  }

  #numCopies(request: Request, index: number): number {
    return request.blockTables.filter((table) => this.pool.refCount(table.at(index)) > 1).length;
  }

  /** Whether others read what a block holds, now or through the cache: it cannot be written to. */
  #isShared(id: number): boolean {
    return this.pool.refCount(id) > 1 || this.pool.isCached(id);
  }

  /** Lets a request have the block that it is about to write to for itself. */
  #own(table: Int32List, group: number, index: number, copies: BlockCopy[]): void {
    const source = table.at(index);
    if (this.pool.refCount(source) === 1) {
      // A fork from before the block was full outlived the request that filled it.
      this.pool.uncache(source);
      return;
    }
    const destination = this.pool.allocate();
    table.set(index, destination);
    this.pool.release([source]);
    copies.push({ group, source, destination });
  }

  #emitStored(request: Request, group: number, indexes: readonly number[]): void {
    const hash = (index: number) =>
      formatHash(request.blockHashes.at(2 * index), request.blockHashes.at(2 * index + 1));
    const table = request.blockTables[group] as Int32List;
    const first = indexes[0] as number;
    this.#onEvent?.({
      type: "blocks-stored",
      group,
      blockIds: indexes.map((index) => table.at(index)),
      hashes: indexes.map(hash),
      parentHash: first === 0 ? undefined : hash(first - 1),
      tokens: indexes.flatMap((index) => [
        ...request.tokenList.view(index * this.blockSize, (index + 1) * this.blockSize),
      ]),
    });
  }
}
