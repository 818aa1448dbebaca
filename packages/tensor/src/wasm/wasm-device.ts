import type { BufferSlice, KernelChoice, KernelSet } from "../device/device";
import type { DeviceBuffer } from "../device/device-buffer";
import { HostDevice } from "../device/host-device";
import type { DType } from "../dtype";
import { KernelError, LimitError } from "../errors";
import { KernelFactory } from "../gpujs/kernel-factory";
import type { Implementation } from "../ops/operation";
import type { OperationKernels } from "../ops/operation-kernels";
import { Allocator } from "./allocator";
import { simdImplementations } from "./implementations";
import type { KernelExports } from "./kernel-exports";
import {
  compileKernels,
  instantiateKernels,
  supportedBuild,
  type WasmBuild,
} from "./kernel-module";
import type { KernelProgramLimits } from "./kernel-program";
import {
  attentionBlockRows,
  type ByteProducts,
  formatOf,
  isQuantizedFormat,
  type PackedProducts,
  ProgramWriter,
} from "./program-writer";
import { ThreadPool } from "./thread-pool";
import { instantiatePackage, type WasmKernelHost, type WasmKernels } from "./wasm-kernels";

const pageBytes = 65536;
/** Growing costs a millisecond, and pages that are not touched take no memory: 16 MiB at least. */
const growthPages = 256;
/** 4 GiB: all that 32-bit pointers reach. */
const maximumPages = 65536;
/** Below this lie what the threads share and the static data of kernel modules. */
const firstByte = 65536;

/** Scratch of a thread that unpacks rows of a table. */
const unpackScratchBytes = 128;

/** A product with packed weights, as {@link WasmDevice.runLinear} takes it. */
export interface LinearSizes {
  readonly dtype: DType;
  readonly rows: number;
  readonly columns: number;
  readonly features: number;
}

/** The SIMD kernels with the threads that run them. */
interface KernelRunner {
  readonly kernels: KernelExports;
  readonly pool: ThreadPool;
}

