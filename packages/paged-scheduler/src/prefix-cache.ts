/** What one full block holds: everything that must agree before its keys and values are reused. */
export interface BlockContent {
  /** Index of the key/value group that the block belongs to. */
  readonly group: number;
  /** Chain hash of the block and all blocks before it, low half. */
  readonly hashLow: number;
  /** Chain hash, high half. */
  readonly hashHigh: number;
  /** Token ids, of which `blockSize` from `start` on are in the block. */
  readonly tokens: Int32Array;
  /** Position in `tokens` of the block's first token. */
  readonly start: number;
  /** Tagged adapter, salt and media of the block; empty when it has none. */
  readonly extraKey: string;
}

/**
 * Finds the block that holds given tokens after a given prefix: a hash table over the blocks
 * themselves. Every entry lives in arrays of fixed size, so the table cannot outgrow the pool, and
 * an entry is in the table exactly as long as its block holds that content.
 *
 * Equal blocks are not merged (a block table never changes under a running request), so one hash
 * can lead to several blocks. A hit compares the block's tokens and extra key, not only hashes.
 */
export class PrefixCache {
  readonly #blockSize: number;
  /** First block of each bucket. Block ids are stored plus one: zero means none. */
  readonly #buckets: Int32Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #hashes: Int32Array;
  /** Group of each cached block plus one; zero for a block that is not cached. */
  readonly #groups: Int32Array;
  readonly #tokens: Int32Array;
  /** Only blocks that have an extra key appear here. */
  readonly #extraKeys = new Map<number, string>();
  #size = 0;

  constructor(numBlocks: number, blockSize: number) {
    this.#blockSize = blockSize;
    this.#buckets = new Int32Array(2 ** Math.ceil(Math.log2(2 * numBlocks)));
    this.#next = new Int32Array(numBlocks);
    this.#previous = new Int32Array(numBlocks);
    this.#hashes = new Int32Array(2 * numBlocks);
    this.#groups = new Int32Array(numBlocks);
    this.#tokens = new Int32Array(numBlocks * blockSize);
  }

  /** How many blocks hold reusable content. */
  get size(): number {
    return this.#size;
  }

  /** Whether the block holds reusable content. */
  has(blockId: number): boolean {
    return this.#groups[blockId] !== 0;
  }

  /** The chain hash of a cached block, as 16 hexadecimal digits. */
  hash(blockId: number): string {
    return formatHash(this.#hashes[2 * blockId] as number, this.#hashes[2 * blockId + 1] as number);
  }

  /** The group of a cached block, or -1. */
  group(blockId: number): number {
    return (this.#groups[blockId] as number) - 1;
  }

  /** A block with exactly this content, or `undefined`. */
  find(content: BlockContent): number | undefined {
    let link = this.#buckets[this.#bucket(content.hashLow)] as number;
    for (; link !== 0; link = this.#next[link - 1] as number) {
      if (this.#holds(link - 1, content)) return link - 1;
    }
    return undefined;
  }

  /** Records what a block holds. The block must not be cached already. */
  insert(blockId: number, content: BlockContent): void {
    const { hashLow, hashHigh, tokens, start, extraKey } = content;
    this.#hashes[2 * blockId] = hashLow;
    this.#hashes[2 * blockId + 1] = hashHigh;
    this.#groups[blockId] = content.group + 1;
    const base = blockId * this.#blockSize;
    for (let index = 0; index < this.#blockSize; index++) {
      this.#tokens[base + index] = tokens[start + index] as number;
    }
    if (extraKey !== "") this.#extraKeys.set(blockId, extraKey);

    const bucket = this.#bucket(hashLow);
    const first = this.#buckets[bucket] as number;
    this.#next[blockId] = first;
    this.#previous[blockId] = 0;
    if (first !== 0) this.#previous[first - 1] = blockId + 1;
    this.#buckets[bucket] = blockId + 1;
    this.#size++;
  }

  /** Forgets what a block holds; returns false when it held nothing reusable. */
  remove(blockId: number): boolean {
    if (!this.has(blockId)) return false;
    const next = this.#next[blockId] as number;
    const previous = this.#previous[blockId] as number;
    if (next !== 0) this.#previous[next - 1] = previous;
    if (previous !== 0) this.#next[previous - 1] = next;
    else this.#buckets[this.#bucket(this.#hashes[2 * blockId] as number)] = next;
    this.#groups[blockId] = 0;
    this.#extraKeys.delete(blockId);
    this.#size--;
    return true;
  }

  /** Forgets everything. */
  clear(): void {
    this.#buckets.fill(0);
    this.#groups.fill(0);
    this.#extraKeys.clear();
    this.#size = 0;
  }

  #bucket(hashLow: number): number {
    return hashLow & (this.#buckets.length - 1);
  }

  #holds(blockId: number, content: BlockContent): boolean {
    if (
      this.#hashes[2 * blockId] !== content.hashLow ||
      this.#hashes[2 * blockId + 1] !== content.hashHigh ||
      this.#groups[blockId] !== content.group + 1 ||
      (this.#extraKeys.get(blockId) ?? "") !== content.extraKey
    ) {
      return false;
    }
    const base = blockId * this.#blockSize;
    for (let index = 0; index < this.#blockSize; index++) {
      if (this.#tokens[base + index] !== content.tokens[content.start + index]) return false;
    }
    return true;
  }
}

/** A 64-bit hash, given in halves, as 16 hexadecimal digits. */
export function formatHash(low: number, high: number): string {
  return [high, low].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
}
