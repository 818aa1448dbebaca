import type { Device } from "@x/tensor";

const pageBytes = 65536;
/** Growing costs about a millisecond, so a mebibyte at least. */
const growthPages = 16;
/** 4 GiB: all that 32-bit pointers reach. */
const maximumPages = 65536;
/** Ranges start on a multiple of this, so that SIMD loads of floats are aligned. */
const grain = 16;

/**
 * The linear memory that packed keys and values of a device's caches live in, so that the attention
 * kernel can read them. Ranges come in few sizes, so a list of free ranges per size is all it takes.
 */
export class PackedMemory {
  readonly memory: WebAssembly.Memory;
  readonly #free = new Map<number, number[]>();
  /** Below this lies the kernel's own data; 0 stands for "absent". */
  #end = 1024;
  #used = 0;

  constructor() {
    this.memory = new WebAssembly.Memory({ initial: growthPages, maximum: maximumPages });
  }

  /** Bytes handed out. */
  get usedBytes(): number {
    return this.#used;
  }

  /** Reserves `byteLength` bytes, whose content is undefined, and gives their offset. */
  allocate(byteLength: number): number {
    const size = roundUp(byteLength);
    const offset = this.#free.get(size)?.pop() ?? this.#extend(size);
    this.#used += size;
    return offset;
  }

  /** Gives back what `allocate(byteLength)` reserved. */
  free(offset: number, byteLength: number): void {
    const size = roundUp(byteLength);
    const ranges = this.#free.get(size) ?? [];
    ranges.push(offset);
    this.#free.set(size, ranges);
    this.#used -= size;
  }

  /** A view of bytes, valid until the next `allocate`. */
  bytes(offset: number, byteLength: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, offset, byteLength);
  }

  /** A view of float32 elements, valid until the next `allocate`. */
  floats(offset: number, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, offset, length);
  }

  #extend(size: number): number {
    const offset = this.#end;
    const missing = Math.ceil((offset + size - this.memory.buffer.byteLength) / pageBytes);
    if (missing > 0) this.memory.grow(Math.max(missing, growthPages));
    this.#end = offset + size;
    return offset;
  }
}

const memories = new WeakMap<Device, PackedMemory>();

/** The memory that goes with a device. */
export function packedMemoryOf(device: Device): PackedMemory {
  const memory = memories.get(device) ?? new PackedMemory();
  memories.set(device, memory);
  return memory;
}

function roundUp(byteLength: number): number {
  return Math.ceil(byteLength / grain) * grain;
}
