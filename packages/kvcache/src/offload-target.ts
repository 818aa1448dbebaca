/** Bytes outside the device's memory, addressed from 0 and grown by writing at the end. */
export interface OffloadRegion {
  /** Bytes held. */
  readonly byteLength: number;
  /** Writes at `offset`, which is at most `byteLength`. */
  write(offset: number, bytes: Uint8Array): void;
  /** Fills `target` from the start of the region. */
  read(target: Uint8Array): void;
  /** Says that the first `byteLength` bytes will be read soon. */
  prefetch?(byteLength: number): void;
  /** Forgets the bytes from `byteLength` on. */
  truncate(byteLength: number): void;
  /** Gives the bytes back. */
  close(): void;
}

/** A place to move keys and values to: `hostMemory()`, or `fileTarget()` of `@x/kvcache/node`. */
export interface OffloadTarget {
  /** Name for descriptions. */
  readonly name: string;
  /** An empty region. */
  open(): OffloadRegion;
}

/**
 * Ordinary memory of the process, for devices whose own memory is the scarce one: a WebAssembly
 * device ends at 4 GiB.
 */
export function hostMemory(): OffloadTarget {
  return { name: "host", open: () => new HostRegion() };
}

class HostRegion implements OffloadRegion {
  #bytes = new Uint8Array();
  #length = 0;

  get byteLength(): number {
    return this.#length;
  }

  write(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, offset);
    this.#length = Math.max(this.#length, end);
  }

  read(target: Uint8Array): void {
    target.set(this.#bytes.subarray(0, target.length));
  }

  truncate(byteLength: number): void {
    this.#length = Math.min(this.#length, byteLength);
  }

  close(): void {
    this.#bytes = new Uint8Array();
    this.#length = 0;
  }
}
