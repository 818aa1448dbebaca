import type { Tensor } from "@x/tensor";
import { assertSizes } from "../checks";
import { ContiguousRows, restoreRows, snapshotRows } from "../contiguous-rows";
import { CacheError } from "../errors";
import { type EvictionPolicy, recentPolicy } from "../eviction-policy";
import {
  type CacheStore,
  type CacheViews,
  type ForkableLayer,
  independentLayers,
  type LayerGeometry,
  type LayerSnapshot,
} from "../layer-store";

/** Settings of {@link boundedStore}. */
export interface BoundedStoreOptions {
  /** Entries kept between steps. While a chunk of `T` tokens is attended, `T` more. */
  readonly maxTokens: number;
  /** Who stays. Default {@link recentPolicy}. */
  readonly policy?: EvictionPolicy;
}

/**
 * Keeps the entries that a policy chooses, with the positions that they had. A step first brings
 * the layer back to `maxTokens - T` where it can, then adds its `T` tokens.
 *
 * Policies that look at attention weights get them through `observe`, after each step.
 *
 * @throws {CacheError} when `maxTokens` is not a positive integer.
 */
export function boundedStore({
  maxTokens,
  policy = recentPolicy(),
}: BoundedStoreOptions): CacheStore {
  assertSizes("boundedStore", { maxTokens });
  return {
    description: `bounded(${maxTokens}, ${policy.name})`,
    open: (geometry, layers) =>
      independentLayers(
        Array.from({ length: layers }, () => new BoundedLayer(geometry, { maxTokens, policy })),
      ),
  };
}

interface Entry {
  readonly position: number;
  score: number;
  recentScore: number;
}

class BoundedLayer implements ForkableLayer {
  readonly #geometry: LayerGeometry;
  readonly #settings: Required<BoundedStoreOptions>;
  readonly #rows: ContiguousRows;
  #entries: Entry[] = [];
  #length = 0;
  #isEvicted = false;
  readonly observe: ((weights: Tensor) => void) | undefined;

  constructor(
    geometry: LayerGeometry,
    settings: Required<BoundedStoreOptions>,
    rows = new ContiguousRows(geometry),
  ) {
    this.#geometry = geometry;
    this.#settings = settings;
    this.#rows = rows;
    if (settings.policy.needsWeights) this.observe = (weights) => this.#observe(weights);
  }

  get length(): number {
    return this.#length;
  }

  get held(): number {
    return this.#entries.length;
  }

  get bytes(): number {
    return this.#rows.bytes;
  }

  update(keys: Tensor, values: Tensor): CacheViews {
    this.append(keys, values);
    return this.#rows.views();
  }

  append(keys: Tensor, values: Tensor): void {
    const tokens = keys.dimension(0);
    const { maxTokens } = this.#settings;
    // A chunk that is longer than the bound still attends to what the bound allows.
    this.#evictTo(tokens > maxTokens ? maxTokens : maxTokens - tokens);
    const needed = this.held + tokens;
    if (needed > this.#rows.capacity) this.#rows.reserve(Math.max(maxTokens, needed));
    this.#rows.append(keys, values);
    for (let index = 0; index < tokens; index++) {
      this.#entries.push({ position: this.#length + index, score: 0, recentScore: 0 });
    }
    this.#length += tokens;
  }

  view(): CacheViews {
    return this.#rows.views();
  }

  positions(): Int32Array {
    return Int32Array.from(this.#entries, ({ position }) => position);
  }

  canCrop(length: number): boolean {
    return length === 0 || length === this.#length || !this.#isEvicted;
  }

  crop(length: number): void {
    this.#entries = this.#entries.filter(({ position }) => position < length);
    this.#rows.truncate(this.#entries.length);
    this.#length = length;
    if (length === 0) this.#isEvicted = false;
  }

  evict(): void {
    this.#evictTo(this.#settings.maxTokens);
  }

  keepEntries(indexes: readonly number[]): void {
    if (indexes.length === this.held) return;
    this.#rows.keepRows(indexes);
    this.#entries = indexes.flatMap((index) => this.#entries[index] ?? []);
    this.#isEvicted = true;
  }

  #observe(weights: Tensor): void {
    const [heads = 0, tokens = 0, held = 0] = weights.shape;
    if (held !== this.held) {
      throw new CacheError(
        `observe: weights of ${held} entries given, but the layer holds ${this.held}; observe after each update`,
        { given: held, held: this.held },
      );
    }
    const { observationWindow = 0 } = this.#settings.policy;
    const data = weights.dataSync();
    for (const entry of this.#entries) entry.recentScore = 0;
    for (let row = 0; row < heads * tokens; row++) {
      const isRecent = (row % tokens) + observationWindow >= tokens;
      for (const [index, entry] of this.#entries.entries()) {
        const weight = data[row * held + index] ?? 0;
        entry.score += weight;
        if (isRecent) entry.recentScore += weight;
      }
    }
  }

  fork(): BoundedLayer {
    const fork = new BoundedLayer(this.#geometry, this.#settings, this.#rows.copy());
    fork.#entries = this.#entries.map((entry) => ({ ...entry }));
    fork.#length = this.#length;
    fork.#isEvicted = this.#isEvicted;
    return fork;
  }

  snapshot(): LayerSnapshot {
    using views = this.#rows.views();
    return snapshotRows(views, this.#length, this.positions());
  }

  restore(snapshot: LayerSnapshot): void {
    const { length, positions } = snapshot;
    if (length === 0) return;
    using rows = restoreRows(this.#geometry, snapshot);
    this.#rows.reserve(Math.max(this.#settings.maxTokens, positions.length));
    this.#rows.append(rows.keys, rows.values);
    this.#entries = positions.map((position) => ({ position, score: 0, recentScore: 0 }));
    this.#length = length;
    this.#isEvicted = positions.length < length;
  }

  reset(): void {
    this.#rows.reset();
    this.#entries = [];
    this.#length = 0;
    this.#isEvicted = false;
  }

  #evictTo(keep: number): void {
    if (this.held <= keep) return;
    const { policy } = this.#settings;
    const selected = policy.select({
      positions: this.positions(),
      scores: Float64Array.from(this.#entries, ({ score }) => score),
      recentScores: Float64Array.from(this.#entries, ({ recentScore }) => recentScore),
      keep,
    });
    const indexes = [...new Set(selected)].sort((left, right) => left - right);
    const isValid = indexes.every((index) => index >= 0 && index < this.held);
    if (indexes.length !== keep || !isValid) {
      throw new CacheError(
        `the policy "${policy.name}" chose ${indexes.length} entries; select ${keep} different ones of ${this.held}`,
        { policy: policy.name, keep, held: this.held },
      );
    }
    this.keepEntries(indexes);
  }
}
