/**
 * Contiguous memory by halving: a request of `size` gets a run of the next power of two, split off
 * a larger one; two free halves join again (Knuth, The Art of Computer Programming, 2.5). This is
 * how systems before paging are assumed to have placed their caches (arXiv 2309.06180, section 6).
 */
export class BuddyAllocator {
  readonly size: number;
  /** Free runs by the logarithm of their size. */
  readonly #free: Set<number>[];
  /** Logarithm of the size of each run that is handed out. */
  readonly #orders = new Map<number, number>();
  #numAllocated = 0;

  /** @param size Total size; rounded down to a power of two. */
  constructor(size: number) {
    const order = Math.floor(Math.log2(size));
    this.size = 2 ** order;
    this.#free = Array.from({ length: order + 1 }, () => new Set<number>());
    this.#free[order]?.add(0);
  }

  /** Size of all runs handed out. */
  get numAllocated(): number {
    return this.#numAllocated;
  }

  /** Start of a run of at least `size`, or `undefined` when none is free. */
  allocate(size: number): number | undefined {
    const order = Math.ceil(Math.log2(Math.max(1, size)));
    let found = order;
    while (found < this.#free.length && this.#free[found]?.size === 0) found++;
    const [start] = this.#free[found] ?? [];
    if (start === undefined) return undefined;
    this.#free[found]?.delete(start);
    for (let half = found - 1; half >= order; half--) this.#free[half]?.add(start + 2 ** half);
    this.#orders.set(start, order);
    this.#numAllocated += 2 ** order;
    return start;
  }

  /** Gives a run back. */
  free(start: number): void {
    let order = this.#orders.get(start) ?? 0;
    this.#orders.delete(start);
    this.#numAllocated -= 2 ** order;
    let run = start;
    for (; order < this.#free.length - 1; order++) {
      const buddy = run ^ (2 ** order);
      if (!this.#free[order]?.delete(buddy)) break;
      run = Math.min(run, buddy);
    }
    this.#free[order]?.add(run);
  }
}
