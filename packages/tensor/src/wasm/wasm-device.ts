import type { BufferSlice, KernelChoice, KernelSet } from "../device/device";
import type { DeviceBuffer } from "../device/device-buffer";
import { HostDevice } from "../device/host-device";
import { LimitError } from "../errors";
import { KernelFactory } from "../gpujs/kernel-factory";
import type { Implementation } from "../ops/operation";
import type { OperationKernels } from "../ops/operation-kernels";
import { Allocator } from "./allocator";
import { simdImplementations } from "./implementations";
import { instantiateKernels, supportedBuild, type WasmBuild } from "./kernel-module";
import { instantiatePackage, type WasmKernelHost, type WasmKernels } from "./wasm-kernels";

const pageBytes = 65536;
/** Growing costs a millisecond, and pages that are not touched take no memory: 16 MiB at least. */
const growthPages = 256;
/** 4 GiB: all that 32-bit pointers reach. */
const maximumPages = 65536;

/**
 * One WebAssembly memory that holds every tensor, with SIMD kernels over it and gpu.js in its
 * `webasm` mode for the rest.
 */
export class WasmDevice extends HostDevice implements WasmKernelHost {
  readonly name = "wasm";
  readonly kernels: KernelSet;
  readonly #memory: WebAssembly.Memory;
  readonly #allocator: Allocator;
  readonly #implementations: ReadonlyMap<string, Implementation>;
  readonly #packages = new Map<WasmKernels, ReadonlyMap<string, Implementation>>();

  private constructor(
    factory: KernelFactory,
    memory: WebAssembly.Memory,
    kernels: KernelSet,
    implementations: (device: WasmDevice) => ReadonlyMap<string, Implementation>,
  ) {
    super(factory);
    this.#memory = memory;
    this.kernels = kernels;
    // Address 0 is left free: kernels read it as "absent".
    this.#allocator = new Allocator(64, pageBytes, maximumPages * pageBytes, (byteLength) =>
      this.#growTo(byteLength),
    );
    this.#implementations = implementations(this);
  }

  /** @param choice - `gpujs` leaves the SIMD kernels out. */
  static async create(
    choice: KernelChoice,
    build: WasmBuild | undefined = supportedBuild(),
  ): Promise<WasmDevice> {
    const factory = await KernelFactory.create("webasm");
    const memory = new WebAssembly.Memory({ initial: 1, maximum: maximumPages });
    if (choice === "gpujs" || build === undefined) {
      return new WasmDevice(factory, memory, "gpujs", () => new Map());
    }
    const kernels = await instantiateKernels(build, memory);
    return new WasmDevice(factory, memory, build, (device) => simdImplementations(device, kernels));
  }

  override allocate(byteLength: number): DeviceBuffer {
    return { byteOffset: this.#allocator.allocate(byteLength), byteLength };
  }

  override free(buffer: DeviceBuffer): void {
    this.#allocator.free(buffer.byteOffset);
  }

  override bytes({ buffer, byteOffset, byteLength }: BufferSlice): Uint8Array {
    return new Uint8Array(this.#memory.buffer, buffer.byteOffset + byteOffset, byteLength);
  }

  override implementationOf(
    operation: string,
    kernels?: OperationKernels,
  ): Implementation | undefined {
    const own = this.#implementations.get(operation);
    if (own !== undefined || kernels?.wasm === undefined) return own;
    return this.#packageOf(kernels.wasm)?.get(operation);
  }

  /** Runs `use` with `byteLength` bytes that are free again afterwards. @internal */
  withScratch(byteLength: number, use: (pointer: number) => void): void {
    const pointer = this.#allocator.allocate(byteLength);
    try {
      use(pointer);
    } finally {
      this.#allocator.free(pointer);
    }
  }

  /** The float32 at `pointer`. @internal */
  readFloat(pointer: number): number {
    return new Float32Array(this.#memory.buffer, pointer, 1)[0] ?? 0;
  }

  /** Writes 32-bit integers at `pointer`. @internal */
  writeIntegers(pointer: number, values: ArrayLike<number>): void {
    new Int32Array(this.#memory.buffer, pointer, values.length).set(values);
  }

  protected override usedBytes(): { bytes: number; reservedBytes: number } {
    return {
      bytes: this.#allocator.usedBytes,
      reservedBytes: this.#memory.buffer.byteLength,
    };
  }

  /** Instantiates a package's kernels when the first of its operations runs. */
  #packageOf(kernels: WasmKernels): ReadonlyMap<string, Implementation> | undefined {
    if (this.kernels !== "simd" && this.kernels !== "relaxed-simd") return undefined;
    let found = this.#packages.get(kernels);
    if (found === undefined) {
      found = instantiatePackage(kernels, this.kernels, this.#memory, this);
      this.#packages.set(kernels, found);
    }
    return found;
  }

  #growTo(byteLength: number): void {
    const present = this.#memory.buffer.byteLength;
    const missing = Math.ceil((byteLength - present) / pageBytes);
    if (missing <= 0) return;
    const room = maximumPages - present / pageBytes;
    try {
      this.#memory.grow(Math.min(room, Math.max(missing, growthPages)));
    } catch (cause) {
      throw new LimitError(
        `out of memory: WebAssembly refused to grow to ${byteLength} bytes; dispose tensors or use a smaller model`,
        { byteLength },
        { cause },
      );
    }
  }
}
