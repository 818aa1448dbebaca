import { LimitError } from "../errors";

interface FreeRange {
  offset: number;
  byteLength: number;
}

/** Every range starts on a cache line, so that SIMD loads are aligned and ranges do not share one. */
const grain = 64;

/**
 * Hands out ranges of a linear memory. Free ranges are kept in address order and merged with their
 * neighbours; the smallest that fits is taken. When none fits, the memory grows at its end.
 */
export class Allocator {
  readonly #grow: (byteLength: number) => void;
  readonly #limit: number;
  readonly #free: FreeRange[] = [];
  readonly #live = new Map<number, number>();
  #end: number;
  #capacity: number;
  #usedBytes = 0;

  /**
   * @param start - First byte to hand out.
   * @param capacity - Bytes of the memory at present.
   * @param limit - Bytes that the memory can have at most.
   * @param grow - Called with the number of bytes that the memory must have.
   */
  constructor(start: number, capacity: number, limit: number, grow: (byteLength: number) => void) {
    this.#end = roundUp(start);
    this.#capacity = capacity;
    this.#limit = limit;
    this.#grow = grow;
  }

  /** Bytes handed out and not yet given back. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /**
   * Reserves `byteLength` bytes, rounded up to 64.
   *
   * @returns The offset of the range.
   * @throws {LimitError} when the memory cannot grow that far. Nothing is reserved.
   */
  allocate(byteLength: number): number {
    const size = Math.max(grain, roundUp(byteLength));
    const offset = this.#takeFree(size) ?? this.#extend(size);
    this.#live.set(offset, size);
    this.#usedBytes += size;
    return offset;
  }

  /** Gives a range back. Offsets that are not in use are ignored. */
  free(offset: number): void {
    const size = this.#live.get(offset);
    if (size === undefined) return;
    this.#live.delete(offset);
    this.#usedBytes -= size;
    this.#insertFree({ offset, byteLength: size });
  }

  #takeFree(size: number): number | undefined {
    let best: FreeRange | undefined;
    let bestIndex = -1;
    for (const [index, range] of this.#free.entries()) {
      if (range.byteLength < size) continue;
      if (best !== undefined && range.byteLength >= best.byteLength) continue;
      best = range;
      bestIndex = index;
      if (range.byteLength === size) break;
    }
    if (best === undefined) return undefined;
    const { offset } = best;
    if (best.byteLength === size) this.#free.splice(bestIndex, 1);
    best.offset += size;
    best.byteLength -= size;
    return offset;
  }

  #extend(size: number): number {
    const offset = this.#end;
    const needed = offset + size;
    if (needed > this.#limit) {
      throw new LimitError(
        `out of memory: ${size} bytes more than the ${this.#usedBytes} in use exceed the device's ${this.#limit}; dispose tensors or use a smaller model`,
        { requested: size, used: this.#usedBytes, limit: this.#limit },
      );
    }
    if (needed > this.#capacity) {
      this.#grow(needed);
      this.#capacity = needed;
    }
    this.#end = needed;
    return offset;
  }

  #insertFree(range: FreeRange): void {
    let low = 0;
    let high = this.#free.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#free[middle]?.offset ?? 0) < range.offset) low = middle + 1;
      else high = middle;
    }
    const next = this.#free[low];
    if (next !== undefined && range.offset + range.byteLength === next.offset) {
      range.byteLength += next.byteLength;
      this.#free.splice(low, 1);
    }
    const previous = this.#free[low - 1];
    if (previous !== undefined && previous.offset + previous.byteLength === range.offset) {
      previous.byteLength += range.byteLength;
      this.#giveBackEnd(low - 1, previous);
      return;
    }
    this.#free.splice(low, 0, range);
    this.#giveBackEnd(low, range);
  }

  /** A free range at the very end shortens the part in use instead of waiting in the list. */
  #giveBackEnd(index: number, range: FreeRange): void {
    if (range.offset + range.byteLength !== this.#end) return;
    this.#end = range.offset;
    this.#free.splice(index, 1);
  }
}

function roundUp(byteLength: number): number {
  return Math.ceil(byteLength / grain) * grain;
}
