import type { Device } from "./device/device";
import type { DeviceBuffer } from "./device/device-buffer";

/** Memory that one or more tensors view; freed when the last of them is disposed. */
export class Storage {
  readonly device: Device;
  readonly buffer: DeviceBuffer;
  /** Counts the writes in place, so that a gradient can tell that what it saved has changed. */
  version = 0;
  #owners = 0;

  constructor(device: Device, byteLength: number) {
    this.device = device;
    this.buffer = device.allocate(byteLength);
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
