import { assign, embedding, empty, keep, type Tensor, tensor, zeros } from "@x/tensor";
import {
  disposableViews,
  keepOrDispose,
  positionRange,
  restoreRows,
  rowBytes,
  snapshotRows,
} from "./contiguous-rows";
import type { CacheViews, LayerGeometry, LayerSnapshot } from "./layer-store";

/** Sizes of a {@link RingRows}. */
export interface RingSizes {
  /** First tokens that are never overwritten. */
  readonly pinned: number;
  /** Newest tokens kept besides. */
  readonly window: number;
}

/**
 * The first tokens of a sequence and its newest ones, in `[pinned + window, Hkv, D]`: token `p`
 * past the pinned ones lies in slot `pinned + (p - pinned) % window`, so that a new token overwrites
 * the oldest and nothing moves.
 */
export class RingRows {
  readonly #geometry: LayerGeometry;
  readonly #pinned: number;
  readonly #window: number;
  #keys: Tensor | undefined;
  #values: Tensor | undefined;
  #length = 0;

  constructor(geometry: LayerGeometry, { pinned, window }: RingSizes) {
    this.#geometry = geometry;
    this.#pinned = pinned;
    this.#window = window;
  }

  /** Slots. */
  get capacity(): number {
    return this.#pinned + this.#window;
  }

  /** Tokens taken in. */
  get length(): number {
    return this.#length;
  }

