import { type BufferSlice, Device, type KernelChoice, type KernelSet } from "../device/device";
import type { DeviceBuffer } from "../device/device-buffer";
import { fromCarriers, toCarrier, toCarriers } from "../device/float-carrier";
import { type DType, isBlockDType } from "../dtype";
import { DeviceError, DisposedError, KernelError, LimitError, type XError } from "../errors";
import type { KernelArgument, KernelSource } from "../gpujs/kernel-source";
import { WgslTranslator } from "../gpujs/wgsl-translator";
import { contiguous } from "../ops/contiguous";
import { type Implementation, sliceOf } from "../ops/operation";
import type { Tensor, TensorData } from "../tensor";
import { BufferPool, bufferGrain } from "./buffer-pool";
import { CommandQueue } from "./command-queue";
import { findAdapter } from "./find-adapter";
import { assertLimit, type GpuLimits, limitsOf } from "./gpu-limits";
import { type GpuTensorBuffer, rangeOf } from "./gpu-range";
import { GpujsLauncher } from "./gpujs-launcher";
import { wgslImplementations } from "./implementations";
import { PipelineCache } from "./pipeline-cache";

/** Elements per write when a buffer is filled. */
const fillChunk = 2 ** 18;

/**
 * Tensors in WebGPU buffers. gpu.js translates the operations' definitions to WGSL, which run here
 * on the buffers in place; products, softmax and normalization have kernels of their own.
 */
export class WebGpuDevice extends Device {
  readonly name = "webgpu";
  readonly access = "asynchronous";
  readonly kernels: KernelSet;
  /** The device behind this one. */
  readonly gpu: GPUDevice;
  readonly limits: GpuLimits;
  readonly #queue: CommandQueue;
  readonly #pool: BufferPool;
  readonly #launcher: GpujsLauncher;
  readonly #implementations: ReadonlyMap<string, Implementation>;
  /** Rejects when the device is lost or disposed; reads wait for it too. */
  readonly #end: Promise<never>;
  #reportedError: XError | undefined;

  private constructor(
    gpu: GPUDevice,
    translator: WgslTranslator,
    choice: KernelChoice,
    limits: GpuLimits,
  ) {
    super();
    this.gpu = gpu;
    this.limits = limits;
    this.kernels = choice === "auto" ? "wgsl" : "gpujs";
    this.#queue = new CommandQueue(gpu);
    this.#pool = new BufferPool(gpu, (buffer) => this.#queue.retire(buffer));
    const pipelines = new PipelineCache(gpu);
    const services = { queue: this.#queue, pool: this.#pool, pipelines, limits };
    this.#launcher = new GpujsLauncher({ ...services, translator });
    this.#implementations = choice === "auto" ? wgslImplementations(services) : new Map();
    gpu.addEventListener("uncapturederror", ({ error }) => this.#report(error));
    this.#end = gpu.lost.then((info) => {
      throw this.#lostError(info);
    });
    this.#end.catch(() => undefined);
  }

  /**
   * @param choice - `gpujs` leaves the hand-written kernels out.
   * @param lower - Limits below the adapter's own.
   * @throws {DeviceError} saying what is missing.
   */
  static async create(choice: KernelChoice, lower: Partial<GpuLimits> = {}): Promise<WebGpuDevice> {
    const [translator, adapter] = await Promise.all([WgslTranslator.create(), findAdapter()]);
    const requiredLimits = { ...limitsOf(adapter.limits) };
    const gpu = await adapter.requestDevice({ requiredLimits });
    return new WebGpuDevice(gpu, translator, choice, limitsOf(gpu.limits, lower));
  }

