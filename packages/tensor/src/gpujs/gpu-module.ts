/** The modes of gpu.js that these devices use. */
export type GpuMode = "cpu" | "webasm";

/** A compiled kernel: called with numbers and inputs, it returns rows of rows. */
export interface GpuKernel {
  (...values: readonly unknown[]): unknown;
  readonly kernel: object;
  setOutput(output: readonly number[]): unknown;
  destroy(): unknown;
}

interface GpuKernelSettings {
  readonly output: readonly number[];
  readonly argumentTypes: readonly string[];
  readonly dynamicOutput: boolean;
  readonly dynamicArguments: boolean;
  readonly loopMaxIterations: number;
  readonly precision: "single";
}

interface GlKernelSettings extends GpuKernelSettings {
  readonly context: WebGL2RenderingContext;
  readonly canvas: HTMLCanvasElement | OffscreenCanvas;
  /** `precision` keeps small outputs from being computed in fewer bits. */
  readonly tactic: "precision";
}

interface Gpu {
  readonly kernels: object[];
  createKernel(source: string, settings: GpuKernelSettings): GpuKernel;
  destroy(): Promise<void>;
}

/**
 * gpu.js's kernel class for WebGPU, as far as it translates: its declarations leave it out. `build`
 * makes the shader's text at once and then asks `_buildAsync` for a device.
 */
export interface WgslKernel {
  readonly compiledSource: string;
  readonly workgroupSize: readonly [number, number, number];
  readonly paramsLayout: {
    readonly arrayArgs: readonly { readonly name: string; readonly dimsOffset: number }[];
    readonly scalarArgs: readonly { readonly offset: number; readonly type: string }[];
    readonly randomSeedOffset: number | null;
  };
  _buildAsync(): Promise<void>;
  build(...values: readonly unknown[]): Promise<void>;
}

/** gpu.js's kernel class for WebGL2, as far as it translates. */
interface GlslKernel {
  readonly compiledFragmentShader: string;
  readonly argumentNames: readonly string[];
  build(...values: readonly unknown[]): void;
  destroy(): void;
}

/**
 * The part of gpu.js that is used here. Its own declarations are narrower than what it takes: they
 * leave out typed arrays as inputs, and kernels as text with a list of argument types.
 */
export interface GpuModule {
  readonly GPU: new (settings: { mode: GpuMode }) => Gpu;
  readonly Input: new (value: ArrayLike<number>, sizes: readonly number[]) => object;
  readonly WebGPUKernel: new (source: string, settings: GpuKernelSettings) => WgslKernel;
  readonly WebGL2Kernel: {
    readonly isSupported: boolean;
    new (source: string, settings: GlKernelSettings): GlslKernel;
  };
}

/** Loads gpu.js, which is large, only when a device is made. */
export async function loadGpuModule(): Promise<GpuModule> {
  const imported: unknown = await import("gpu.js");
  const { GPU, default: fallback } = imported as Partial<GpuModule> & { default?: GpuModule };
  // Bundlers that wrap CommonJS give the module as the default export alone.
  return GPU === undefined && fallback !== undefined ? fallback : (imported as GpuModule);
}

/** The mode in which a kernel really runs. */
export function modeOf(kernel: GpuKernel): string {
  return (kernel.kernel.constructor as unknown as { readonly mode: string }).mode;
}