  /** Tokens kept. */
  get held(): number {
    return Math.min(this.#length, this.capacity);
  }

  /** Bytes reserved: all slots from the first token on. */
  get bytes(): number {
    return this.#keys === undefined ? 0 : this.capacity * rowBytes(this.#geometry);
  }

  /** Whether a token was overwritten. */
  get hasWrapped(): boolean {
    return this.#length > this.capacity;
  }

  /** Positions of the slots that hold something, slot by slot. */
  slotPositions(): Int32Array {
    return positionRange(0, this.held).map((slot) => {
      if (slot < this.#pinned || !this.hasWrapped) return slot;
      const rounds = Math.floor((this.#length - 1 - slot) / this.#window);
      return slot + rounds * this.#window;
    });
  }

  /** Positions of the pinned tokens and of the newest `recent` others, ascending. */
  recentPositions(recent: number): Int32Array {
    const first = Math.max(this.#pinned, this.#length - Math.min(recent, this.#window));
    const pinned = positionRange(0, Math.min(this.#pinned, this.#length));
    return Int32Array.from([...pinned, ...positionRange(first, Math.max(first, this.#length))]);
  }

  /** The slots in place, `[Hkv, held, D]`, in the order of {@link slotPositions}. */
  slots(): CacheViews & Disposable {
    const { device, kvHeads, headDim } = this.#geometry;
    if (this.#keys === undefined || this.#values === undefined) {
      const none = () => empty([kvHeads, 0, headDim], { device });
      return disposableViews(none(), none());
    }
    return disposableViews(heldByHead(this.#keys, this.held), heldByHead(this.#values, this.held));
  }

  /**
   * Copies of the pinned tokens and the newest `recent` others, in order, with room behind them
   * for `tokens` new ones: two tensors `[S, Hkv, D]`.
   */
  gather(recent: number, keys?: Tensor, values?: Tensor): { keys: Tensor; values: Tensor } {
    const positions = this.recentPositions(recent);
    const tokens = keys?.dimension(0) ?? 0;
    const { device, kvHeads, headDim } = this.#geometry;
    const [past, total] = [positions.length, positions.length + tokens];
    const slots = positions.map((position) => this.#slotOf(position));
    using ids = tensor(slots, [past], { device, dtype: "int32" });
    const join = (table: Tensor | undefined, added: Tensor | undefined) => {
      const joined = empty([total, kvHeads, headDim], { device });
      if (table !== undefined && past > 0) {
        using rows = table.reshape([this.capacity, kvHeads * headDim]);
        using gathered = embedding(rows, ids); // [past, Hkv · D]
        using shaped = gathered.reshape([past, kvHeads, headDim]);
        using target = joined.slice(0, 0, past);
        assign(target, shaped);
      }
      if (added !== undefined) {
        using target = joined.slice(0, past, total);
        assign(target, added);
      }
      return joined;
    };
    return { keys: join(this.#keys, keys), values: join(this.#values, values) };
  }

  /** Takes in tokens `[T, Hkv, D]`; the oldest that are not pinned make room. */
  append(keys: Tensor, values: Tensor): void {
    this.#reserve();
    const end = this.#length + keys.dimension(0);
    this.#write(keys, values, this.#length, Math.min(end, this.#pinned), 0);
    const first = Math.max(this.#length, this.#pinned, end - this.#window);
    this.#write(keys, values, first, end, first - this.#length);
    this.#length = end;
  }

  /** Forgets all but the first `length` tokens, none of which may have been overwritten. */
  truncate(length: number): void {
    this.#length = length;
  }

  /** A copy. */
  copy(): RingRows {
    const copy = new RingRows(this.#geometry, { pinned: this.#pinned, window: this.#window });
    if (this.#keys === undefined || this.#values === undefined) return copy;
    copy.#reserve();
    if (copy.#keys !== undefined) assign(copy.#keys, this.#keys);
    if (copy.#values !== undefined) assign(copy.#values, this.#values);
    copy.#length = this.#length;
    return copy;
  }

  /** The kept tokens as data, in order. */
  snapshot(): LayerSnapshot {
    const positions = this.recentPositions(this.#window);
    const { keys, values } = this.gather(this.#window);
    using views = disposableViews(
      heldByHead(keys, positions.length),
      heldByHead(values, positions.length),
    );
    keys.dispose();
    values.dispose();
    return snapshotRows(views, this.#length, positions);
  }

  /** Takes the state of {@link snapshot}. */
  restore(snapshot: LayerSnapshot): void {
    const { length, positions } = snapshot;
    if (length === 0) return;
    this.#reserve();
    using rows = restoreRows(this.#geometry, snapshot);
    const pinned = positions.filter((position) => position < this.#pinned).length;
    this.#write(rows.keys, rows.values, 0, pinned, 0);
    const first = length - (positions.length - pinned);
    this.#write(rows.keys, rows.values, first, length, pinned);
    this.#length = length;
  }

  /** Frees the memory. */
  reset(): void {
    this.#keys?.dispose();
    this.#values?.dispose();
    this.#keys = undefined;
    this.#values = undefined;
    this.#length = 0;
  }

  #slotOf(position: number): number {
    if (position < this.#pinned) return position;
    return this.#pinned + ((position - this.#pinned) % this.#window);
  }

  /** Writes positions `start` to `end`, which are the rows from `row` on, in runs up to the wrap. */
  #write(keys: Tensor, values: Tensor, start: number, end: number, row: number): void {
    if (this.#keys === undefined || this.#values === undefined) return;
    let from = row;
    for (let position = start; position < end; ) {
      const slot = this.#slotOf(position);
      const count = Math.min(end - position, this.capacity - slot);
      copyRun(keys, from, this.#keys, slot, count);
      copyRun(values, from, this.#values, slot, count);
      position += count;
      from += count;
    }
  }

  #reserve(): void {
    if (this.#keys !== undefined) return;
    const { device, kvHeads, headDim } = this.#geometry;
    const shape = [this.capacity, kvHeads, headDim];
    const keys = keep(zeros(shape, { device }));
    this.#values = keepOrDispose(keys, () => zeros(shape, { device }));
    this.#keys = keys;
  }
}

/** The first `held` rows of `[N, Hkv, D]` as `[Hkv, held, D]`, without a copy. */
export function heldByHead(rows: Tensor, held: number): Tensor {
  using kept = rows.slice(0, 0, held);
  return kept.permute([1, 0, 2]);
}

function copyRun(source: Tensor, from: number, target: Tensor, to: number, count: number): void {
  using run = source.slice(0, from, from + count);
  using window = target.slice(0, to, to + count);
  assign(window, run);
}
