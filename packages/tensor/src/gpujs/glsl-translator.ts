import { KernelError } from "../errors";
import { withJavaScriptArithmetic } from "./glsl-arithmetic";
import { type GpuModule, loadGpuModule } from "./gpu-module";
import { argumentTypes, type KernelSource, loopMaxIterations } from "./kernel-source";

/** A gpu.js kernel as a fragment shader, and the names of its uniforms. */
export interface GlslProgram {
  readonly code: string;
  /** One per parameter: a sampler for an array, with the suffixes `Size` and `Dim`, or a number. */
  readonly uniforms: readonly string[];
}

/** The uniform `ivec3` of the first element of the result, the number of cells, the texture's width. */
export const rangeUniform = "resultRange";

/**
 * An element is read by its place in a texture of one float per texel: `texSize` holds the first
 * element and the texture's width. Integers keep places exact where gpu.js computes in floats.
 */
const readElement = `
float getMemoryOptimized32(sampler2D tex, ivec2 texSize, ivec3 texDim, int z, int y, int x) {
  int element = texSize.x + x + texDim.x * (y + texDim.y * z);
  return texelFetch(tex, ivec2(element % texSize.y, element / texSize.y), 0).r;
}
`;

const main = `
uniform highp ivec3 ${rangeUniform};
void main(void) {
  int element = int(gl_FragCoord.x) + int(gl_FragCoord.y) * ${rangeUniform}.z;
  int cell = element - ${rangeUniform}.x;
  if (cell < 0 || cell >= ${rangeUniform}.y) { discard; }
  threadId = indexTo3D(cell, uOutputDim);
  kernel();
  data0 = vec4(kernelResult, 0.0, 0.0, 1.0);
}
`;

/** Translates kernels by gpu.js, and makes the shaders read and write parts of textures in place. */
export class GlslTranslator {
  readonly #module: GpuModule;
  readonly #context: WebGL2RenderingContext;

  private constructor(module: GpuModule, context: WebGL2RenderingContext) {
    this.#module = module;
    this.#context = context;
  }

  /** @param context - Where gpu.js builds its kernels on the way to their text. */
  static async create(context: WebGL2RenderingContext): Promise<GlslTranslator> {
    const module = await loadGpuModule();
    // Asking is what makes gpu.js look at the context's features, which translation needs.
    if (!module.WebGL2Kernel.isSupported) {
      throw new KernelError("webgl: gpu.js does not support this WebGL; use wasm");
    }
    return new GlslTranslator(module, context);
  }

  /** @param rank - Dimensions of the output, 1 to 3. */
  translate({ name, source, parameters }: KernelSource, rank: number): GlslProgram {
    const kernel = new this.#module.WebGL2Kernel(source, {
      context: this.#context,
      canvas: this.#context.canvas,
      output: new Array<number>(rank).fill(1),
      argumentTypes: parameters.map((parameter) => argumentTypes[parameter]),
      dynamicOutput: true,
      dynamicArguments: true,
      loopMaxIterations,
      precision: "single",
      tactic: "precision",
    });
    const values = parameters.map((parameter) =>
      parameter === "array" ? new this.#module.Input(new Float32Array(1), [1]) : 1,
    );
    try {
      kernel.build(...values);
      const [library, body] = cut(name, kernel.compiledFragmentShader, "float kernelResult;");
      const [kernelCode] = cut(name, body, "void main(void) {");
      const [before, after] = cut(name, library, "float getMemoryOptimized32(");
      return {
        code: `${before}${readElement}float unusedRead(${after}${withJavaScriptArithmetic(
          `float kernelResult;${kernelCode}`,
        )}${main}`,
        uniforms: kernel.argumentNames.map((argument) => `user_${argument}`),
      };
    } finally {
      kernel.destroy();
    }
  }
}

/** The text before and after the only place of `mark`. */
function cut(name: string, code: string, mark: string): [string, string] {
  const [before, after, ...more] = code.split(mark);
  if (before === undefined || after === undefined || more.length > 0) {
    throw new KernelError(`kernel ${name}: gpu.js's GLSL is not as expected; pin its version`, {
      name,
      missing: mark,
    });
  }
  return [before, after];
}
