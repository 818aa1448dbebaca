import type { Device, Tensor } from "@x/tensor";

/** What a layer attends to. Dispose both tensors after use. */
export interface CacheViews {
  /**
   * float32 `[Hkv, S, D]`, strided. The last `T` entries are the tokens of the update that gave the
   * views; with `T` = 1 the order of the others does not matter and may be any.
   */
  readonly keys: Tensor;
  /** float32 `[Hkv, S, D]`, in the order of the keys. */
  readonly values: Tensor;
  /**
   * `W`, where a new token attends to the `W` newest entries only, itself included: the mask of a
   * prompt of several tokens has to hide the older ones.
   */
  readonly window?: number | undefined;
}

/** Turns keys by the angles of their positions: the rotary embedding of the model. */
export type RotateKeys = (keys: Tensor, positions: Int32Array) => Tensor;

/** What every layer of a cache has in common. */
export interface LayerGeometry {
  readonly device: Device;
  /** `Hkv`: key/value heads. */
  readonly kvHeads: number;
  /** `D`: elements of a head. */
  readonly headDim: number;
  /**
   * Applies rotary positions to keys `[N, Hkv, D]`. Only stores that keep keys without positions,
   * such as `sinkStore`, need it.
   */
  readonly rotateKeys?: RotateKeys | undefined;
}

/** The state of a layer as plain data, to be saved and restored. */
export interface LayerSnapshot {
  /** `rows`: keys and values in float32, head by head. `packed`: a store's own format. */
  readonly format: "rows" | "packed";
  /** Tokens that the layer has taken in. */
  readonly length: number;
  /** Position of each entry in `sections`, ascending. */
  readonly positions: readonly number[];
  /** The bytes of the entries. For `rows`: keys `[Hkv, S, D]`, then values. */
  readonly sections: readonly Uint8Array[];
}

/**
 * Keys and values of one sequence in one layer: what a way of keeping them implements.
 *
 * The caller has checked shapes, dtypes and room; a method that throws has changed nothing.
 */
export interface LayerStore {
  /** Tokens taken in: the position of the next one. */
  readonly length: number;
  /** Entries kept. */
  readonly held: number;
  /** Bytes of memory in use, on the device and in the host. */
  readonly bytes: number;
  /** Bytes moved out of the device's memory, to a file or to the host. */
  readonly offloadedBytes?: number;
  /** Whether the store takes keys without positions and turns them itself. */
  readonly takesRawKeys?: boolean;
  /** Throws {@link CacheOverflowError} when `tokens` more do not fit. */
  assertRoom?(tokens: number): void;
  /** Position that the first of `tokens` new tokens has among the entries. Default: `length`. */
  firstPosition?(tokens: number): number;
  /** Takes in keys and values, float32 `[T, Hkv, D]`, and gives what the new tokens attend to. */
  update(keys: Tensor, values: Tensor): CacheViews;
  /** As `update`, without the views. */
  append(keys: Tensor, values: Tensor): void;
  /** The blocks that hold the sequence, where the store has any. */
  blockTable?(): Int32Array;
  /** All entries, in the order of `positions()`. */
  view(): CacheViews;
  /** Position of each entry. */
  positions(): Int32Array;
  /** Whether {@link crop} can forget back to `length`. */
  canCrop(length: number): boolean;
  /** Forgets all but the first `length` tokens. */
  crop(length: number): void;
  /** Keeps the given entries only: ascending indexes into `positions()`. */
  keepEntries?(indexes: readonly number[]): void;
  /** Brings a bounded store back to its bound now, rather than at the next update. */
  evict?(): void;
  /** Takes note of attention weights, float32 `[Hq, T, S]`; absent where nobody needs them. */
  readonly observe?: ((weights: Tensor) => void) | undefined;
  /** As `SequenceCache.attend`. */
  attend?(queries: Tensor, keys: Tensor, values: Tensor): Tensor | undefined;
  /** The state as data. */
  snapshot(): LayerSnapshot;
  /** Takes the state of `snapshot`, of the same store, while empty. */
  restore(snapshot: LayerSnapshot): void;
  /** Forgets everything and frees the memory. */
  reset(): void;
}

/** The layers of one sequence that are kept in one way. */
export interface LayerGroup {
  readonly layers: readonly LayerStore[];
  /** A copy that shares what can be shared. */
  fork(): LayerGroup;
}

/** A way of keeping keys and values; made by `dynamicStore`, `pagedStore` and the others. */
export interface CacheStore {
  /** Name and settings, as `sliding(256)`. Two stores of one description hold the same data. */
  readonly description: string;
  /** Empty layers of one sequence. */
  open(geometry: LayerGeometry, layers: number): LayerGroup;
}

/** A layer that forks on its own. */
export interface ForkableLayer extends LayerStore {
  fork(): ForkableLayer;
}

/** A group of layers that have nothing in common. */
export function independentLayers(layers: readonly ForkableLayer[]): LayerGroup {
  return {
    layers,
    fork: () => {
      const forks: ForkableLayer[] = [];
      try {
        for (const layer of layers) forks.push(layer.fork());
      } catch (error) {
        for (const fork of forks) fork.reset();
        throw error;
      }
      return independentLayers(forks);
    },
  };
}
