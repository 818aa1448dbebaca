import type { Tensor } from "@x/tensor";
import { assertSizes } from "../checks";
import { disposableViews, positionRange } from "../contiguous-rows";
import { CacheError } from "../errors";
import {
  type CacheStore,
  type CacheViews,
  type ForkableLayer,
  independentLayers,
  type LayerSnapshot,
  type RotateKeys,
} from "../layer-store";
import { heldByHead, RingRows } from "../ring-rows";

/** Settings of {@link sinkStore}. */
export interface SinkStoreOptions {
  /** First tokens that are kept for ever. Default 4, as in the paper. */
  readonly sinks?: number;
  /** Newest tokens kept besides. */
  readonly window: number;
}

/**
 * Keeps the first tokens and the newest ones (StreamingLLM: Xiao et al. 2023, arXiv 2309.17453).
 * Softmax has to put its weight somewhere, and models learn to put what they do not need on the
 * first tokens; with these kept, text can be streamed without end at constant cost.
 *
 * Positions are those within the cache (section 3.2): the store keeps keys without rotary positions
 * and turns them by their place among the entries each time, so that distances never exceed
 * `sinks + window`. A chunk of `T` tokens sees `window - T` older ones besides the sinks.
 *
 * @throws {CacheError} when a size is out of range, or when the cache was made without
 * `rotateKeys`.
 */
export function sinkStore({ sinks = 4, window }: SinkStoreOptions): CacheStore {
  assertSizes("sinkStore", { window });
  assertSizes("sinkStore", { sinks }, 0);
  return {
    description: `sinks(${sinks}, ${window})`,
    open: (geometry, layers) => {
      const { rotateKeys } = geometry;
      if (rotateKeys === undefined) {
        throw new CacheError(
          "sinkStore: keys are kept without positions; give the cache `rotateKeys`, the model's rotary embedding",
        );
      }
      const sizes = { pinned: sinks, window };
      return independentLayers(
        Array.from(
          { length: layers },
          () => new SinkLayer(window, new RingRows(geometry, sizes), rotateKeys),
        ),
      );
    },
  };
}

class SinkLayer implements ForkableLayer {
  readonly takesRawKeys = true;
  readonly #window: number;
  readonly #ring: RingRows;
  readonly #rotateKeys: RotateKeys;

  constructor(window: number, ring: RingRows, rotateKeys: RotateKeys) {
    this.#window = window;
    this.#ring = ring;
    this.#rotateKeys = rotateKeys;
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

  firstPosition(tokens: number): number {
    return this.#ring.recentPositions(Math.max(0, this.#window - tokens)).length;
  }

  update(keys: Tensor, values: Tensor): CacheViews {
    const tokens = keys.dimension(0);
    if (tokens === 1) {
      this.#ring.append(keys, values);
      return this.view();
    }
    const past = Math.max(0, this.#window - tokens);
    const joined = this.#ring.gather(past, keys, values); // [S, Hkv, D]
    this.#ring.append(keys, values);
    const total = joined.keys.dimension(0);
    using rotated = this.#rotateKeys(joined.keys, positionRange(0, total));
    const views = { keys: heldByHead(rotated, total), values: heldByHead(joined.values, total) };
    joined.keys.dispose();
    joined.values.dispose();
    return views;
  }

  append(keys: Tensor, values: Tensor): void {
    this.#ring.append(keys, values);
  }

  view(): CacheViews {
    const slots = this.#ring.slots();
    if (this.held === 0) return slots;
    using raw = slots.keys;
    using byToken = raw.permute([1, 0, 2]); // [S, Hkv, D], in order again
    using rotated = this.#rotateKeys(byToken, ranks(this.#ring.slotPositions()));
    return disposableViews(rotated.permute([1, 0, 2]), slots.values);
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

  fork(): SinkLayer {
    return new SinkLayer(this.#window, this.#ring.copy(), this.#rotateKeys);
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

/** Each position's place among them all, which is its position within the cache. */
function ranks(positions: Int32Array): Int32Array {
  const ranked = new Int32Array(positions.length);
  const order = positionRange(0, positions.length);
  order.sort((left, right) => (positions[left] ?? 0) - (positions[right] ?? 0));
  order.forEach((slot, rank) => {
    ranked[slot] = rank;
  });
  return ranked;
}
