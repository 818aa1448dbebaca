import type { Tensor } from "@x/tensor";
import { assertSizes } from "../checks";
import {
  type CacheStore,
  type CacheViews,
  type ForkableLayer,
  independentLayers,
  type LayerSnapshot,
} from "../layer-store";
import { heldByHead, RingRows } from "../ring-rows";

/** Settings of {@link slidingStore}. */
export interface SlidingStoreOptions {
  /** `W`: tokens that a token attends to, itself included. */
  readonly window: number;
}

/**
 * Keeps the newest `window` tokens in a ring: memory and time per token stop growing, and what is
 * older is lost. This is exact for models trained with that window (Beltagy et al. 2020, arXiv
 * 2004.05150; Mistral); others lose their footing once the first tokens are gone, see `sinkStore`.
 *
 * Once a token was overwritten, `crop` is refused: the tokens before the cut are no longer there.
 *
 * @throws {CacheError} when `window` is not a positive integer.
 */
export function slidingStore({ window }: SlidingStoreOptions): CacheStore {
  assertSizes("slidingStore", { window });
  return {
    description: `sliding(${window})`,
    open: (geometry, layers) =>
      independentLayers(
        Array.from(
          { length: layers },
          () => new SlidingLayer(window, new RingRows(geometry, { pinned: 0, window })),
        ),
      ),
  };
}

class SlidingLayer implements ForkableLayer {
  readonly #window: number;
  readonly #ring: RingRows;

  constructor(window: number, ring: RingRows) {
    this.#window = window;
    this.#ring = ring;
  }

  get length(): number {
    return this.#ring.length;
  }

  get held(): number {
    return this.#ring.held;
  }

  get bytes(): number {
    return this.#ring.bytes;
  }

  update(keys: Tensor, values: Tensor): CacheViews {
    if (keys.dimension(0) === 1) {
      this.#ring.append(keys, values);
      return this.#ring.slots();
    }
    // The first new token attends to W - 1 older ones, which the last may overwrite.
    const joined = this.#ring.gather(this.#window - 1, keys, values);
    this.#ring.append(keys, values);
    const total = joined.keys.dimension(0);
    const views = {
      keys: heldByHead(joined.keys, total),
      values: heldByHead(joined.values, total),
    };
    joined.keys.dispose();
    joined.values.dispose();
    return { ...views, window: this.#window };
  }

  append(keys: Tensor, values: Tensor): void {
    this.#ring.append(keys, values);
  }

  view(): CacheViews {
    return this.#ring.slots();
  }

  positions(): Int32Array {
    return this.#ring.slotPositions();
  }

  canCrop(length: number): boolean {
    return length === 0 || length === this.length || !this.#ring.hasWrapped;
  }

  crop(length: number): void {
    this.#ring.truncate(length);
  }

  fork(): SlidingLayer {
    return new SlidingLayer(this.#window, this.#ring.copy());
  }

  snapshot(): LayerSnapshot {
    return this.#ring.snapshot();
  }

  restore(snapshot: LayerSnapshot): void {
    this.#ring.restore(snapshot);
  }

  reset(): void {
    this.#ring.reset();
  }
}
