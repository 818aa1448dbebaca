import { bytesOf, contiguous, empty, type Tensor } from "@x/tensor";
import { assertSizes } from "../checks";
import { disposableViews, positionRange, restoreRows, snapshotRows } from "../contiguous-rows";
import type {
  CacheStore,
  CacheViews,
  ForkableLayer,
  LayerGeometry,
  LayerGroup,
  LayerSnapshot,
} from "../layer-store";
import { hostMemory, type OffloadRegion, type OffloadTarget } from "../offload-target";
import { heldByHead } from "../ring-rows";
import { dynamicStore } from "./dynamic-store";

/** Settings of {@link offloadedStore}. */
export interface OffloadedStoreOptions {
  /** Where the cold layers go. Default `hostMemory()`. */
  readonly target?: OffloadTarget;
  /**
   * Layers that stay in the device's memory: the first ones. A step reads all layers in order, so
   * whichever are cold, each is read once per step. Default 0.
   */
  readonly residentLayers?: number;
}

/**
 * Keeps layers outside the device's memory. A step brings each in while it attends, and asks for
 * the next one meanwhile; the device holds one layer at a time besides the resident ones. Results are
 * bit for bit those of `dynamicStore`.
 *
 * @throws {CacheError} when `residentLayers` is not an integer of 0 or more.
 */
export function offloadedStore({
  target = hostMemory(),
  residentLayers = 0,
}: OffloadedStoreOptions = {}): CacheStore {
  assertSizes("offloadedStore", { residentLayers }, 0);
  return {
    description: `offloaded(${target.name})`,
    open: (geometry, layers) => {
      const resident = Math.min(layers, residentLayers);
      const warm = dynamicStore().open(geometry, resident);
      const cold = Array.from(
        { length: layers - resident },
        () => new OffloadedLayer(geometry, target),
      );
      return groupOf(warm, cold);
    },
  };
}

function groupOf(warm: LayerGroup, cold: readonly OffloadedLayer[]): LayerGroup {
  for (const [index, layer] of cold.entries()) layer.next = cold[(index + 1) % cold.length];
  return {
    layers: [...warm.layers, ...cold],
    fork: () =>
      groupOf(
        warm.fork(),
        cold.map((layer) => layer.fork()),
      ),
  };
}

class OffloadedLayer implements ForkableLayer {
  /** The layer to be read after this one. */
  next: OffloadedLayer | undefined;
  readonly #geometry: LayerGeometry;
  readonly #target: OffloadTarget;
  readonly #keys: OffloadRegion;
  readonly #values: OffloadRegion;
  #length = 0;

  constructor(geometry: LayerGeometry, target: OffloadTarget) {
    this.#geometry = geometry;
    this.#target = target;
    this.#keys = target.open();
    this.#values = target.open();
  }

  get length(): number {
    return this.#length;
  }

  get held(): number {
    return this.#length;
  }

  get bytes(): number {
    return 0;
  }

  get offloadedBytes(): number {
    return this.#keys.byteLength + this.#values.byteLength;
  }

  update(keys: Tensor, values: Tensor): CacheViews {
    this.append(keys, values);
    return this.view();
  }

  append(keys: Tensor, values: Tensor): void {
    const offset = this.#bytesOf(this.#length);
    for (const [region, entries] of [
      [this.#keys, keys],
      [this.#values, values],
    ] as const) {
      using dense = contiguous(entries);
      region.write(offset, bytesOf(dense));
    }
    this.#length += keys.dimension(0);
  }

  view(): CacheViews {
    const views = disposableViews(this.#load(this.#keys), this.#load(this.#values));
    this.next?.prefetch();
    return views;
  }

  /** Lets the target read ahead. */
  prefetch(): void {
    const byteLength = this.#bytesOf(this.#length);
    this.#keys.prefetch?.(byteLength);
    this.#values.prefetch?.(byteLength);
  }

  positions(): Int32Array {
    return positionRange(0, this.#length);
  }

  canCrop(): boolean {
    return true;
  }

  crop(length: number): void {
    this.#length = Math.min(this.#length, length);
    this.#keys.truncate(this.#bytesOf(this.#length));
    this.#values.truncate(this.#bytesOf(this.#length));
  }

  fork(): OffloadedLayer {
    const fork = new OffloadedLayer(this.#geometry, this.#target);
    for (const [from, to] of [
      [this.#keys, fork.#keys],
      [this.#values, fork.#values],
    ] as const) {
      const bytes = new Uint8Array(from.byteLength);
      from.read(bytes);
      to.write(0, bytes);
    }
    fork.#length = this.#length;
    return fork;
  }

  snapshot(): LayerSnapshot {
    using views = disposableViews(this.#load(this.#keys), this.#load(this.#values));
    return snapshotRows(views, this.#length, this.positions());
  }

  restore(snapshot: LayerSnapshot): void {
    if (snapshot.length === 0) return;
    using rows = restoreRows(this.#geometry, snapshot);
    this.append(rows.keys, rows.values);
  }

  reset(): void {
    this.#length = 0;
    this.#keys.close();
    this.#values.close();
  }

  #bytesOf(tokens: number): number {
    const { kvHeads, headDim } = this.#geometry;
    return tokens * kvHeads * headDim * Float32Array.BYTES_PER_ELEMENT;
  }

  #load(region: OffloadRegion): Tensor {
    const { device, kvHeads, headDim } = this.#geometry;
    using rows = empty([this.#length, kvHeads, headDim], { device });
    region.read(bytesOf(rows));
    return heldByHead(rows, this.#length);
  }
}
