import { KernelError } from "../errors";
import { type GpuModule, loadGpuModule, type WgslKernel } from "./gpu-module";
import { argumentTypes, type KernelSource, loopMaxIterations } from "./kernel-source";
import { withJavaScriptArithmetic } from "./wgsl-arithmetic";

/** A gpu.js kernel as WGSL. */
export interface WgslProgram {
  readonly code: string;
  readonly workgroupSize: readonly [number, number, number];
  readonly parameterBytes: number;
  /** First byte of the four sizes of each array: width, height, depth and the first element. */
  readonly arrayOffsets: readonly number[];
  /** First byte and type of each number. */
  readonly scalars: readonly { readonly offset: number; readonly isInteger: boolean }[];
  /** First byte of the place of the result in its binding, then of the first cell: x, y, z. */
  readonly originOffset: number;
}

/**
 * Translates kernels by gpu.js, and makes the shaders fit tensors that are parts of buffers: every
 * array and the result start at an element of their binding, and a launch may compute part of the
 * cells. Block formats, whose 16-bit words lie packed, are unpacked as they are read.
 */
export class WgslTranslator {
  readonly #module: GpuModule;

  private constructor(module: GpuModule) {
    this.#module = module;
  }

  static async create(): Promise<WgslTranslator> {
    return new WgslTranslator(await loadGpuModule());
  }

  /**
   * @param rank - Dimensions of the output, 1 to 3.
   * @param packed - For each array: whether it holds 16-bit words.
   */
  translate(source: KernelSource, rank: number, packed: readonly boolean[]): WgslProgram {
    const output = new Array<number>(rank).fill(1);
    const kernel = new this.#module.WebGPUKernel(source.source, {
      output,
      argumentTypes: source.parameters.map((parameter) => argumentTypes[parameter]),
      dynamicOutput: true,
      dynamicArguments: true,
      loopMaxIterations,
      precision: "single",
    });
    // The device is ours; only the text is wanted, and it is there as soon as `build` returns.
    kernel._buildAsync = () => Promise.resolve();
    const values = source.parameters.map((parameter) =>
      parameter === "array" ? new this.#module.Input(new Float32Array(1), [1]) : 1,
    );
    void kernel.build(...values);
    return programOf(source.name, kernel, rank, packed);
  }
}

function programOf(
  name: string,
  kernel: WgslKernel,
  rank: number,
  packed: readonly boolean[],
): WgslProgram {
  const { arrayArgs, scalarArgs, randomSeedOffset } = kernel.paramsLayout;
  if (randomSeedOffset !== null) {
    throw new KernelError(`kernel ${name} draws random numbers; draw them on the host`, { name });
  }
  const originOffset = 16 + 16 * arrayArgs.length + 4 * scalarArgs.length;
  let code = kernel.compiledSource;
  const replace = (from: string, to: string): void => {
    const parts = code.split(from);
    if (parts.length !== 2) {
      throw new KernelError(`kernel ${name}: gpu.js's WGSL is not as expected; pin its version`, {
        name,
        missing: from,
      });
    }
    code = parts.join(to);
  };
  replace(
    "}\n@group(0) @binding(0)",
    "  firstResult : u32,\n  firstX : u32,\n  firstY : u32,\n  firstZ : u32,\n}\n@group(0) @binding(0)",
  );
  replace(
    "(@builtin(global_invocation_id) gid : vec3<u32>) {",
    "(@builtin(global_invocation_id) id : vec3<u32>) {\n  let gid = id + vec3<u32>(params.firstX, params.firstY, params.firstZ);",
  );
  if (rank === 1) {
    replace("i32 = i32(flat_index);", "i32 = i32(flat_index + params.firstResult);");
  } else {
    replace(
      "i32(gid.x + params.outputX * (gid.y + params.outputY * gid.z));",
      "i32(params.firstResult + gid.x + params.outputX * (gid.y + params.outputY * gid.z));",
    );
  }
  arrayArgs.forEach((array, index) => {
    const dimensions = `params.user_${array.name}_dims`;
    const at = `x + i32(${dimensions}.x) * (y + i32(${dimensions}.y) * z)`;
    const element = `u32(${at}) + ${dimensions}.w`;
    if (packed[index] !== true) {
      replace(`user_${array.name}[u32(${at})]`, `user_${array.name}[${element}]`);
      return;
    }
    const binding = `var<storage, read> user_${array.name} : array`;
    replace(`${binding}<f32>`, `${binding}<u32>`);
    replace(
      `return user_${array.name}[u32(${at})];`,
      `let word = ${element};\n  return f32((user_${array.name}[word >> 1u] >> ((word & 1u) * 16u)) & 0xffffu);`,
    );
  });
  return {
    code: withJavaScriptArithmetic(code),
    workgroupSize: kernel.workgroupSize,
    parameterBytes: Math.ceil((originOffset + 16) / 16) * 16,
    arrayOffsets: arrayArgs.map(({ dimsOffset }) => dimsOffset),
    scalars: scalarArgs.map(({ offset, type }) => ({ offset, isInteger: type === "Integer" })),
    originOffset,
  };
}
