import type { Tensor } from "@x/tensor";
import { positionRange, restoreRows, snapshotRows } from "../contiguous-rows";
import { CacheError, CacheOverflowError } from "../errors";
import type {
  CacheStore,
  CacheViews,
  LayerGeometry,
  LayerGroup,
  LayerSnapshot,
  LayerStore,
} from "../layer-store";
import type { PagedPool } from "../paged-pool";

/** Settings of {@link pagedStore}. */
export interface PagedStoreOptions {
  /** Where the blocks come from. It outlives the caches over it. */
  readonly pool: PagedPool;
}

/**
 * Keeps sequences in blocks of a shared pool, found through a table: no sequence reserves more than
 * one block beyond its length, and a fork shares all blocks until one side writes to a shared one,
 * which is copied then.
 */
export function pagedStore({ pool }: PagedStoreOptions): CacheStore {
  return {
    description: `paged(${pool.blockSize})`,
    open: (geometry, layers) => {
      assertSameGeometry(pool, geometry, layers);
      return groupOf(new BlockTable(pool, layers));
    },
  };
}

function assertSameGeometry(pool: PagedPool, geometry: LayerGeometry, layers: number): void {
  const { device, kvHeads, headDim } = pool.geometry;
  const isSame =
    device === geometry.device &&
    kvHeads === geometry.kvHeads &&
    headDim === geometry.headDim &&
    layers <= pool.layers;
  if (isSame) return;
  throw new CacheError(
    `pagedStore: the pool is for ${pool.layers} layers of ${kvHeads} × ${headDim}, the cache has ${layers} of ${geometry.kvHeads} × ${geometry.headDim}; make both alike, on one device`,
    { kvHeads, headDim, layers, poolLayers: pool.layers },
  );
}

function groupOf(table: BlockTable): LayerGroup {
  const layers = table.lengths.map((_, layer) => new PagedLayer(table, layer));
  return { layers, fork: () => groupOf(table.fork()) };
}

/** The blocks of one sequence, the same ids in every layer. */
class BlockTable {
  readonly pool: PagedPool;
  /** Tokens of each layer. */
  readonly lengths: number[];
  blocks: number[] = [];

  constructor(pool: PagedPool, layers: number) {
    this.pool = pool;
    this.lengths = new Array<number>(layers).fill(0);
  }

  /** Bytes in one layer; a shared block counts in parts, so that owners add up to the whole. */
  get layerBytes(): number {
    const share = (block: number) => this.pool.blockBytes / this.pool.references(block);
    return this.blocks.reduce((sum, block) => sum + share(block), 0);
  }

  /** Blocks that `tokens` more in `layer` would take from the pool, copies of shared ones included. */
  missingBlocks(layer: number, tokens: number): number {
    const { length, end, first } = this.#span(layer, tokens);
    if (end === length) return 0;
    const shared = this.blocks.slice(first).filter((block) => this.pool.references(block) > 1);
    const { blockSize } = this.pool;
    return shared.length + Math.max(0, Math.ceil(end / blockSize) - this.blocks.length);
  }

  /** Makes the slots of `tokens` more in `layer` this sequence's own, and gives them. */
  reserve(layer: number, tokens: number): Int32Array {
    const { length, end, first } = this.#span(layer, tokens);
    const { pool } = this;
    for (let index = first; index < this.blocks.length && end > length; index++) {
      const shared = this.blocks[index] ?? 0;
      if (pool.references(shared) < 2) continue;
      const own = pool.allocate();
      pool.copyBlocks([{ from: shared, to: own }]);
      pool.free(shared);
      this.blocks[index] = own;
    }
    while (this.blocks.length * pool.blockSize < end) this.blocks.push(pool.allocate());
    return positionRange(length, end).map((position) => {
      const block = this.blocks[Math.floor(position / pool.blockSize)] ?? 0;
      return block * pool.blockSize + (position % pool.blockSize);
    });
  }

  /** Gives back the blocks that no layer reaches. */
  trim(): void {
    const needed = Math.ceil(Math.max(...this.lengths) / this.pool.blockSize);
    for (const block of this.blocks.splice(needed)) this.pool.free(block);
  }

  fork(): BlockTable {
    const fork = new BlockTable(this.pool, this.lengths.length);
    fork.blocks = [...this.blocks];
    for (const [layer, length] of this.lengths.entries()) fork.lengths[layer] = length;
    for (const block of fork.blocks) this.pool.retain(block);
    return fork;
  }

  #span(layer: number, tokens: number): { length: number; end: number; first: number } {
    const length = this.lengths[layer] ?? 0;
    return { length, end: length + tokens, first: Math.floor(length / this.pool.blockSize) };
  }
}

class PagedLayer implements LayerStore {
  readonly #table: BlockTable;
  readonly #layer: number;

  constructor(table: BlockTable, layer: number) {
    this.#table = table;
    this.#layer = layer;
  }

  get length(): number {
    return this.#table.lengths[this.#layer] ?? 0;
  }

  get held(): number {
    return this.length;
  }

  get bytes(): number {
    return this.#table.layerBytes;
  }

  assertRoom(tokens: number): void {
    const { pool } = this.#table;
    const missing = this.#table.missingBlocks(this.#layer, tokens);
    if (missing <= pool.freeBlocks) return;
    throw new CacheOverflowError(
      `${tokens} tokens take ${missing} blocks, but ${pool.freeBlocks} of ${pool.blocks - 1} are free; free a sequence or make the pool larger`,
      { missing, freeBlocks: pool.freeBlocks },
    );
  }

  update(keys: Tensor, values: Tensor): CacheViews {
    this.append(keys, values);
    return this.view();
  }

  append(keys: Tensor, values: Tensor): void {
    const slots = this.#table.reserve(this.#layer, keys.dimension(0));
    this.#table.pool.write(this.#layer, slots, keys, values);
    this.#table.lengths[this.#layer] = this.length + slots.length;
  }

  view(): CacheViews {
    return this.#table.pool.gather(this.#layer, this.#table.blocks, this.length);
  }

  blockTable(): Int32Array {
    return Int32Array.from(this.#table.blocks);
  }

  positions(): Int32Array {
    return positionRange(0, this.length);
  }

  canCrop(): boolean {
    return true;
  }

  crop(length: number): void {
    this.#table.lengths[this.#layer] = Math.min(this.length, length);
    this.#table.trim();
  }

  snapshot(): LayerSnapshot {
    const { keys, values } = this.view();
    try {
      return snapshotRows({ keys, values }, this.length, this.positions());
    } finally {
      keys.dispose();
      values.dispose();
    }
  }

  restore(snapshot: LayerSnapshot): void {
    if (snapshot.length === 0) return;
    this.assertRoom(snapshot.length);
    using rows = restoreRows(this.#table.pool.geometry, snapshot);
    this.append(rows.keys, rows.values);
  }

  reset(): void {
    this.crop(0);
  }
}
