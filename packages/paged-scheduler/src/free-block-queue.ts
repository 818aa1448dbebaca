import { OutOfBlocksError } from "./errors";

/**
 * Free blocks in the order in which they will be handed out: a doubly linked list threaded through
 * two arrays, so that taking a block out of the middle (a prefix-cache hit) costs the same as
 * taking the first, and nothing is allocated after construction.
 *
 * @example
 * ```ts
 * const queue = new FreeBlockQueue(3); // 0, 1, 2
 * queue.remove(1);
 * queue.append(1);
 * queue.pop(); // 0
 * ```
 */
export class FreeBlockQueue {
  /** Links by block id. The last element is the sentinel that closes the ring. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #sentinel: number;
  #length: number;

  /**
   * @param numBlocks Block ids run from 0 to `numBlocks - 1`.
   * @param first The lowest id that starts out free; those below it never enter by themselves.
   */
  constructor(numBlocks: number, first = 0) {
    this.#sentinel = numBlocks;
    this.#length = numBlocks - first;
    this.#next = new Int32Array(numBlocks + 1);
    this.#previous = new Int32Array(numBlocks + 1);
    for (let id = first; id <= numBlocks; id++) {
      this.#next[id] = id + 1;
      this.#previous[id] = id - 1;
    }
    this.#link(numBlocks, first);
    if (first < numBlocks) this.#link(numBlocks - 1, numBlocks);
  }

  /** How many blocks are free. */
  get length(): number {
    return this.#length;
  }

  /**
   * Takes the first block.
   *
   * @throws OutOfBlocksError when the queue is empty.
   */
  pop(): number {
    const id = this.#next[this.#sentinel] as number;
    if (id === this.#sentinel) {
      throw new OutOfBlocksError("no block is free; check `length` before `pop`");
    }
    this.remove(id);
    return id;
  }

  /** Takes out a block that is known to be in the queue, wherever it stands. */
  remove(id: number): void {
    this.#link(this.#previous[id] as number, this.#next[id] as number);
    this.#length--;
  }

  /** Adds a block at the end: it is handed out last. */
  append(id: number): void {
    this.#insert(this.#previous[this.#sentinel] as number, id);
  }

  /** Adds blocks at the front, keeping their order: `ids[0]` is handed out next. */
  prepend(ids: readonly number[]): void {
    let before = this.#sentinel;
    for (const id of ids) {
      this.#insert(before, id);
      before = id;
    }
  }

  /** The free blocks, first to last. */
  *[Symbol.iterator](): Generator<number> {
    let id = this.#next[this.#sentinel] as number;
    for (; id !== this.#sentinel; id = this.#next[id] as number) yield id;
  }

  #insert(before: number, id: number): void {
    this.#link(id, this.#next[before] as number);
    this.#link(before, id);
    this.#length++;
  }

  #link(before: number, after: number): void {
    this.#next[before] = after;
    this.#previous[after] = before;
  }
}
