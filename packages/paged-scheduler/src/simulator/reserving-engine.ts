import { BuddyAllocator } from "./buddy-allocator";
import type { MemoryUse, SimulatedEngine, SimulatedStep } from "./simulated-engine";
import type { TraceRequest } from "./trace";

/**
 * How much memory a request reserves, in one piece, before it runs (arXiv 2309.06180, section 6.1):
 * `max` for the longest sequence there may be, `power-of-two` for its prompt and its output rounded
 * up to a power of two, `oracle` for exactly what it will need, which no real system knows.
 */
export type Reservation = "max" | "power-of-two" | "oracle";

/** What the older systems are given. */
export interface ReservingOptions {
  readonly reservation: Reservation;
  /** Slots of the whole memory; rounded down to a power of two. */
  readonly numSlots: number;
  readonly maxModelLength: number;
  readonly maxSequences: number;
  readonly maxBatchedTokens: number;
}

/** One output of a request. */
interface Output {
  readonly index: number;
  readonly promptLength: number;
  readonly outputLength: number;
}

interface RunningOutput extends Output {
  readonly start: number;
  numGenerated: number;
}

/**
 * Continuous batching over contiguous reservations, first come, first served: a request joins the
 * batch when its reservation fits, and keeps it to its end. Nothing is shared or preempted.
 */
export class ReservingEngine implements SimulatedEngine {
  readonly numPreemptions = 0;
  readonly numRecomputedTokens = 0;
  readonly numCachedTokens = 0;
  readonly #options: ReservingOptions;
  readonly #memory: BuddyAllocator;
  readonly #waiting: Output[] = [];
  #running: RunningOutput[] = [];

  constructor(options: ReservingOptions) {
    this.#options = options;
    this.#memory = new BuddyAllocator(options.numSlots);
  }

  get numSlots(): number {
    return this.#memory.size;
  }

  get numLive(): number {
    return this.#waiting.length + this.#running.length;
  }

  /** Every output keeps its own copy of the prompt. */
  add(index: number, { promptLength, outputLengths }: TraceRequest): void {
    for (const outputLength of outputLengths) {
      this.#waiting.push({ index, promptLength, outputLength });
    }
  }

  step(): SimulatedStep {
    const started = new Set<number>();
    let numTokens = this.#running.length;
    while (this.#running.length < this.#options.maxSequences) {
      const next = this.#waiting[0];
      if (!next) break;
      const { promptLength } = next;
      if (numTokens > 0 && numTokens + promptLength > this.#options.maxBatchedTokens) break;
      const start = this.#memory.allocate(this.#reservation(next));
      if (start === undefined) break;
      this.#waiting.shift();
      this.#running.push({ ...next, start, numGenerated: 0 });
      started.add(next.index);
      numTokens += promptLength;
    }
    let numContextTokens = 0;
    for (const entry of this.#running) {
      numContextTokens += entry.promptLength + entry.numGenerated;
      entry.numGenerated++;
    }
    const done = this.#running.filter(
      ({ numGenerated, outputLength }) => numGenerated >= outputLength,
    );
    for (const { start } of done) this.#memory.free(start);
    this.#running = this.#running.filter((entry) => !done.includes(entry));
    const live = new Set([...this.#running, ...this.#waiting].map(({ index }) => index));
    const finished = new Set(done.map(({ index }) => index).filter((index) => !live.has(index)));
    return { numTokens, numContextTokens, started: [...started], finished: [...finished] };
  }

  memoryUse(): MemoryUse {
    // The token just sampled has no keys and values yet.
    const numUsefulSlots = this.#running.reduce(
      (sum, { promptLength, numGenerated }) => sum + promptLength + numGenerated - 1,
      0,
    );
    return {
      numRunning: this.#running.length,
      numWaiting: this.#waiting.length,
      numReservedSlots: this.#memory.numAllocated,
      numUsefulSlots,
      numTableBlocks: 0,
      numDistinctBlocks: 0,
    };
  }

  #reservation({ promptLength, outputLength }: Output): number {
    const { reservation, maxModelLength } = this.#options;
    switch (reservation) {
      case "max":
        return maxModelLength;
      case "power-of-two":
        return Math.min(maxModelLength, promptLength + 2 ** Math.ceil(Math.log2(outputLength)));
      case "oracle":
        return promptLength + outputLength;
      default:
        return reservation satisfies never;
    }
  }
}
