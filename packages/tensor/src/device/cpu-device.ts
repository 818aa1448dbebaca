import { KernelFactory } from "../gpujs/kernel-factory";
import type { Implementation } from "../ops/operation";
import type { BufferSlice } from "./device";
import type { DeviceBuffer } from "./device-buffer";
import { HostDevice } from "./host-device";

interface CpuBuffer extends DeviceBuffer {
  readonly memory: ArrayBuffer;
}

/**
 * gpu.js in its `cpu` mode, on plain array buffers: every operation by its definition, with
 * accumulation in float64. For debugging and as the reference of the other devices.
 */
export class CpuDevice extends HostDevice {
  readonly name = "cpu";
  readonly kernels = "gpujs";
  #bytes = 0;

  static async create(): Promise<CpuDevice> {
    return new CpuDevice(await KernelFactory.create("cpu"));
  }

  override allocate(byteLength: number): CpuBuffer {
    this.#bytes += byteLength;
    return { memory: new ArrayBuffer(byteLength), byteOffset: 0, byteLength };
  }

  override free(buffer: DeviceBuffer): void {
    this.#bytes -= buffer.byteLength;
  }

  override bytes({ buffer, byteOffset, byteLength }: BufferSlice): Uint8Array {
    return new Uint8Array((buffer as CpuBuffer).memory, byteOffset, byteLength);
  }

  override implementationOf(): Implementation | undefined {
    return undefined;
  }

  protected override usedBytes(): { bytes: number; reservedBytes: number } {
    return { bytes: this.#bytes, reservedBytes: this.#bytes };
  }
}
