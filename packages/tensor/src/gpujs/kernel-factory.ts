import type { BufferSlice } from "../device/device";
import { KernelError } from "../errors";
import { type GpuKernel, type GpuMode, type GpuModule, loadGpuModule, modeOf } from "./gpu-module";
import {
  argumentTypes,
  assertIndexable,
  type KernelArgument,
  type KernelSource,
  loopMaxIterations,
} from "./kernel-source";

/** Compiled kernels kept; the least recently used goes first. */
const maximumKernels = 256;

/**
 * The one place that makes gpu.js kernels. It guards against what gpu.js gets wrong silently:
 * loops cut at 1000 iterations, flat indexes past 2^24, matrices indexed by a wrong width, and
 * kernels that fall back to another mode.
 */
export class KernelFactory {
  readonly mode: GpuMode;
  readonly #module: GpuModule;
  readonly #gpu: InstanceType<GpuModule["GPU"]>;
  readonly #kernels = new Map<string, GpuKernel>();

  private constructor(module: GpuModule, mode: GpuMode) {
    this.mode = mode;
    this.#module = module;
    this.#gpu = new module.GPU({ mode });
  }

  static async create(mode: GpuMode): Promise<KernelFactory> {
    return new KernelFactory(await loadGpuModule(), mode);
  }

  /** Number of compiled kernels kept. */
  get size(): number {
    return this.#kernels.size;
  }

  /** Runs `source` over `output` cells and stores the cells in `target`, row by row. */
  run(
    source: KernelSource,
    kernelArguments: readonly KernelArgument[],
    output: readonly number[],
    bytesOf: (slice: BufferSlice) => Uint8Array,
    target: BufferSlice,
  ): void {
    assertIndexable(source.name, output);
    if (output.includes(0)) return;
    const key = this.#keyOf(source, kernelArguments, output);
    const values = kernelArguments.map((argument) => {
      if (typeof argument === "number") return argument;
      assertIndexable(source.name, argument.sizes);
      const elements = elementsOf(argument.slice, bytesOf);
      return new this.#module.Input(elements, argument.sizes);
    });
    let kernel = this.#kernelFor(key, source, output);
    let result: unknown;
    try {
      result = kernel(...values);
    } catch (error) {
      if (!isOutOfMemories(error)) throw error;
      this.#destroyKernels();
      kernel = this.#kernelFor(key, source, output);
      result = kernel(...values);
    }
    this.#assertMode(source.name, kernel);
    store(result, elementsOf(target, bytesOf));
  }

  dispose(): void {
    this.#destroyKernels();
    void this.#gpu.destroy();
  }

  #destroyKernels(): void {
    for (const kernel of this.#kernels.values()) kernel.destroy();
    this.#kernels.clear();
  }

  #kernelFor(key: string, source: KernelSource, output: readonly number[]): GpuKernel {
    const known = this.#kernels.get(key);
    if (known !== undefined) {
      this.#kernels.delete(key);
      this.#kernels.set(key, known);
      known.setOutput(output);
      return known;
    }
    const kernel = this.#gpu.createKernel(source.source, {
      output,
      argumentTypes: source.parameters.map((parameter) => argumentTypes[parameter]),
      dynamicOutput: true,
      dynamicArguments: this.mode !== "cpu",
      loopMaxIterations,
      precision: "single",
    });
    this.#kernels.set(key, kernel);
    this.#evictOldest();
    return kernel;
  }

  /**
   * In `cpu` mode, dynamic arguments index a matrix by the width of the output instead of its own,
   * so there each combination of sizes is a kernel of its own.
   */
  #keyOf(
    { name }: KernelSource,
    kernelArguments: readonly KernelArgument[],
    output: readonly number[],
  ): string {
    if (this.mode !== "cpu") return `${name}/${output.length}`;
    const sizes = kernelArguments.map((argument) =>
      typeof argument === "number" ? "" : argument.sizes.join("x"),
    );
    return `${name}/${output.length}/${sizes.join()}`;
  }

  #evictOldest(): void {
    if (this.#kernels.size <= maximumKernels) return;
    const [oldest] = this.#kernels;
    if (oldest === undefined) return;
    const [key, kernel] = oldest;
    this.#kernels.delete(key);
    kernel.destroy();
    // gpu.js keeps every cpu kernel that it ever made unless it is taken out of this list.
    const index = this.#gpu.kernels.findIndex((made) => made === kernel || made === kernel.kernel);
    if (index !== -1) this.#gpu.kernels.splice(index, 1);
  }

  #assertMode(name: string, kernel: GpuKernel): void {
    const mode = modeOf(kernel);
    if (mode === this.mode) return;
    throw new KernelError(
      `kernel ${name} ran in gpu.js mode "${mode}" instead of "${this.mode}"; report it`,
      { kernel: name, expected: this.mode, actual: mode },
    );
  }
}

/**
 * In `webasm` mode gpu.js keeps a WebAssembly memory per kernel and size, of which Chromium reserves
 * gigabytes of addresses each: after about a hundred there are no more, until some are collected.
 */
function isOutOfMemories(error: unknown): boolean {
  return error instanceof RangeError && error.message.startsWith("WebAssembly.Memory()");
}

type ElementArray = Float32Array | Int32Array | Uint16Array | Uint8Array;

/**
 * The slice as the array type that holds its elements. Packed formats appear as 16-bit words: the
 * widest unit that float32, which carries every gpu.js value, holds exactly.
 */
function elementsOf(slice: BufferSlice, bytesOf: (slice: BufferSlice) => Uint8Array): ElementArray {
  const { buffer, byteOffset, byteLength } = bytesOf(slice);
  switch (slice.dtype) {
    case "float32":
      return new Float32Array(buffer, byteOffset, byteLength / 4);
    case "int32":
      return new Int32Array(buffer, byteOffset, byteLength / 4);
    case "bool":
      return new Uint8Array(buffer, byteOffset, byteLength);
    case "float16":
    case "bfloat16":
    case "q4_0":
    case "q4_1":
    case "q8_0":
    case "q4_k":
    case "q5_k":
    case "q6_k":
      return new Uint16Array(buffer, byteOffset, byteLength / 2);
    default:
      return slice.dtype satisfies never;
  }
}

type NestedRows = Float32Array | readonly NestedRows[];

/** gpu.js returns rows of rows; the target is flat. */
function store(result: unknown, target: ElementArray): void {
  let position = 0;
  const visit = (rows: NestedRows): void => {
    if (rows instanceof Float32Array) {
      target.set(rows, position);
      position += rows.length;
    } else {
      for (const row of rows) visit(row);
    }
  };
  visit(result as NestedRows);
}
