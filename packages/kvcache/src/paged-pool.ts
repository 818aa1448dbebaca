import { assign, DeviceError, embedding, empty, keep, type Tensor, tensor } from "@x/tensor";
import { assertEntries, assertSizes } from "./checks";
import { disposableViews, rowBytes } from "./contiguous-rows";
import { BlockError, CacheError, CacheOverflowError } from "./errors";
import type { CacheViews, LayerGeometry } from "./layer-store";

/** Settings of a {@link PagedPool}. */
export interface PagedPoolOptions extends LayerGeometry {
  /** Number of layers. */
  readonly layers: number;
  /** Blocks in all, block 0 included, which is never handed out. */
  readonly blocks: number;
  /** Tokens of a block. Default 16. */
  readonly blockSize?: number;
}

/** A block to copy, in all layers: by ids. */
export interface BlockCopy {
  readonly from: number;
  readonly to: number;
}

/**
 * The memory of paged caches (PagedAttention: Kwon et al. 2023, arXiv 2309.06180): per layer one
 * tensor of keys and one of values, `[blocks, blockSize, Hkv, D]`, reserved once. A token lies in
 * slot `block · blockSize + offset`.
 *
 * The pool can hand out blocks itself (`pagedStore` does so), or take the ids, slots and copies of
 * a scheduler such as `@x/paged-scheduler`, whose block 0 is reserved as well. A pool serves one of
 * the two: a scheduler that decides on blocks knows nothing of blocks taken by `allocate`.
 *
 * @example
 * ```ts
 * using pool = new PagedPool({ device, layers: 30, kvHeads: 3, headDim: 64, blocks: 256 });
 * pool.write(0, [17, 18, 19], keys, values); // by slots of a scheduler
 * ```
 */
export class PagedPool implements Disposable {
  readonly layers: number;
  readonly blocks: number;
  readonly blockSize: number;
  readonly geometry: LayerGeometry;
  readonly #keys: readonly Tensor[];
  readonly #values: readonly Tensor[];
  readonly #references: Int32Array;
  #free: number[];
  #disposed = false;

  /**
   * @throws {CacheError} when a size is not a positive integer, or there are fewer than 2 blocks.
   */
  constructor({ layers, blocks, blockSize = 16, ...geometry }: PagedPoolOptions) {
    const { device, kvHeads, headDim } = geometry;
    assertSizes("PagedPool", { layers, blockSize, kvHeads, headDim });
    assertSizes("PagedPool", { blocks }, 2);
    this.layers = layers;
    this.blocks = blocks;
    this.blockSize = blockSize;
    this.geometry = geometry;
    const made: Tensor[] = [];
    const make = () => {
      made.push(keep(empty([blocks, blockSize, kvHeads, headDim], { device })));
    };
    try {
      for (let index = 0; index < 2 * layers; index++) make();
    } catch (error) {
      for (const block of made) block.dispose();
      throw error;
    }
    this.#keys = made.slice(0, layers);
    this.#values = made.slice(layers);
    this.#references = new Int32Array(blocks);
    // Popped from the end: the lowest ids first, so that a lone sequence lies in one piece.
    this.#free = Array.from({ length: blocks - 1 }, (_, index) => blocks - 1 - index);
  }

  /** Blocks that can be handed out. */
  get freeBlocks(): number {
    return this.#free.length;
  }

