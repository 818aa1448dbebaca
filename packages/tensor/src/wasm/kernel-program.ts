import type { Device } from "../device/device";
import type { DeviceBuffer } from "../device/device-buffer";
import { DisposedError, LimitError } from "../errors";
import type { Tensor } from "../tensor";
import { addressOf } from "./address";
import { attentionBlockRows, isQuantizedFormat, ProgramWriter } from "./program-writer";
import { WasmDevice } from "./wasm-device";

/** The largest sizes that a {@link KernelProgram} is used with; its scratch is reserved for them. */
export interface KernelProgramLimits {
  /** Rows of activations. */
  readonly rows: number;
  /** Elements of a row that a product takes. */
  readonly columns: number;
  /** Keys that a query sees. */
  readonly keys: number;
  /** Elements of a head. */
  readonly headDim: number;
}

/** One of the products of {@link KernelProgram.linear}. */
export interface ProgramProduct {
  /** `[N, K]`, in any dtype that `linear` takes. */
  readonly weight: Tensor;
  /** float32 `[rows or more, N]`. */
  readonly output: Tensor;
}

/** Where a sequence's keys and values of one layer lie, in addresses of the device's memory. */
export interface ProgramCache {
  /** Of float32 `[Hkv, slots, D]`. */
  readonly keys: number;
  /** Of float32 `[Hkv, slots, D]`. */
  readonly values: number;
  /** Bytes from one head to the next. */
  readonly headBytes: number;
  /**
   * Of int32 `[1 + blocks]`: the tokens of a block, then the sequence's blocks by position. Block
   * `b` owns the slots from `b` times the block's tokens on. Without one, position is slot.
   */
  readonly blockTable?: number | undefined;
}

/** Operands of {@link KernelProgram.rotateIntoCache}. */
export interface RotationOperands {
  /** float32 `[rows or more, H, D]`, turned in place. */
  readonly queries: Tensor;
  /** float32 `[rows or more, Hkv, D]`. */
  readonly keys: Tensor;
  /** float32 `[rows or more, Hkv, D]`. */
  readonly values: Tensor;
  /** float32 `[P, R/2]`. */
  readonly cosine: Tensor;
  /** float32 `[P, R/2]`. */
  readonly sine: Tensor;
  /** int32 `[rows or more, 2]`: the position of each row, and the number of its sequence. */
  readonly rowTable: Tensor;
  /** int32 `[sequences, 4]`, see {@link KernelProgram.writeCache}. */
  readonly cacheTable: Tensor;
  readonly interleaved: boolean;
}

/** Operands of {@link KernelProgram.attention}. */
export interface AttentionOperands {
  /** float32 `[rows, H, D]`. */
  readonly queries: Tensor;
  /** float32 `[rows, H, D]`. */
  readonly output: Tensor;
  /** int32 `[sequences, 4]`, see {@link KernelProgram.writeCache}. */
  readonly cacheTable: Tensor;
  /**
   * int32 `[blocks or more, 4]`: blocks of at most {@link KernelProgram.blockRows} consecutive
   * queries of one sequence. First row, rows, sequence, position of the first row.
   */
  readonly blockTable: Tensor;
  readonly blocks: number;
  /** `Hkv`. */
  readonly kvHeads: number;
  /** Factor of the scores. */
  readonly scale: number;
}

/**
 * A sequence of kernels that is prepared once and run many times: addresses and sizes are worked out
 * beforehand, tables in memory hold what changes from run to run, and one call runs everything on all
 * threads, without a step of JavaScript between two kernels.
 *
 * For models that decode token by token on the `wasm` device. The result of each kernel is that of
 * the operation of the same name; `rows` may be fewer than the tensors hold.
 *
 * @example
 * ```ts
 * const program = KernelProgram.create(device, { rows: 1, columns: 576, keys: 1, headDim: 64 });
 * program?.rmsNorm(hidden, weight, normed, { rows: 1, epsilon: 1e-5 });
 * program?.linear(normed, [{ weight: up, output }], { rows: 1 });
 * program?.prepare();
 * program?.run();
 * ```
 */
export class KernelProgram implements Disposable {
  /** Most rows of an attention block. */
  static readonly blockRows = attentionBlockRows;
  readonly #device: WasmDevice;
  readonly #writer: ProgramWriter;
  readonly #limits: KernelProgramLimits;
  readonly #scratchBytes: number;
  readonly #scratch: DeviceBuffer;
  readonly #quantized: DeviceBuffer;
  #program: DeviceBuffer | undefined;
  #disposed = false;

  private constructor(device: WasmDevice, limits: KernelProgramLimits) {
    this.#device = device;
    this.#writer = new ProgramWriter(device.packedProducts, device.threads);
    this.#limits = limits;
    const { scratchBytes, quantizedBytes } = device.programMemory(limits);
    this.#scratchBytes = scratchBytes;
    this.#scratch = device.allocate(device.maximumThreads * scratchBytes);
    this.#quantized = device.allocate(quantizedBytes);
  }

  /** A program for `device`, or `undefined` where the device has no kernels for it. */
  static create(device: Device, limits: KernelProgramLimits): KernelProgram | undefined {
    device.assertUsable();
    if (!(device instanceof WasmDevice) || device.kernels === "gpujs") return undefined;
    return new KernelProgram(device, limits);
  }

  /** Describes a sequence's cache of one layer in row `sequence` of a table of int32 `[…, 4]`. */
  static writeCache(
    table: Int32Array,
    sequence: number,
    { keys, values, headBytes, blockTable = 0 }: ProgramCache,
  ): void {
    table.set([keys, values, headBytes, blockTable], sequence * 4);
  }

