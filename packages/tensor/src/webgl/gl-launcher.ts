import { KernelError, LimitError } from "../errors";
import { type GlslProgram, type GlslTranslator, rangeUniform } from "../gpujs/glsl-translator";
import { assertIndexable, type KernelSource } from "../gpujs/kernel-source";
import type { TexturePool } from "./texture-pool";
import type { TextureRange } from "./texture-range";

/** A triangle that covers every texel. */
const vertexShader = `#version 300 es
void main(void) {
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
  gl_Position = vec4(corner * 4.0 - 1.0, 0.0, 1.0);
}`;

/** Elements with the sizes by which a kernel indexes them, or a number. */
export type GlArgument =
  | { readonly range: TextureRange; readonly sizes: readonly number[] }
  | number;

/** A linked program with the places of its uniforms. */
interface LinkedProgram {
  readonly program: WebGLProgram;
  readonly outputSizes: WebGLUniformLocation | null;
  readonly range: WebGLUniformLocation | null;
  readonly parameters: readonly {
    readonly value: WebGLUniformLocation | null;
    readonly size: WebGLUniformLocation | null;
    readonly dimensions: WebGLUniformLocation | null;
  }[];
}

const identity: KernelSource = {
  name: "webgl-copy",
  source: "function (source) { return source[this.thread.x]; }",
  parameters: ["array"],
};

/** Draws kernels into textures, in place: parts of tensors are read and written where they lie. */
export class GlLauncher {
  readonly #context: WebGL2RenderingContext;
  readonly #translator: GlslTranslator;
  readonly #pool: TexturePool;
  readonly #programs = new Map<string, LinkedProgram>();
  readonly #framebuffer: WebGLFramebuffer;
  readonly #vertices: WebGLVertexArrayObject;
  readonly #maximumOperands: number;

  constructor(context: WebGL2RenderingContext, translator: GlslTranslator, pool: TexturePool) {
    this.#context = context;
    this.#translator = translator;
    this.#pool = pool;
    this.#framebuffer = context.createFramebuffer();
    this.#vertices = context.createVertexArray();
    this.#maximumOperands = context.getParameter(context.MAX_TEXTURE_IMAGE_UNITS);
  }

  /** Runs `source` over `output` cells, whose results go to `target`, row by row. */
  run(
    source: KernelSource,
    kernelArguments: readonly GlArgument[],
    output: readonly number[],
    target: TextureRange,
  ): void {
    assertIndexable(source.name, output);
    if (output.includes(0)) return;
    const arrays = kernelArguments.filter((argument) => typeof argument !== "number");
    for (const { sizes } of arrays) assertIndexable(source.name, sizes);
    if (arrays.length > this.#maximumOperands) {
      throw new LimitError(
        `webgl: kernel ${source.name} takes ${arrays.length} operands, but this GPU ${this.#maximumOperands}; split the operation`,
        { kernel: source.name, operands: arrays.length, limit: this.#maximumOperands },
      );
    }
    const borrowed: TextureRange[] = [];
    try {
      const separate = kernelArguments.map((argument) =>
        typeof argument === "number" || argument.range.texture !== target.texture
          ? argument
          : { ...argument, range: this.#copyApart(argument.range, borrowed) },
      );
      this.#draw(source, separate, output, target);
    } finally {
      for (const { texture } of borrowed) this.#pool.give(texture);
    }
  }

  /** Copies elements from one texture to another, or within one. */
  copy(source: TextureRange, target: TextureRange): void {
    const limit = 2 ** 22;
    for (let start = 0; start < source.count; start += limit) {
      const count = Math.min(limit, source.count - start);
      const part = (range: TextureRange) => ({ ...range, first: range.first + start, count });
      this.run(identity, [{ range: part(source), sizes: [count] }], [count], part(target));
    }
  }

  /** Binds `texture` as what is drawn to and read from. */
  bindFramebuffer(texture: WebGLTexture): void {
    const gl = this.#context;
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.#framebuffer);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
  }

  /** A kernel cannot read the texture that it writes, not even elsewhere in it. */
  #copyApart(range: TextureRange, borrowed: TextureRange[]): TextureRange {
    const copy = { texture: this.#pool.take(range.count), first: 0, count: range.count };
    borrowed.push(copy);
    this.copy(range, copy);
    return copy;
  }

  #draw(
    source: KernelSource,
    kernelArguments: readonly GlArgument[],
    output: readonly number[],
    { texture, first }: TextureRange,
  ): void {
    const gl = this.#context;
    const { program, outputSizes, range, parameters } = this.#programOf(source, output.length);
    const [width = 1, height = 1, depth = 1] = output;
    const count = width * height * depth;
    gl.useProgram(program);
    gl.uniform3i(outputSizes, width, height, depth);
    gl.uniform3i(range, first, count, texture.width);
    let unit = 0;
    kernelArguments.forEach((argument, index) => {
      const place = parameters[index];
      if (place === undefined) return;
      if (typeof argument === "number") {
        if (source.parameters[index] === "integer") gl.uniform1i(place.value, argument);
        else gl.uniform1f(place.value, argument);
        return;
      }
      const [sizeX = 1, sizeY = 1, sizeZ = 1] = argument.sizes;
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.bindTexture(gl.TEXTURE_2D, argument.range.texture.texture);
      gl.uniform1i(place.value, unit);
      gl.uniform2i(place.size, argument.range.first, argument.range.texture.width);
      gl.uniform3i(place.dimensions, sizeX, sizeY, sizeZ);
      unit++;
    });
    this.bindFramebuffer(texture.texture);
    gl.bindVertexArray(this.#vertices);
    gl.viewport(0, 0, texture.width, texture.height);
    gl.enable(gl.SCISSOR_TEST);
    const firstRow = Math.floor(first / texture.width);
    const lastRow = Math.floor((first + count - 1) / texture.width);
    gl.scissor(0, firstRow, texture.width, lastRow - firstRow + 1);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    gl.bindVertexArray(null);
  }

  #programOf(source: KernelSource, rank: number): LinkedProgram {
    const key = `${source.name}/${rank}`;
    const known = this.#programs.get(key);
    if (known !== undefined) return known;
    const linked = this.#link(source.name, this.#translator.translate(source, rank));
    this.#programs.set(key, linked);
    return linked;
  }

  #link(name: string, { code, uniforms }: GlslProgram): LinkedProgram {
    const gl = this.#context;
    const program = gl.createProgram();
    for (const [type, text] of [
      [gl.VERTEX_SHADER, vertexShader],
      [gl.FRAGMENT_SHADER, code],
    ] as const) {
      const shader = gl.createShader(type);
      // A lost context makes none; the reads that follow say so.
      if (shader === null) continue;
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
      gl.deleteShader(shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
      const shaders = gl.getAttachedShaders(program) ?? [];
      const log = shaders.map((shader) => gl.getShaderInfoLog(shader)).join(" ");
      throw new KernelError(`kernel ${name} does not compile in GLSL: ${log}; report it`, {
        kernel: name,
        code,
      });
    }
    const place = (uniform: string) => gl.getUniformLocation(program, uniform);
    return {
      program,
      outputSizes: place("uOutputDim"),
      range: place(rangeUniform),
      parameters: uniforms.map((uniform) => ({
        value: place(uniform),
        size: place(`${uniform}Size`),
        dimensions: place(`${uniform}Dim`),
      })),
    };
  }
}