  /** Bytes reserved. */
  get bytes(): number {
    if (this.#disposed) return 0;
    return this.layers * this.blocks * this.blockSize * rowBytes(this.geometry);
  }

  /** Bytes of one block in one layer. */
  get blockBytes(): number {
    return this.blockSize * rowBytes(this.geometry);
  }

  /** The keys of a layer, float32 `[blocks, blockSize, Hkv, D]`. The pool's: do not dispose. */
  keys(layer: number): Tensor {
    return this.#tensorOf(this.#keys, layer);
  }

  /** The values of a layer, float32 `[blocks, blockSize, Hkv, D]`. The pool's: do not dispose. */
  values(layer: number): Tensor {
    return this.#tensorOf(this.#values, layer);
  }

  /** Takes a block, with one reference. @throws {CacheOverflowError} when none is free. */
  allocate(): number {
    const block = this.#free.pop();
    if (block === undefined) {
      throw new CacheOverflowError(
        `the pool's ${this.blocks - 1} blocks are all in use; free a sequence or make the pool larger`,
        { blocks: this.blocks },
      );
    }
    this.#references[block] = 1;
    return block;
  }

  /** Adds a reference to a block in use. */
  retain(block: number): void {
    this.#assertInUse(block);
    this.#references[block] = this.references(block) + 1;
  }

  /** Drops a reference; with the last one the block is free. @throws {BlockError} when it is. */
  free(block: number): void {
    this.#assertInUse(block);
    const left = this.references(block) - 1;
    this.#references[block] = left;
    if (left === 0) this.#free.push(block);
  }

  /** Number of owners of a block. */
  references(block: number): number {
    return this.#references[block] ?? 0;
  }

  /**
   * Writes tokens into slots.
   *
   * @param slots - One slot per token, `block · blockSize + offset`, each once.
   * @param keys - float32 `[T, Hkv, D]`.
   * @param values - float32 `[T, Hkv, D]`.
   * @throws {BlockError} when a slot is not of the pool, or its block has several owners. Nothing
   * is written.
   */
  write(layer: number, slots: ArrayLike<number>, keys: Tensor, values: Tensor): void {
    const targets = [this.keys(layer), this.values(layer)];
    const tokens = assertEntries(this.geometry, keys, values);
    if (slots.length !== tokens) {
      throw new CacheError(`write: ${slots.length} slots for ${tokens} tokens; give one for each`, {
        slots: slots.length,
        tokens,
      });
    }
    for (let index = 0; index < tokens; index++) this.#assertWritable(slots[index] ?? -1);
    for (let start = 0; start < tokens; ) {
      let count = 1;
      const first = slots[start] ?? 0;
      while (start + count < tokens && slots[start + count] === first + count) count++;
      for (const [index, entries] of [keys, values].entries()) {
        const target = targets[index];
        if (target === undefined) continue;
        using rows = this.#rows(target);
        using window = rows.slice(0, first, first + count);
        using run = entries.slice(0, start, start + count);
        assign(window, run);
      }
      start += count;
    }
  }

  /** Copies blocks in all layers, in order. @throws {BlockError} when one is not of the pool. */
  copyBlocks(copies: readonly BlockCopy[]): void {
    for (const { from, to } of copies) {
      this.#assertBlock(from);
      this.#assertBlock(to);
    }
    for (const { from, to } of copies) {
      for (const pool of [...this.#keys, ...this.#values]) {
        using source = pool.slice(0, from, from + 1);
        using target = pool.slice(0, to, to + 1);
        assign(target, source);
      }
    }
  }

  /**
   * The first `length` tokens of a block table, for attention that wants them in one piece. Read in
   * place where the blocks follow each other, else copied.
   *
   * @returns Views `[Hkv, length, D]`. Dispose both.
   */
  gather(layer: number, blockTable: ArrayLike<number>, length: number): CacheViews & Disposable {
    const blocks = Math.ceil(length / this.blockSize);
    if (blocks > blockTable.length) {
      throw new BlockError(
        `gather: ${length} tokens take ${blocks} blocks, but the table has ${blockTable.length}; pass the whole table`,
        { length, blocks: blockTable.length },
      );
    }
    for (let index = 0; index < blocks; index++) this.#assertBlock(blockTable[index] ?? -1);
    const [keys, values] = [this.keys(layer), this.values(layer)];
    const first = blockTable[0] ?? 0;
    const isOnePiece = Array.from({ length: blocks }, (_, index) => blockTable[index]).every(
      (block, index) => block === first + index,
    );
    if (isOnePiece) {
      const start = first * this.blockSize;
      return disposableViews(
        this.#inPlace(keys, start, length),
        this.#inPlace(values, start, length),
      );
    }
    const slots = Int32Array.from({ length }, (_, index) => {
      const block = blockTable[Math.floor(index / this.blockSize)] ?? 0;
      return block * this.blockSize + (index % this.blockSize);
    });
    using ids = tensor(slots, [length], { device: this.geometry.device, dtype: "int32" });
    return disposableViews(this.#copied(keys, ids), this.#copied(values, ids));
  }

  /** Frees the memory. Caches over the pool cannot be used any more. Safe to call twice. */
  dispose(): void {
    this.#disposed = true;
    for (const pool of [...this.#keys, ...this.#values]) pool.dispose();
  }

  /** As `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #rows(pool: Tensor): Tensor {
    const { kvHeads, headDim } = this.geometry;
    return pool.reshape([this.blocks * this.blockSize, kvHeads, headDim]);
  }

  #inPlace(pool: Tensor, start: number, length: number): Tensor {
    using rows = this.#rows(pool);
    using window = rows.slice(0, start, start + length);
    return window.permute([1, 0, 2]);
  }

  #copied(pool: Tensor, ids: Tensor): Tensor {
    const { kvHeads, headDim } = this.geometry;
    using table = pool.reshape([this.blocks * this.blockSize, kvHeads * headDim]);
    using flat = embedding(table, ids); // [S, Hkv · D]
    using rows = flat.reshape([ids.size, kvHeads, headDim]);
    return rows.permute([1, 0, 2]);
  }

  #tensorOf(tensors: readonly Tensor[], layer: number): Tensor {
    const found = tensors[layer];
    if (found === undefined) {
      throw new CacheError(`the pool has no layer ${layer}; use 0 to ${this.layers - 1}`, {
        layer,
      });
    }
    if (this.#disposed) {
      throw new DeviceError("the pool was disposed; make another and fill it again");
    }
    return found;
  }

  #assertWritable(slot: number): void {
    const block = Math.floor(slot / this.blockSize);
    this.#assertBlock(block);
    if (this.references(block) < 2) return;
    throw new BlockError(
      `write: block ${block} has ${this.references(block)} owners; copy it first, as fork does`,
      { block, owners: this.references(block) },
    );
  }

  #assertBlock(block: number): void {
    if (Number.isInteger(block) && block >= 1 && block < this.blocks) return;
    throw new BlockError(`block ${block} is not of the pool; use 1 to ${this.blocks - 1}`, {
      block,
      blocks: this.blocks,
    });
  }

  #assertInUse(block: number): void {
    this.#assertBlock(block);
    if (this.references(block) > 0) return;
    throw new BlockError(`block ${block} is free; a block is freed once by each of its owners`, {
      block,
    });
  }
}
