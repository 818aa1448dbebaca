import type { Tensor } from "@x/tensor";
import { CacheError, UnknownSequenceError } from "./errors";
import type { CacheViews } from "./layer-store";
import { type CacheOptions, SequenceCache } from "./sequence-cache";

/** Handle of a sequence in a {@link KVCache}. Never given out twice. */
export type SequenceId = number;

/**
 * Keys and values of many sequences: a batch, the beams of a search, the users of a server. The
 * interface is the same for every store. A call that throws has changed nothing.
 *
 * @example
 * ```ts
 * using cache = new KVCache({ device, layers: 30, kvHeads: 3, headDim: 64, store: pagedStore({ pool }) });
 * const prompt = cache.add();
 * cache.append(prompt, 0, keys, values);
 * const beam = cache.fork(prompt);
 * const [best, second] = cache.reorder([beam, beam]); // both continue from `beam`
 * ```
 */
export class KVCache implements Disposable {
  readonly #options: CacheOptions;
  #sequences = new Map<SequenceId, SequenceCache>();
  #nextId: SequenceId = 0;

  /** @throws {CacheError} when a size is not a positive integer. */
  constructor(options: CacheOptions) {
    this.#options = options;
    new SequenceCache(options).dispose();
  }

  /** The sequences, in order. */
  get sequences(): readonly SequenceId[] {
    return [...this.#sequences.keys()];
  }

  /** Bytes of memory in use by all sequences; shared blocks count once. */
  get bytes(): number {
    let sum = 0;
    for (const cache of this.#sequences.values()) {
      for (let layer = 0; layer < cache.layers; layer++) sum += cache.layer(layer).bytes;
    }
    return Math.round(sum);
  }

  /** Adds an empty sequence. */
  add(): SequenceId {
    return this.#register(new SequenceCache(this.#options));
  }

  /** The cache of one sequence, for a model. */
  sequence(sequence: SequenceId): SequenceCache {
    const cache = this.#sequences.get(sequence);
    if (cache !== undefined) return cache;
    throw new UnknownSequenceError(
      `the cache has no sequence ${sequence}; it was never added, or removed before`,
      { sequence },
    );
  }

  /** Tokens that a layer of a sequence has taken in. */
  length(sequence: SequenceId, layer = 0): number {
    return this.sequence(sequence).length(layer);
  }

  /** As {@link SequenceCache.append}. */
  append(sequence: SequenceId, layer: number, keys: Tensor, values: Tensor): void {
    this.sequence(sequence).append(layer, keys, values);
  }

  /** As {@link SequenceCache.update}. */
  update(sequence: SequenceId, layer: number, keys: Tensor, values: Tensor): CacheViews {
    return this.sequence(sequence).update(layer, keys, values);
  }

  /** As {@link SequenceCache.view}. */
  view(sequence: SequenceId, layer: number): CacheViews {
    return this.sequence(sequence).view(layer);
  }

  /** As {@link SequenceCache.crop}. */
  crop(sequence: SequenceId, length: number): void {
    this.sequence(sequence).crop(length);
  }

  /** A copy of a sequence, under a handle of its own. */
  fork(sequence: SequenceId): SequenceId {
    return this.#register(this.sequence(sequence).fork());
  }

  /**
   * The sequences that a step of beam search goes on with: each named one, as often as it is named.
   * What is not named is removed.
   *
   * @returns A handle per entry of `order`. The first mention of a sequence keeps its handle, later
   * ones are forks.
   * @throws {UnknownSequenceError} when one is unknown.
   */
  reorder(order: readonly SequenceId[]): SequenceId[] {
    const caches = order.map((sequence) => this.sequence(sequence));
    const seen = new Set<SequenceId>();
    const next = new Map<SequenceId, SequenceCache>();
    const forks: SequenceCache[] = [];
    try {
      for (const [index, sequence] of order.entries()) {
        const cache = caches[index];
        if (cache === undefined) continue;
        if (seen.has(sequence)) {
          const fork = cache.fork();
          forks.push(fork);
          next.set(this.#nextId + forks.length - 1, fork);
        } else {
          seen.add(sequence);
          next.set(sequence, cache);
        }
      }
    } catch (error) {
      for (const fork of forks) fork.dispose();
      throw error;
    }
    for (const [sequence, cache] of this.#sequences) if (!seen.has(sequence)) cache.dispose();
    this.#nextId += forks.length;
    this.#sequences = next;
    return [...next.keys()];
  }

  /**
   * Keeps the given sequences, in the given order, and removes the others.
   *
   * @throws {UnknownSequenceError} when one is unknown. @throws {CacheError} when one comes twice.
   */
  select(sequences: readonly SequenceId[]): void {
    if (new Set(sequences).size !== sequences.length) {
      throw new CacheError("select: a sequence comes twice; use reorder() to fork it", {
        sequences,
      });
    }
    this.reorder(sequences);
  }

  /** Removes a sequence. @throws {UnknownSequenceError} when it was removed before. */
  remove(sequence: SequenceId): void {
    this.sequence(sequence).dispose();
    this.#sequences.delete(sequence);
  }

  /** Removes every sequence and frees their memory. */
  reset(): void {
    for (const cache of this.#sequences.values()) cache.dispose();
    this.#sequences.clear();
  }

  /** As {@link reset}. */
  dispose(): void {
    this.reset();
  }

  /** As `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #register(cache: SequenceCache): SequenceId {
    const id = this.#nextId++;
    this.#sequences.set(id, cache);
    return id;
  }
}
