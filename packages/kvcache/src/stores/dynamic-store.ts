import type { Tensor } from "@x/tensor";
import { assertSizes } from "../checks";
import { ContiguousRows, positionRange, restoreRows, snapshotRows } from "../contiguous-rows";
import { CacheOverflowError } from "../errors";
import {
  type CacheStore,
  type CacheViews,
  type ForkableLayer,
  independentLayers,
  type LayerGeometry,
  type LayerSnapshot,
} from "../layer-store";

/** Settings of {@link dynamicStore}. */
export interface DynamicStoreOptions {
  /** Tokens to make room for at first. Default 64; it doubles as needed. */
  readonly initialCapacity?: number;
}

/** Settings of {@link staticStore}. */
export interface StaticStoreOptions {
  /** Tokens that a sequence can have. Their memory is reserved with the first one. */
  readonly maxTokens: number;
}

/**
 * Keeps everything in one range per layer that doubles as it fills: appending is amortized O(1),
 * and attention reads in place. Memory: `2 · Hkv · D · capacity · 4` bytes a layer.
 *
 * @throws {CacheError} when the capacity is not a positive integer.
 */
export function dynamicStore({ initialCapacity = 64 }: DynamicStoreOptions = {}): CacheStore {
  assertSizes("DynamicCache", { initialCapacity });
  const grow = (capacity: number, needed: number) => {
    let grown = Math.max(capacity, initialCapacity);
    while (grown < needed) grown *= 2;
    return grown;
  };
  return storeOf("dynamic", grow, Number.POSITIVE_INFINITY);
}

/**
 * Keeps everything in memory that is reserved at the first token and never moves or grows: no
 * pause for a copy, and a bound that is known beforehand.
 *
 * @throws {CacheError} when `maxTokens` is not a positive integer. A sequence that grows beyond it
 * gets a {@link CacheOverflowError}.
 */
export function staticStore({ maxTokens }: StaticStoreOptions): CacheStore {
  assertSizes("staticStore", { maxTokens });
  return storeOf(`static(${maxTokens})`, () => maxTokens, maxTokens);
}

type Grow = (capacity: number, needed: number) => number;

function storeOf(description: string, grow: Grow, limit: number): CacheStore {
  return {
    description,
    open: (geometry, layers) =>
      independentLayers(
        Array.from({ length: layers }, () => new ContiguousLayer(geometry, grow, limit)),
      ),
  };
}

class ContiguousLayer implements ForkableLayer {
  readonly #geometry: LayerGeometry;
  readonly #grow: Grow;
  readonly #limit: number;
  readonly #rows: ContiguousRows;

  constructor(
    geometry: LayerGeometry,
    grow: Grow,
    limit: number,
    rows = new ContiguousRows(geometry),
  ) {
    this.#geometry = geometry;
    this.#grow = grow;
    this.#limit = limit;
    this.#rows = rows;
  }

  get length(): number {
    return this.#rows.length;
  }

  get held(): number {
    return this.#rows.length;
  }

  get bytes(): number {
    return this.#rows.bytes;
  }

  assertRoom(tokens: number): void {
    const total = this.length + tokens;
    if (total <= this.#limit) return;
    throw new CacheOverflowError(
      `the cache holds ${this.#limit} tokens, but ${total} are to be kept; raise maxTokens or shorten the sequence`,
      { total, maxTokens: this.#limit },
    );
  }

  update(keys: Tensor, values: Tensor): CacheViews {
    this.append(keys, values);
    return this.#rows.views();
  }

  append(keys: Tensor, values: Tensor): void {
    const needed = this.length + keys.dimension(0);
    if (needed > this.#rows.capacity) this.#rows.reserve(this.#grow(this.#rows.capacity, needed));
    this.#rows.append(keys, values);
  }

  view(): CacheViews {
    return this.#rows.views();
  }

  positions(): Int32Array {
    return positionRange(0, this.length);
  }

  canCrop(): boolean {
    return true;
  }

  crop(length: number): void {
    this.#rows.truncate(length);
  }

  fork(): ContiguousLayer {
    return new ContiguousLayer(this.#geometry, this.#grow, this.#limit, this.#rows.copy());
  }

  snapshot(): LayerSnapshot {
    using views = this.#rows.views();
    return snapshotRows(views, this.length, this.positions());
  }

  restore(snapshot: LayerSnapshot): void {
    if (snapshot.length === 0) return;
    this.assertRoom(snapshot.length);
    using rows = restoreRows(this.#geometry, snapshot);
    this.append(rows.keys, rows.values);
  }

  reset(): void {
    this.#rows.reset();
  }
}
