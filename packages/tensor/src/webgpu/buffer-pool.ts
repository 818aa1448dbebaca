/** GPUBufferUsage: STORAGE | COPY_SRC | COPY_DST; the numbers are the specification's. */
const storageUsage = 0x80 | 0x04 | 0x08;

/** The grain of sizes, which is also the alignment that a binding within a buffer needs. */
export const bufferGrain = 256;

/** Bytes that may lie unused, waiting for the next tensor of the same size. */
const maximumIdleBytes = 2 ** 27;

/** Storage buffers by size: a decoding loop asks for the same ones again at each step. */
export class BufferPool {
  readonly #device: GPUDevice;
  /** Destroys a buffer once no recorded command uses it. */
  readonly #retire: (buffer: GPUBuffer) => void;
  readonly #idle = new Map<number, GPUBuffer[]>();
  #usedBytes = 0;
  #idleBytes = 0;

  constructor(device: GPUDevice, retire: (buffer: GPUBuffer) => void) {
    this.#device = device;
    this.#retire = retire;
  }

  /** Bytes of buffers in use. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Bytes of buffers in use or waiting for the next. */
  get reservedBytes(): number {
    return this.#usedBytes + this.#idleBytes;
  }

  /** A buffer of at least `byteLength` bytes, whose content is undefined. */
  take(byteLength: number): GPUBuffer {
    const size = Math.max(1, Math.ceil(byteLength / bufferGrain)) * bufferGrain;
    const known = this.#idle.get(size)?.pop();
    if (known !== undefined) this.#idleBytes -= size;
    const buffer = known ?? this.#device.createBuffer({ size, usage: storageUsage });
    this.#usedBytes += size;
    return buffer;
  }

  /** Commands recorded before may still use the buffer; those recorded later come after them. */
  give(buffer: GPUBuffer): void {
    const { size } = buffer;
    this.#usedBytes -= size;
    if (this.#idleBytes + size > maximumIdleBytes) {
      this.#retire(buffer);
      return;
    }
    this.#idleBytes += size;
    const sameSize = this.#idle.get(size);
    if (sameSize === undefined) this.#idle.set(size, [buffer]);
    else sameSize.push(buffer);
  }

  /** Destroys the buffers that wait. */
  dispose(): void {
    for (const buffers of this.#idle.values()) {
      for (const buffer of buffers) buffer.destroy();
    }
    this.#idle.clear();
    this.#idleBytes = 0;
  }
}
