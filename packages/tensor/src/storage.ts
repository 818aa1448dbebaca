import type { Device } from "./device/device";
import type { DeviceBuffer } from "./device/device-buffer";
import type { DType } from "./dtype";
import type { IntegerBounds } from "./integer-bounds";

/** Memory that one or more tensors view; freed when the last of them is disposed. */
export class Storage {
  readonly device: Device;
  readonly buffer: DeviceBuffer;
  /** Counts the writes in place, so that a gradient can tell that what it saved has changed. */
  version = 0;
  #bounds: IntegerBounds | undefined;
  #owners = 0;

  constructor(device: Device, byteLength: number, dtype: DType) {
    this.device = device;
    this.buffer = device.allocate(byteLength, dtype);
  }

  /**
   * What is known of an int32 storage without reading it, so that indexes can be checked on a device
   * that the host cannot read at once. `undefined`: nothing.
   */
  get bounds(): IntegerBounds | undefined {
    return this.#bounds;
  }

  /** Ignored where the host sees the memory: it can write there unnoticed, and can look. */
  setBounds(bounds: IntegerBounds | undefined): void {
    if (this.device.access !== "in-place") this.#bounds = bounds;
  }

  /** Adds an owner. */
  retain(): void {
    this.#owners++;
  }

  /** Removes an owner, and frees the memory with the last one. */
  release(): void {
    this.#owners--;
    if (this.#owners === 0) this.device.free(this.buffer);
  }
}
