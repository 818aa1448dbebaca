import type { CausalLM, PagedCache, PagedState } from "@x/models";
import type { ScheduledRequest, SchedulerOutput } from "@x/paged-scheduler";
import type { Tensor } from "@x/tensor";
import { type LogitRows, type ModelRunner, tokensOf } from "./model-runner";

/** Keys and values in the very blocks that the scheduler hands out: shared ones exist once. */
export class PagedRunner implements ModelRunner {
  readonly sharesPrefixes = true;
  readonly canRollBack = true;
  readonly #model: CausalLM;
  readonly #cache: PagedCache;
  readonly #states = new Map<string, PagedState>();

  /** Takes over `cache`: `dispose` disposes it. */
  constructor(model: CausalLM, cache: PagedCache) {
    this.#model = model;
    this.#cache = cache;
  }

  get numBlocks(): number {
    return this.#cache.numBlocks;
  }

  get blockSize(): number {
    return this.#cache.blockSize;
  }

  get cacheBytes(): number {
    return this.#cache.bytes;
  }

  forward(output: SchedulerOutput, rowsOf: (entry: ScheduledRequest) => LogitRows): Tensor {
    this.#cache.copyBlocks(output.copies);
    const chunks = output.scheduled.map((entry, index) => {
      const state = this.#stateOf(entry.id);
      state.assign(entry.blockTables[0] ?? [], entry.numComputedTokens);
      return { state, tokenIds: tokensOf(output, index), logits: rowsOf(entry) };
    });
    return this.#model.forward(chunks);
  }

  /** Nothing to do: the child reads its parent's blocks. */
  fork(): void {}

  release(id: string): void {
    this.#states.get(id)?.dispose();
    this.#states.delete(id);
  }

  dispose(): void {
    for (const id of [...this.#states.keys()]) this.release(id);
    this.#cache.dispose();
  }

  /** As `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #stateOf(id: string): PagedState {
    const known = this.#states.get(id);
    if (known !== undefined) return known;
    const state = this.#cache.createState();
    this.#states.set(id, state);
    return state;
  }
}
