import { type Device, DisposedError, KernelProgram } from "@x/tensor";
import type { PagedState } from "../causal-lm";
import { InvalidArgumentError } from "../errors";
import { type IntegerTable, integerTable } from "./integer-table";
import type { PagedPool } from "./paged-pool";
import { ProgramState } from "./program-state";

/** Blocks that a table has room for at first; doubled as needed. */
const initialBlocks = 15;

/** A sequence whose tokens lie in blocks of a {@link PagedPool}, as its block table says. */
export class PagedProgramState extends ProgramState implements PagedState {
  readonly pool: PagedPool;
  /** The tokens of a block, then the sequence's blocks by position. */
  #table: IntegerTable | undefined;
  #blocks = 0;
  #revision = 0;
  #disposed = false;

  constructor(pool: PagedPool) {
    super();
    this.pool = pool;
  }

  get device(): Device {
    return this.pool.device;
  }

  get bytes(): number {
    return this.#blocks * this.pool.bytesPerBlock;
  }

  get revision(): number {
    return this.#revision;
  }

  assign(blockIds: ArrayLike<number>, length: number): void {
    this.#assertUsable("assign");
    const { pool } = this;
    for (let index = 0; index < blockIds.length; index++) {
      pool.assertBlock("assign", blockIds[index] ?? Number.NaN);
    }
    const capacity = blockIds.length * pool.blockSize;
    if (!Number.isInteger(length) || length < 0 || length > capacity) {
      throw new InvalidArgumentError(
        `assign: ${blockIds.length} blocks of ${pool.blockSize} tokens cannot hold ${length}; use 0 to ${capacity}, or more blocks`,
        { length, blocks: blockIds.length, blockSize: pool.blockSize },
      );
    }
    this.#reserveBlocks(blockIds.length).set(blockIds, 1);
    this.#blocks = blockIds.length;
    super.crop(0);
    this.advance(length);
  }

  assertRoom(tokens: number): void {
    this.#assertUsable("forward");
    const total = this.length + tokens;
    const { blockSize } = this.pool;
    if (total <= this.#blocks * blockSize) return;
    throw new InvalidArgumentError(
      `forward: ${total} tokens need ${Math.ceil(total / blockSize)} blocks of ${blockSize}, but the state has ${this.#blocks}; assign more`,
      { total, blocks: this.#blocks, blockSize },
    );
  }

  reserve(): void {
    // The blocks are the caller's to hand out.
  }

  /** The slot of the token at `position`, which the blocks cover. */
  slotOf(position: number): number {
    const { blockSize } = this.pool;
    const block = this.#table?.values[1 + Math.floor(position / blockSize)] ?? 0;
    return block * blockSize + (position % blockSize);
  }

  describe(layer: number, table: Int32Array, row: number): void {
    if (this.#table === undefined) return;
    const blockTable = KernelProgram.addressOf(this.#table.tensor);
    this.pool.describe(layer, blockTable, table, row);
  }

  fork(): never {
    throw new InvalidArgumentError(
      "fork: the caller hands out the blocks of a paged state; assign others to a new state, and copy with copyBlocks()",
    );
  }

  override dispose(): void {
    this.#disposed = true;
    this.#table?.tensor.dispose();
    this.#table = undefined;
    this.#blocks = 0;
    super.dispose();
  }

  #reserveBlocks(blocks: number): Int32Array {
    const present = this.#table?.values;
    if (present !== undefined && present.length > blocks) return present;
    let capacity = present?.length ?? 1 + initialBlocks;
    while (capacity <= blocks) capacity *= 2;
    const grown = integerTable(this.device, [capacity]);
    grown.values[0] = this.pool.blockSize;
    this.#table?.tensor.dispose();
    this.#table = grown;
    this.#revision++;
    return grown.values;
  }

  #assertUsable(caller: string): void {
    this.pool.assertUsable(caller);
    if (!this.#disposed) return;
    throw new DisposedError(`${caller}: the state was disposed; make another with createState()`);
  }
}

/** Tokens that a batch appends to a state. */
interface Appended {
  readonly state: unknown;
  readonly tokenIds: ArrayLike<number>;
}

/**
 * Checks that no two tokens of a batch go to the same slot.
 *
 * @throws {InvalidArgumentError} when two do. Their states must have room.
 */
export function assertDistinctSlots(batch: readonly Appended[]): void {
  const written = new Map<PagedPool, Set<number>>();
  for (const { state, tokenIds } of batch) {
    if (!(state instanceof PagedProgramState)) continue;
    const slots = written.get(state.pool) ?? new Set();
    written.set(state.pool, slots);
    const expected = slots.size + tokenIds.length;
    for (let index = 0; index < tokenIds.length; index++) {
      slots.add(state.slotOf(state.length + index));
    }
    if (slots.size === expected) continue;
    throw new InvalidArgumentError(
      "forward: two tokens of the batch would be written to one slot; give each sequence blocks of its own from its length on",
      { length: state.length, tokens: tokenIds.length },
    );
  }
}
