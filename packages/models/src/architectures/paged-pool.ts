import {
  bytesOf,
  type Device,
  DisposedError,
  empty,
  KernelProgram,
  keep,
  LimitError,
  type Tensor,
} from "@x/tensor";
import type { PagedCache, PagedCacheOptions } from "../causal-lm";
import { InvalidArgumentError } from "../errors";
import { PagedProgramState } from "./paged-program-state";
import type { SequenceBufferSizes } from "./sequence-buffers";

const elementBytes = Float32Array.BYTES_PER_ELEMENT;

/**
 * Keys and values of many sequences in one range of memory, float32
 * `[layers · 2 · Hkv, numBlocks · blockSize, D]`, keys before values in each layer: block `b` owns
 * the slots from `b · blockSize` on of every head (Kwon et al. 2023, section 4). Neighbouring blocks
 * are neighbours in memory too, so a run of them is read as one.
 */
export class PagedPool implements PagedCache {
  readonly numBlocks: number;
  readonly blockSize: number;
  readonly device: Device;
  readonly #sizes: SequenceBufferSizes;
  readonly #storage: Tensor;
  #disposed = false;

  /**
   * @throws {InvalidArgumentError} on sizes that are not positive integers. @throws {LimitError}
   * when the device has no such memory.
   */
  constructor(device: Device, sizes: SequenceBufferSizes, options: PagedCacheOptions) {
    this.numBlocks = positiveInteger("numBlocks", options.numBlocks);
    this.blockSize = positiveInteger("blockSize", options.blockSize);
    this.device = device;
    this.#sizes = sizes;
    const { layers, kvHeads, headDim } = sizes;
    const shape = [layers * 2 * kvHeads, this.numBlocks * this.blockSize, headDim];
    try {
      this.#storage = keep(empty(shape, { device }));
    } catch (cause) {
      if (!(cause instanceof LimitError)) throw cause;
      throw new LimitError(
        `createPagedCache: ${this.numBlocks} blocks of ${this.bytesPerBlock} bytes are more than the device has left; use fewer blocks`,
        { numBlocks: this.numBlocks, bytes: this.bytes },
        { cause },
      );
    }
  }

  get bytesPerBlock(): number {
    const { layers, kvHeads, headDim } = this.#sizes;
    return layers * 2 * kvHeads * this.blockSize * headDim * elementBytes;
  }

  get bytes(): number {
    return this.numBlocks * this.bytesPerBlock;
  }

  createState(): PagedProgramState {
    this.assertUsable("createState");
    return new PagedProgramState(this);
  }

  copyBlocks(copies: readonly { readonly source: number; readonly destination: number }[]): void {
    this.assertUsable("copyBlocks");
    for (const { source, destination } of copies) {
      this.assertBlock("copyBlocks", source);
      this.assertBlock("copyBlocks", destination);
    }
    const { layers, kvHeads, headDim } = this.#sizes;
    const bytes = bytesOf(this.#storage);
    const blockBytes = this.blockSize * headDim * elementBytes;
    for (const { source, destination } of copies) {
      for (let head = 0; head < layers * 2 * kvHeads; head++) {
        const first = head * this.numBlocks;
        const from = (first + source) * blockBytes;
        bytes.copyWithin((first + destination) * blockBytes, from, from + blockBytes);
      }
    }
  }

  /** Writes where layer `layer` lies, by the block table at `blockTable`, into a cache table. */
  describe(layer: number, blockTable: number, table: Int32Array, row: number): void {
    const { kvHeads, headDim } = this.#sizes;
    const headBytes = this.numBlocks * this.blockSize * headDim * elementBytes;
    const keys = KernelProgram.addressOf(this.#storage) + layer * 2 * kvHeads * headBytes;
    const values = keys + kvHeads * headBytes;
    KernelProgram.writeCache(table, row, { keys, values, headBytes, blockTable });
  }

  /** @throws {DisposedError} after `dispose()`. */
  assertUsable(caller: string): void {
    if (!this.#disposed) return;
    throw new DisposedError(
      `${caller}: the paged cache was disposed; make another with createPagedCache()`,
    );
  }

  /** @throws {InvalidArgumentError} when the pool has no such block. */
  assertBlock(caller: string, block: number): void {
    if (Number.isInteger(block) && block >= 0 && block < this.numBlocks) return;
    throw new InvalidArgumentError(
      `${caller}: block ${block} is not of the pool; use 0 to ${this.numBlocks - 1}`,
      { block, numBlocks: this.numBlocks },
    );
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#storage.dispose();
  }

  /** As `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

function positiveInteger(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError(
    `createPagedCache: ${name} is ${value}; use an integer of 1 or more`,
    { [name]: value },
  );
}
