import type { DType } from "../dtype";
import { DeviceError, DisposedError } from "../errors";
import type { KernelArgument, KernelSource } from "../gpujs/kernel-source";
import type { Implementation } from "../ops/operation";
import type { OperationKernels } from "../ops/operation-kernels";
import type { Tensor, TensorData } from "../tensor";
import type { DeviceBuffer } from "./device-buffer";
import { registerDevice, unregisterDevice } from "./live-devices";

/** The devices of this release. */
export type DeviceName = "cpu" | "wasm" | "webgl" | "webgpu";

/**
 * Which kernels run: `auto` takes the hand-written kernel of an operation where the device has
 * one, `gpujs` takes the gpu.js definition always.
 */
export type KernelChoice = "auto" | "gpujs";

/** What runs on a device: a name for reports. */
export type KernelSet = "gpujs" | "simd" | "relaxed-simd" | "wgsl";

/**
 * How the host reaches a device's memory: `in-place` as an array of its own, `readback` by a copy
 * that blocks, `asynchronous` by a copy that must be awaited, so that `dataSync()` throws.
 */
export type MemoryAccess = "in-place" | "readback" | "asynchronous";

/** Live tensors and their bytes. */
export interface MemoryUse {
  /** Tensors not yet disposed, views included. */
  readonly tensors: number;
  /** Bytes in use by storages, rounded up to the allocator's grain. */
  readonly bytes: number;
  /** Bytes that the device holds from the system, in use or not. */
  readonly reservedBytes: number;
  /** Tensors that were garbage-collected before they were disposed. Anything above 0 is a defect. */
  readonly leakedTensors: number;
}

/** One operation as it really ran. */
export interface LaunchRecord {
  readonly operation: string;
  readonly implementation: KernelSet;
}

/** Where the elements of a contiguous tensor lie. */
export interface BufferSlice {
  readonly buffer: DeviceBuffer;
  readonly dtype: DType;
  /** First byte, from the start of the buffer. */
  readonly byteOffset: number;
  /** Bytes of the slice. */
  readonly byteLength: number;
}

/**
 * Memory and kernels of one place where tensors live. Every device owns its memory: disposing the
 * device gives all of it back, and tensors of two devices never mix.
 *
 * Made by {@link createDevice}.
 */
export abstract class Device implements Disposable {
  abstract readonly name: DeviceName;
  abstract readonly kernels: KernelSet;
  abstract readonly access: MemoryAccess;
  /** Called with each operation that runs, for tests and reports. */
  onLaunch: ((record: LaunchRecord) => void) | undefined;
  #tensors = 0;
  #leakedTensors = 0;
  #disposed = false;
  #failure: DeviceError | undefined;

  /** @internal */
  constructor() {
    registerDevice(this);
  }

  /** Threads that compute, the calling one included. */
  get threads(): number {
    return 1;
  }

  /**
   * Reserves memory for elements of `dtype`, whose content is undefined.
   *
   * @throws {LimitError} when the device has no more. @internal
   */
  abstract allocate(byteLength: number, dtype: DType): DeviceBuffer;

  /** Gives memory back. @internal */
  abstract free(buffer: DeviceBuffer): void;

  /** Stores `values`: one number per element, or the raw bytes of a block format. @internal */
  abstract write(slice: BufferSlice, values: ArrayLike<number>): void;

  /** Stores `value` in each element of a plain dtype. @internal */
  abstract fill(slice: BufferSlice, value: number): void;

  /**
   * Copies `source` in runs of `runLength` elements: run `i` goes to element `starts[i]` of
   * `target`'s buffer. Both have one plain dtype. @internal
   */
  abstract copyRuns(
    source: BufferSlice,
    target: BufferSlice,
    runLength: number,
    starts: readonly number[],
  ): void;

  /** Copies the elements of `tensor` out, in row-major order. @internal */
  abstract read(tensor: Tensor): Promise<TensorData>;

  /** As {@link read}, at once. @throws {DeviceError} where the device cannot. @internal */
  abstract readSync(tensor: Tensor): TensorData;

  /**
   * The bytes of `slice` in place. The view is valid until the next `allocate`.
   *
   * @throws {DeviceError} where the host does not see the device's memory. @internal
   */
  abstract bytes(slice: BufferSlice): Uint8Array;

  /**
   * The hand-written kernel of `operation`, if this device has one or finds one in the `kernels` that
   * the operation brings.
   *
   * @internal
   */
  abstract implementationOf(
    operation: string,
    kernels?: OperationKernels,
  ): Implementation | undefined;

  /**
   * Runs a gpu.js kernel over `output` cells (at most three sizes, fastest first) and stores the
   * result in `target`.
   *
   * @internal
   */
  abstract launch(
    source: KernelSource,
    kernelArguments: readonly KernelArgument[],
    output: readonly number[],
    target: BufferSlice,
  ): void;

  /** @internal */
  protected abstract usedBytes(): { bytes: number; reservedBytes: number };

  /** Gives back what the device holds. @internal */
  protected abstract release(): void;

  /** Frees every byte and kernel of the device. Its tensors cannot be used any more. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    unregisterDevice(this);
    this.release();
  }

  /** As `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  get isDisposed(): boolean {
    return this.#disposed;
  }

  /** Whether the device was neither disposed nor lost. */
  get isUsable(): boolean {
    return !this.#disposed && this.#failure === undefined;
  }

  /** Live tensors and bytes. */
  memory(): MemoryUse {
    return { tensors: this.#tensors, leakedTensors: this.#leakedTensors, ...this.usedBytes() };
  }

  /** @internal */
  tensorCreated(): void {
    this.#tensors++;
  }

  /** @internal */
  tensorDisposed(): void {
    this.#tensors--;
  }

  /** @internal */
  tensorLeaked(): void {
    this.#tensors--;
    this.#leakedTensors++;
  }

  /** @throws {DisposedError} after `dispose()`. @throws {DeviceError} after a loss. @internal */
  assertUsable(): void {
    if (this.#disposed) {
      throw new DisposedError(`the ${this.name} device was disposed; create another`, {
        device: this.name,
      });
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Makes the device unusable: every later use throws `failure`. @internal */
  protected fail(failure: DeviceError): void {
    this.#failure ??= failure;
  }
}

/** The one device that all operands live on. @throws {DeviceError} when there are several. */
export function commonDevice(operation: string, tensors: readonly Tensor[]): Device {
  const [first] = tensors;
  if (first === undefined) throw new DeviceError(`${operation}: no operand`, { operation });
  const gone = tensors.find(({ isDisposed }) => isDisposed);
  if (gone !== undefined) {
    throw new DisposedError(
      `${operation}: tensor [${gone.shape.join(", ")}] was disposed; keep it alive until its last use`,
      { operation, shape: gone.shape, dtype: gone.dtype },
    );
  }
  const { device } = first;
  device.assertUsable();
  if (tensors.some((tensor) => tensor.device !== device)) {
    const names = tensors.map((tensor) => tensor.device.name);
    throw new DeviceError(
      `${operation}: the operands live on different devices (${names.join(", ")}); move them to one`,
      { operation, devices: names },
    );
  }
  return device;
}
