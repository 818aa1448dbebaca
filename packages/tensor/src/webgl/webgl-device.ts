import { type BufferSlice, Device } from "../device/device";
import type { DeviceBuffer } from "../device/device-buffer";
import { carriedBytes, fromCarriers, toCarrier, toCarriers } from "../device/float-carrier";
import type { DType } from "../dtype";
import { DeviceError, KernelError, LimitError } from "../errors";
import { GlslTranslator } from "../gpujs/glsl-translator";
import type { KernelArgument, KernelSource } from "../gpujs/kernel-source";
import { contiguous } from "../ops/contiguous";
import { type Implementation, sliceOf } from "../ops/operation";
import type { Tensor, TensorData } from "../tensor";
import { createGlContext, releaseGlContext } from "./gl-context";
import { GlLauncher } from "./gl-launcher";
import { TexturePool } from "./texture-pool";
import { type GlTensorBuffer, rangeOf, rectanglesOf, type TextureRange } from "./texture-range";

/** What a WebGL device allows, as far as tensors meet it. */
export interface GlLimits {
  /** Texels along a side of a texture; the largest tensor has the square of it. */
  readonly maxTextureSize: number;
}

/** Elements that are filled by one draw. */
const fillLimit = 2 ** 22;

const constant: KernelSource = {
  name: "webgl-fill",
  source: "function (value) { return value; }",
  parameters: ["float"],
};

/**
 * Tensors in WebGL2 textures of one float32 per texel. gpu.js translates the operations' definitions
 * to GLSL, and every one of them is drawn into the texture of its result.
 */
export class WebGlDevice extends Device {
  readonly name = "webgl";
  readonly access = "readback";
  readonly kernels = "gpujs";
  readonly limits: GlLimits;
  /** The context behind this device. */
  readonly context: WebGL2RenderingContext;
  readonly #pool: TexturePool;
  readonly #launcher: GlLauncher;

  private constructor(
    context: WebGL2RenderingContext,
    translator: GlslTranslator,
    limits: GlLimits,
  ) {
    super();
    this.context = context;
    this.limits = limits;
    this.#pool = new TexturePool(context, limits.maxTextureSize);
    this.#launcher = new GlLauncher(context, translator, this.#pool);
    context.pixelStorei(context.UNPACK_ALIGNMENT, 1);
    context.canvas.addEventListener("webglcontextlost", () => this.#lose());
  }

  /**
   * @param lower - Limits below the GPU's own.
   * @throws {DeviceError} saying what is missing.
   */
  static async create(lower: Partial<GlLimits> = {}): Promise<WebGlDevice> {
    const context = createGlContext();
    const side: number = context.getParameter(context.MAX_TEXTURE_SIZE);
    const maxTextureSize = Math.min(side, lower.maxTextureSize ?? side);
    return new WebGlDevice(context, await GlslTranslator.create(context), { maxTextureSize });
  }

  override allocate(byteLength: number, dtype: DType): GlTensorBuffer {
    this.assertUsable();
    const count = byteLength / carriedBytes(dtype);
    const { maxTextureSize } = this.limits;
    if (count > maxTextureSize ** 2) {
      throw new LimitError(
        `webgl: a tensor needs ${count} texels, but this device's maxTextureSize is ${maxTextureSize} along each of two sides; use smaller tensors`,
        { needed: count, maxTextureSize },
      );
    }
    return { byteOffset: 0, byteLength, texture: this.#pool.take(count) };
  }

  override free(buffer: DeviceBuffer): void {
    this.#pool.give((buffer as GlTensorBuffer).texture);
  }

  override write(slice: BufferSlice, values: ArrayLike<number>): void {
    const carriers = toCarriers(values, slice.dtype, this.name);
    const range = rangeOf(slice);
    const gl = this.context;
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, range.texture.texture);
    for (const { x, y, width, height, start } of rectanglesOf(range)) {
      const part = carriers.subarray(start, start + width * height);
      gl.texSubImage2D(gl.TEXTURE_2D, 0, x, y, width, height, gl.RED, gl.FLOAT, part);
    }
  }

  override fill(slice: BufferSlice, value: number): void {
    const carrier = toCarrier(value, slice.dtype, this.name);
    const range = rangeOf(slice);
    for (let start = 0; start < range.count; start += fillLimit) {
      const count = Math.min(fillLimit, range.count - start);
      const part = { ...range, first: range.first + start, count };
      this.#launcher.run(constant, [carrier], [count], part);
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
    starts.forEach((start, run) => {
      const first = from.first + run * runLength;
      this.#launcher.copy(
        { texture: from.texture, first, count: runLength },
        { texture: to.texture, first: to.first + start, count: runLength },
      );
    });
  }

  override async read(tensor: Tensor): Promise<TensorData> {
    return this.readSync(tensor);
  }

  override readSync(tensor: Tensor): TensorData {
    this.assertUsable();
    using dense = contiguous(tensor);
    const carriers = this.#readRange(rangeOf(sliceOf(dense)));
    const gl = this.context;
    // The event that tells of a loss comes later than the loss.
    if (gl.isContextLost()) this.#lose();
    this.assertUsable();
    const error = gl.getError();
    if (error === gl.OUT_OF_MEMORY) {
      throw new LimitError("webgl: out of memory; dispose tensors or use smaller ones");
    }
    if (error !== gl.NO_ERROR) {
      throw new KernelError(`webgl: the GPU refused a command (${error}); report it`, { error });
    }
    return fromCarriers(carriers, tensor.dtype);
  }

  override bytes(): Uint8Array {
    throw new DeviceError(
      "webgl: the host does not see this device's memory; write with tensor(), read with data()",
    );
  }

  override implementationOf(): Implementation | undefined {
    return undefined;
  }

  override launch(
    source: KernelSource,
    kernelArguments: readonly KernelArgument[],
    output: readonly number[],
    target: BufferSlice,
  ): void {
    const converted = kernelArguments.map((argument) =>
      typeof argument === "number"
        ? argument
        : { range: rangeOf(argument.slice), sizes: argument.sizes },
    );
    this.#launcher.run(source, converted, output, rangeOf(target));
  }

  protected override usedBytes(): { bytes: number; reservedBytes: number } {
    return { bytes: this.#pool.usedBytes, reservedBytes: this.#pool.reservedBytes };
  }

  protected override release(): void {
    this.#pool.dispose();
    releaseGlContext(this.context);
  }

  /** WebGL reads four floats per texel whatever the texture holds. */
  #readRange(range: TextureRange): Float32Array<ArrayBuffer> {
    const gl = this.context;
    const values = new Float32Array(range.count);
    this.#launcher.bindFramebuffer(range.texture.texture);
    for (const { x, y, width, height, start } of rectanglesOf(range)) {
      const texels = new Float32Array(width * height * 4);
      gl.readPixels(x, y, width, height, gl.RGBA, gl.FLOAT, texels);
      for (let index = 0; index < width * height; index++) {
        values[start + index] = texels[index * 4] ?? 0;
      }
    }
    return values;
  }

  #lose(): void {
    if (this.isDisposed) return;
    this.fail(
      new DeviceError("webgl: the device was lost; call init() or createDevice() again", {
        device: this.name,
      }),
    );
  }
}
