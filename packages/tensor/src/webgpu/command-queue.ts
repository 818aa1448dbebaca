/** GPUBufferUsage and GPUMapMode; the numbers are the specification's, and Node has no globals. */
const uniformUsage = 0x40 | 0x08;
const stagingUsage = 0x01 | 0x08;
const mapRead = 0x01;

/** Uniform buffers must start at multiples of this. */
const slotBytes = 256;
/** Launches per submission: enough to hide its cost, few enough that the GPU starts early. */
const maximumSlots = 64;

/** One launch of a compute pipeline. */
export interface ComputeCall {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  /** The uniform buffer's content, at most 256 bytes. */
  readonly parameters: ArrayBuffer;
  /** Operands first, the result last. */
  readonly bindings: readonly GPUBufferBinding[];
  readonly groups: readonly [number, number, number];
}

/**
 * Commands in the order in which they were asked for, submitted several at a time. Writing to a
 * buffer from the host submits what was recorded before, so that the order holds.
 */
export class CommandQueue {
  readonly #device: GPUDevice;
  readonly #uniforms: GPUBuffer;
  readonly #mirror = new Uint8Array(slotBytes * maximumSlots);
  readonly #retired: GPUBuffer[] = [];
  #slots = 0;
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;

  constructor(device: GPUDevice) {
    this.#device = device;
    const size = this.#mirror.byteLength;
    this.#uniforms = device.createBuffer({ size, usage: uniformUsage });
  }

  /** Records a launch. */
  compute({ pipeline, layout, parameters, bindings, groups }: ComputeCall): void {
    if (this.#slots === maximumSlots) this.flush();
    const offset = this.#slots * slotBytes;
    this.#slots++;
    this.#mirror.set(new Uint8Array(parameters), offset);
    const uniform = { buffer: this.#uniforms, offset, size: parameters.byteLength };
    const bindGroup = this.#device.createBindGroup({
      layout,
      entries: [uniform, ...bindings].map((resource, binding) => ({ binding, resource })),
    });
    this.#pass ??= this.#commands().beginComputePass();
    this.#pass.setPipeline(pipeline);
    this.#pass.setBindGroup(0, bindGroup);
    this.#pass.dispatchWorkgroups(...groups);
  }

  /** Records a copy of `byteLength` bytes, a multiple of 4, between two buffers. */
  copy(
    source: GPUBuffer,
    sourceOffset: number,
    target: GPUBuffer,
    targetOffset: number,
    byteLength: number,
  ): void {
    this.#commands().copyBufferToBuffer(source, sourceOffset, target, targetOffset, byteLength);
  }

  /** Writes host memory into a buffer. */
  write(target: GPUBuffer, byteOffset: number, data: Float32Array | Uint8Array): void {
    this.flush();
    const { buffer, byteOffset: start, byteLength } = data;
    this.#device.queue.writeBuffer(target, byteOffset, buffer as ArrayBuffer, start, byteLength);
  }

  /** Copies `byteLength` bytes, a multiple of 4, to host memory. */
  async read(source: GPUBuffer, byteOffset: number, byteLength: number): Promise<ArrayBuffer> {
    const staging = this.#device.createBuffer({ size: byteLength, usage: stagingUsage });
    try {
      this.copy(source, byteOffset, staging, 0, byteLength);
      this.flush();
      await staging.mapAsync(mapRead);
      // Unmapping detaches the range; the copy has to happen first.
      return staging.getMappedRange().slice(0);
    } finally {
      staging.destroy();
    }
  }

  /** Destroys `buffer` once the commands recorded so far are submitted. */
  retire(buffer: GPUBuffer): void {
    if (this.#encoder === undefined) buffer.destroy();
    else this.#retired.push(buffer);
  }

  /** Submits what was recorded. */
  flush(): void {
    if (this.#encoder === undefined) return;
    this.#endPass();
    const used = this.#slots * slotBytes;
    if (used > 0) this.#device.queue.writeBuffer(this.#uniforms, 0, this.#mirror, 0, used);
    this.#device.queue.submit([this.#encoder.finish()]);
    this.#encoder = undefined;
    this.#slots = 0;
    for (const buffer of this.#retired.splice(0)) buffer.destroy();
  }

  #commands(): GPUCommandEncoder {
    this.#endPass();
    this.#encoder ??= this.#device.createCommandEncoder();
    return this.#encoder;
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = undefined;
  }
}
