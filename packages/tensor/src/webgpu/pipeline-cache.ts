/** A compiled shader with the layout of its bindings. */
export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** GPUShaderStage.COMPUTE. */
const computeStage = 4;

/**
 * Compiled shaders by name. All bind alike: a uniform buffer of parameters, then the operands, then
 * the result.
 */
export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #pipelines = new Map<string, Pipeline>();
  readonly #layouts = new Map<number, GPUBindGroupLayout>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** The shader of this name, which `code` gives on first use and which takes `operands` operands. */
  get(name: string, operands: number, code: () => string): Pipeline {
    const known = this.#pipelines.get(name);
    if (known !== undefined) return known;
    const layout = this.#layoutOf(operands);
    const module = this.#device.createShaderModule({ label: name, code: code() });
    const pipeline = this.#device.createComputePipeline({
      label: name,
      layout: this.#device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: "main" },
    });
    const made = { pipeline, layout };
    this.#pipelines.set(name, made);
    return made;
  }

  #layoutOf(operands: number): GPUBindGroupLayout {
    const known = this.#layouts.get(operands);
    if (known !== undefined) return known;
    const types: GPUBufferBindingType[] = [
      "uniform",
      ...new Array<GPUBufferBindingType>(operands).fill("read-only-storage"),
      "storage",
    ];
    const layout = this.#device.createBindGroupLayout({
      entries: types.map((type, binding) => ({
        binding,
        visibility: computeStage,
        buffer: { type },
      })),
    });
    this.#layouts.set(operands, layout);
    return layout;
  }
}