/** What a {@link WasmDevice} is made with. */
export interface WasmDeviceOptions {
  /** `gpujs` leaves the SIMD kernels out. */
  readonly kernels: KernelChoice;
  readonly build?: WasmBuild | undefined;
  /** Threads, the calling one included. */
  readonly threads: number;
  /**
   * Which packed weights are multiplied as bytes, with the same results. Default: those that the
   * processor has an instruction for, where the engine uses it.
   */
  readonly byteProducts?: ByteProducts | undefined;
  /** The fewest bits of an activation in products with packed weights. Default 16. */
  readonly activationBits?: 8 | 16 | undefined;
}

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
  readonly #runner: KernelRunner | undefined;
  readonly #writer: ProgramWriter;
  /** How products with packed weights are computed. @internal */
  readonly packedProducts: PackedProducts;

  private constructor(
    factory: KernelFactory,
    memory: WebAssembly.Memory,
    kernels: KernelSet,
    runner: KernelRunner | undefined,
    packedProducts: PackedProducts,
  ) {
    super(factory);
    this.packedProducts = packedProducts;
    this.#writer = new ProgramWriter(packedProducts, runner?.pool.threads ?? 1);
    this.#memory = memory;
    this.kernels = kernels;
    this.#runner = runner;
    this.#allocator = new Allocator(
      firstByte,
      memory.buffer.byteLength,
      maximumPages * pageBytes,
      (byteLength) => this.#growTo(byteLength),
    );
    this.#implementations =
      runner === undefined ? new Map() : simdImplementations(this, runner.kernels);
  }

  static async create({
    kernels: choice,
    build = supportedBuild(),
    threads,
    byteProducts,
    activationBits = 16,
  }: WasmDeviceOptions): Promise<WasmDevice> {
    const factory = await KernelFactory.create("webasm");
    const memory = new WebAssembly.Memory({ initial: 2, maximum: maximumPages, shared: true });
    if (choice === "gpujs" || build === undefined) {
      const none = { byteProducts: 0, activationBits } as const;
      return new WasmDevice(factory, memory, "gpujs", undefined, none);
    }
    const module = await compileKernels(build);
    const kernels = await instantiateKernels(module, memory);
    const pool = await ThreadPool.start({ module, memory, kernels, threads });
    return new WasmDevice(
      factory,
      memory,
      build,
      { kernels, pool },
      {
        byteProducts: byteProducts ?? (kernels.byteProducts(127, 255) as ByteProducts),
        activationBits,
      },
    );
  }

  /** Threads that run the kernels, the calling one included. */
  override get threads(): number {
    return this.#runner?.pool.threads ?? 1;
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

  /** `input · weightᵀ` on all threads. @internal */
  runLinear(input: number, weight: number, output: number, sizes: LinearSizes): void {
    const { kernels } = this.#assertRunner();
    const { dtype, rows, columns } = sizes;
    const writer = this.#writer;
    writer.clear();
    const scratchBytes = kernels.linearScratchBytes(columns, formatOf(dtype));
    if (!isQuantizedFormat(dtype)) {
      writer.linear(input, weight, dtype, output, sizes);
      this.runProgram(writer, scratchBytes);
      return;
    }
    this.withScratch(kernels.quantizedRowsBytes(rows, columns), (quantized) => {
      writer.quantize(input, quantized, dtype, sizes);
      writer.linear(quantized, weight, dtype, output, sizes);
      this.runProgram(writer, scratchBytes);
    });
  }

  /** Rows `ids` of `table` on all threads. @internal */
  runEmbedding(
    table: number,
    dtype: DType,
    ids: number,
    output: number,
    shape: { readonly rows: number; readonly columns: number },
  ): void {
    this.#writer.clear();
    this.#writer.embedding(table, dtype, ids, output, shape);
    this.runProgram(this.#writer, unpackScratchBytes);
  }

  /** `left · right` on all threads; see `ProgramWriter.matmul`. @internal */
  runMatmul(
    addresses: readonly [left: number, right: number, output: number],
    sizes: readonly [batch: number, m: number, k: number, n: number],
    batchStrides: readonly [number, number, number],
    rowStrides: readonly [number, number, number],
  ): void {
    const [, m, k, n] = sizes;
    this.#writer.clear();
    this.#writer.matmul(addresses, sizes, batchStrides, rowStrides);
    const { kernels } = this.#assertRunner();
    this.runProgram(this.#writer, kernels.matmulScratchBytes(m, k, n));
  }

  /** Runs what `writer` holds once, with `scratchBytes` for each thread. @internal */
  runProgram({ words }: ProgramWriter, scratchBytes: number): void {
    const { pool } = this.#assertRunner();
    const stride = Math.ceil(scratchBytes / 64) * 64;
    this.withScratch(words.byteLength + pool.maximumThreads * stride, (pointer) => {
      this.writeIntegers(pointer, words);
      pool.run(pointer, pointer + words.byteLength, stride);
    });
  }

  /** Threads that there can be; see `ThreadPool.maximumThreads`. @internal */
  get maximumThreads(): number {
    return this.#assertRunner().pool.maximumThreads;
  }

  /** Runs a program that lies in memory. @internal */
  runPrepared(program: number, scratch: number, scratchStride: number): void {
    this.#assertRunner().pool.run(program, scratch, scratchStride);
  }

  /** What a program needs besides its tensors: scratch of each thread, quantized rows. @internal */
  programMemory({ rows, columns, keys, headDim }: KernelProgramLimits): {
    scratchBytes: number;
    quantizedBytes: number;
  } {
    const { kernels } = this.#assertRunner();
    const needs = [
      kernels.linearScratchBytes(columns, formatOf("q8_0")),
      kernels.linearScratchBytes(columns, formatOf("float32")),
      unpackScratchBytes,
      kernels.attentionScratchBytes(attentionBlockRows, keys, headDim),
    ];
    return {
      scratchBytes: Math.ceil(Math.max(...needs) / 64) * 64,
      quantizedBytes: kernels.quantizedRowsBytes(rows, columns),
    };
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

  protected override release(): void {
    this.#runner?.pool.dispose();
    super.release();
  }

  #assertRunner(): KernelRunner {
    if (this.#runner !== undefined) return this.#runner;
    throw new KernelError("this wasm device runs gpu.js kernels alone; it has no programs");
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