  override allocate(byteLength: number, dtype: DType): GpuTensorBuffer {
    this.assertUsable();
    const { count, elementBytes } = rangeOf({
      buffer: { byteOffset: 0, byteLength },
      dtype,
      byteOffset: 0,
      byteLength,
    });
    const size = Math.ceil((count * elementBytes) / bufferGrain) * bufferGrain;
    assertLimit(this.limits, "maxBufferSize", size, "a tensor", "use smaller tensors");
    return { byteOffset: 0, byteLength, gpuBuffer: this.#pool.take(size) };
  }

  override free(buffer: DeviceBuffer): void {
    this.#pool.give((buffer as GpuTensorBuffer).gpuBuffer);
  }

  override write(slice: BufferSlice, values: ArrayLike<number>): void {
    const { gpuBuffer, first, elementBytes } = rangeOf(slice);
    const data = isBlockDType(slice.dtype)
      ? paddedBytes(values)
      : toCarriers(values, slice.dtype, this.name);
    if (data.byteLength > 0) this.#queue.write(gpuBuffer, first * elementBytes, data);
  }

  override fill(slice: BufferSlice, value: number): void {
    const { gpuBuffer, first, count } = rangeOf(slice);
    const carrier = toCarrier(value, slice.dtype, this.name);
    const chunk = new Float32Array(Math.min(count, fillChunk)).fill(carrier);
    for (let start = 0; start < count; start += chunk.length) {
      const part = chunk.subarray(0, Math.min(chunk.length, count - start));
      this.#queue.write(gpuBuffer, (first + start) * 4, part);
    }
  }

  override copyRuns(
    source: BufferSlice,
    target: BufferSlice,
    runLength: number,
    starts: readonly number[],
  ): void {
    const from = rangeOf(source);
    const to = rangeOf(target);
    // Within one buffer, copies go through another: ranges of one command must not overlap.
    const isShared = from.gpuBuffer === to.gpuBuffer;
    const byteLength = from.count * 4;
    const buffer = isShared ? this.#pool.take(byteLength) : from.gpuBuffer;
    if (isShared) this.#queue.copy(from.gpuBuffer, from.first * 4, buffer, 0, byteLength);
    const firstByte = isShared ? 0 : from.first * 4;
    starts.forEach((start, run) => {
      const offset = firstByte + run * runLength * 4;
      this.#queue.copy(buffer, offset, to.gpuBuffer, (to.first + start) * 4, runLength * 4);
    });
    if (isShared) this.#pool.give(buffer);
  }

  override async read(tensor: Tensor): Promise<TensorData> {
    this.assertUsable();
    const { dtype } = tensor;
    const bytes = await Promise.race([this.#readBytes(tensor), this.#end]);
    if (this.#reportedError !== undefined) throw this.#reportedError;
    return isBlockDType(dtype) ? bytes : fromCarriers(floatsIn(bytes), dtype);
  }

  override readSync(): TensorData {
    this.assertUsable();
    throw new DeviceError("webgpu cannot read at once; use `await tensor.data()`");
  }

  override bytes(): Uint8Array {
    throw new DeviceError(
      "webgpu: the host does not see this device's memory; write with tensor(), read with data()",
    );
  }

  override implementationOf(operation: string): Implementation | undefined {
    return this.#implementations.get(operation);
  }

  override launch(
    source: KernelSource,
    kernelArguments: readonly KernelArgument[],
    output: readonly number[],
    target: BufferSlice,
  ): void {
    this.#launcher.run(source, kernelArguments, output, target);
  }

  protected override usedBytes(): { bytes: number; reservedBytes: number } {
    return { bytes: this.#pool.usedBytes, reservedBytes: this.#pool.reservedBytes };
  }

  protected override release(): void {
    this.#pool.dispose();
    this.gpu.destroy();
  }

  async #readBytes(tensor: Tensor): Promise<Uint8Array<ArrayBuffer>> {
    const dense = contiguous(tensor);
    const { gpuBuffer, first, count, elementBytes } = rangeOf(sliceOf(dense));
    const byteLength = count * elementBytes;
    const wholeWords = Math.ceil(byteLength / 4) * 4;
    const pending =
      byteLength === 0
        ? Promise.resolve(new ArrayBuffer(0))
        : this.#queue.read(gpuBuffer, first * elementBytes, wholeWords);
    // The copy is under way; what comes after may have the memory.
    dense.dispose();
    try {
      return new Uint8Array(await pending, 0, byteLength);
    } catch (cause) {
      // A lost device aborts its reads before it says that it is lost: a busy machine takes a while.
      const settled = new Promise<undefined>((resolve) => setTimeout(resolve, 2000));
      await Promise.race([this.#end, settled]);
      throw this.#reportedError ?? new DeviceError("webgpu: a read failed", {}, { cause });
    }
  }

  /** Errors come after the command that caused them; the reads that follow reject with the first. */
  #report(error: GPUError): void {
    const reason = error.message.split("\n")[0];
    const isMemory = error.constructor.name === "GPUOutOfMemoryError";
    this.#reportedError ??= isMemory
      ? new LimitError(`webgpu: out of memory: ${reason}; dispose tensors`)
      : new KernelError(`webgpu: a command was refused: ${reason}; report it`);
  }

  #lostError({ reason, message }: GPUDeviceLostInfo): XError {
    if (this.isDisposed) {
      return new DisposedError("the webgpu device was disposed before the read was done");
    }
    const failure = new DeviceError(
      `webgpu: the device was lost (${message || reason || "unknown"}); call init() or createDevice() again`,
      { reason, message },
    );
    this.fail(failure);
    return failure;
  }
}

/** Bytes of a block format, up to whole 32-bit words. */
function paddedBytes(values: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(values.length / 4) * 4);
  bytes.set(values);
  return bytes;
}

function floatsIn({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>) {
  return new Float32Array(buffer, byteOffset, byteLength / 4);
}