  /** Where a tensor lies in the device's memory, in bytes, for tables. */
  static addressOf(tensor: Tensor): number {
    return addressOf(tensor);
  }

  /** Forgets all kernels. */
  clear(): void {
    this.#writer.clear();
  }

  /** Rows `ids` of `table`; see `embedding`. The ids must be in range when the program runs. */
  embedding(table: Tensor, ids: Tensor, output: Tensor, { rows }: { readonly rows: number }): void {
    this.#writer.embedding(addressOf(table), table.dtype, addressOf(ids), addressOf(output), {
      rows,
      columns: table.dimension(1),
    });
  }

  /** See `rmsNorm`. */
  rmsNorm(
    input: Tensor,
    weight: Tensor,
    output: Tensor,
    { rows, epsilon }: { readonly rows: number; readonly epsilon: number },
  ): void {
    const columns = weight.size;
    this.#writer.rmsNorm(addressOf(input), addressOf(weight), addressOf(output), epsilon, {
      rows,
      columns,
    });
  }

  /** Products of one input with several weights; see `linear`. */
  linear(
    input: Tensor,
    products: readonly ProgramProduct[],
    { rows }: { readonly rows: number },
  ): void {
    const dtypes = new Set(products.map(({ weight }) => weight.dtype));
    for (const dtype of dtypes) {
      const group = products.filter(({ weight }) => weight.dtype === dtype);
      const columns = group[0]?.weight.dimension(1) ?? 0;
      this.#assertFits(rows, columns);
      let source = addressOf(input);
      if (isQuantizedFormat(dtype)) {
        this.#writer.quantize(source, this.#quantized.byteOffset, dtype, { rows, columns });
        source = this.#quantized.byteOffset;
      }
      this.#writer.beginPhase();
      for (const { weight, output } of group) {
        const features = weight.dimension(0);
        const sizes = { rows, columns, features };
        this.#writer.linear(source, addressOf(weight), dtype, addressOf(output), sizes);
      }
      this.#writer.endPhase();
    }
  }

  /** Turns queries in place, and writes turned keys and the values into the sequences' caches. */
  rotateIntoCache(operands: RotationOperands, { rows }: { readonly rows: number }): void {
    const { queries, keys, values, cosine, sine, rowTable, cacheTable, interleaved } = operands;
    const rotarySize = cosine.dimension(1) * 2;
    this.#writer.rotateIntoCache(
      [
        addressOf(queries),
        addressOf(keys),
        addressOf(values),
        addressOf(cosine),
        addressOf(sine),
        addressOf(rowTable),
        addressOf(cacheTable),
      ],
      rows,
      [
        queries.dimension(1),
        keys.dimension(1),
        queries.dimension(2),
        interleaved ? rotarySize : -rotarySize,
      ],
    );
  }

  /** Causal softmax attention over the sequences' caches, with heads that share keys and values. */
  attention({
    queries,
    output,
    cacheTable,
    blockTable,
    blocks,
    kvHeads,
    scale,
  }: AttentionOperands): void {
    this.#writer.attention(
      [addressOf(queries), addressOf(output), addressOf(cacheTable), addressOf(blockTable)],
      blocks,
      [queries.dimension(1), kvHeads, queries.dimension(2)],
      scale,
    );
  }

  /** `silu(gate) · up`, elementwise; `output` may be `gate`. */
  siluMultiply(
    gate: Tensor,
    up: Tensor,
    output: Tensor,
    { rows }: { readonly rows: number },
  ): void {
    const columns = gate.dimension(-1);
    this.#writer.siluMultiply(addressOf(gate), addressOf(up), addressOf(output), { rows, columns });
  }

  /** See `add`; `output` may be either operand. */
  add(left: Tensor, right: Tensor, output: Tensor, { rows }: { readonly rows: number }): void {
    const columns = left.dimension(-1);
    this.#writer.add(addressOf(left), addressOf(right), addressOf(output), { rows, columns });
  }

  /** Makes what was described since `clear()` the program that `run` runs. */
  prepare(): void {
    const { words } = this.#writer;
    if (this.#program === undefined || this.#program.byteLength < words.byteLength) {
      if (this.#program !== undefined) this.#device.free(this.#program);
      this.#program = this.#device.allocate(words.byteLength);
    }
    this.#device.writeIntegers(this.#program.byteOffset, words);
  }

  /**
   * Runs the program.
   *
   * @throws {KernelError} when a thread died on the way: the results are undefined then, and the
   * next run uses the threads that are left.
   */
  run(): void {
    if (this.#program === undefined || this.#disposed) {
      throw new DisposedError("the program is not prepared or was disposed; call prepare()");
    }
    this.#device.assertUsable();
    const { byteOffset } = this.#scratch;
    this.#device.runPrepared(this.#program.byteOffset, byteOffset, this.#scratchBytes);
  }

  /** Gives the memory back. Safe to call twice. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const buffer of [this.#scratch, this.#quantized, this.#program]) {
      if (buffer !== undefined) this.#device.free(buffer);
    }
  }

  /** As `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #assertFits(rows: number, columns: number): void {
    const { rows: mostRows, columns: mostColumns } = this.#limits;
    if (rows <= mostRows && columns <= mostColumns) return;
    throw new LimitError(
      `a product of ${rows} rows of ${columns} exceeds the program's ${mostRows} rows of ${mostColumns}; create it with larger limits`,
      { rows, columns, mostRows, mostColumns },
    );
  }
}
