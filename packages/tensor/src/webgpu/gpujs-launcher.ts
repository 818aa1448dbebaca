import type { BufferSlice } from "../device/device";
import type { ArrayArgument, KernelArgument, KernelSource } from "../gpujs/kernel-source";
import { assertIndexable } from "../gpujs/kernel-source";
import type { WgslProgram, WgslTranslator } from "../gpujs/wgsl-translator";
import type { BufferPool } from "./buffer-pool";
import type { CommandQueue } from "./command-queue";
import { assertLimit, type GpuLimits } from "./gpu-limits";
import { bindRange, type GpuRange, rangeOf } from "./gpu-range";
import type { PipelineCache } from "./pipeline-cache";

/** What a launch needs of its device. */
export interface LaunchServices {
  readonly translator: WgslTranslator;
  readonly queue: CommandQueue;
  readonly pool: BufferPool;
  readonly pipelines: PipelineCache;
  readonly limits: GpuLimits;
}

/** Runs gpu.js kernels on tensors in place: no operand is copied, unless it shares the result's buffer. */
export class GpujsLauncher {
  readonly #services: LaunchServices;
  readonly #programs = new Map<string, WgslProgram>();

  constructor(services: LaunchServices) {
    this.#services = services;
  }

  /** Records `source` over `output` cells, whose results go to `target`, row by row. */
  run(
    source: KernelSource,
    kernelArguments: readonly KernelArgument[],
    output: readonly number[],
    target: BufferSlice,
  ): void {
    const { queue, pool, pipelines, limits } = this.#services;
    assertIndexable(source.name, output);
    if (output.includes(0)) return;
    const arrays = kernelArguments.filter((argument) => typeof argument !== "number");
    for (const { sizes } of arrays) assertIndexable(source.name, sizes);
    assertLimit(
      limits,
      "maxStorageBuffersPerShaderStage",
      arrays.length + 1,
      `kernel ${source.name} with its result`,
      "split the operation",
    );
    const borrowed: GPUBuffer[] = [];
    const result = rangeOf(target);
    try {
      const operands = arrays.map(({ slice }) => this.#apart(rangeOf(slice), result, borrowed));
      const inputs = operands.map((range, index) =>
        bindRange(range, limits, `operand ${index} of kernel ${source.name}`),
      );
      const bound = bindRange(result, limits, `the result of kernel ${source.name}`);
      const packed = operands.map(({ elementBytes }) => elementBytes === 2);
      const program = this.#programOf(source, output.length, packed);
      const { pipeline, layout } = pipelines.get(
        keyOf(source, output.length, packed),
        arrays.length,
        () => program.code,
      );
      const firsts = inputs.map(({ first }) => first);
      const write = parameterWriter(program, kernelArguments, arrays, firsts, output);
      for (const part of partsOf(output, program.workgroupSize, limits)) {
        queue.compute({
          pipeline,
          layout,
          parameters: write(bound.first, part),
          bindings: [...inputs, bound].map(({ binding }) => binding),
          groups: part.groups,
        });
      }
    } finally {
      for (const buffer of borrowed) pool.give(buffer);
    }
  }

  /** WebGPU does not let a kernel read the buffer that it writes, not even elsewhere in it. */
  #apart(range: GpuRange, result: GpuRange, borrowed: GPUBuffer[]): GpuRange {
    if (range.gpuBuffer !== result.gpuBuffer) return range;
    const { queue, pool } = this.#services;
    const start = range.first * range.elementBytes;
    const byteLength = range.count * range.elementBytes;
    const gpuBuffer = pool.take(byteLength);
    borrowed.push(gpuBuffer);
    queue.copy(range.gpuBuffer, start, gpuBuffer, 0, byteLength);
    return { ...range, gpuBuffer, first: 0 };
  }

  #programOf(source: KernelSource, rank: number, packed: readonly boolean[]): WgslProgram {
    const key = keyOf(source, rank, packed);
    const known = this.#programs.get(key);
    if (known !== undefined) return known;
    const program = this.#services.translator.translate(source, rank, packed);
    this.#programs.set(key, program);
    return program;
  }
}

function keyOf({ name }: KernelSource, rank: number, packed: readonly boolean[]): string {
  return `gpujs/${name}/${rank}/${packed.map(Number).join("")}`;
}

/** Cells that one launch computes. */
interface LaunchPart {
  readonly first: readonly [number, number, number];
  readonly groups: readonly [number, number, number];
  /** Cells from one row of workgroups to the next; one-dimensional outputs are folded. */
  readonly foldedWidth: number;
}

/** Splits the cells where a dimension has more workgroups than a launch may have. */
function partsOf(
  output: readonly number[],
  workgroupSize: readonly [number, number, number],
  { maxComputeWorkgroupsPerDimension: maximum }: GpuLimits,
): LaunchPart[] {
  const [width, height, depth] = workgroupSize;
  const groupsOf = (axis: number, size: number) => Math.ceil((output[axis] ?? 1) / size);
  if (output.length === 1) {
    const total = groupsOf(0, width);
    const perRow = Math.min(total, maximum);
    const rows = Math.ceil(total / perRow);
    return rangesOf(rows, maximum).map(({ start, count }) => ({
      first: [start * perRow * width, 0, 0],
      groups: [perRow, count, 1],
      foldedWidth: perRow * width,
    }));
  }
  const parts: LaunchPart[] = [];
  for (const x of rangesOf(groupsOf(0, width), maximum)) {
    for (const y of rangesOf(groupsOf(1, height), maximum)) {
      for (const z of rangesOf(groupsOf(2, depth), maximum)) {
        parts.push({
          first: [x.start * width, y.start * height, z.start * depth],
          groups: [x.count, y.count, z.count],
          foldedWidth: 0,
        });
      }
    }
  }
  return parts;
}

function rangesOf(total: number, maximum: number): { start: number; count: number }[] {
  return Array.from({ length: Math.ceil(total / maximum) }, (_, index) => {
    const start = index * maximum;
    return { start, count: Math.min(maximum, total - start) };
  });
}

/** Gives the uniform buffer's content, in the layout of gpu.js and with our additions to it. */
function parameterWriter(
  program: WgslProgram,
  kernelArguments: readonly KernelArgument[],
  arrays: readonly ArrayArgument[],
  firsts: readonly number[],
  output: readonly number[],
): (firstResult: number, part: LaunchPart) => ArrayBuffer {
  const buffer = new ArrayBuffer(program.parameterBytes);
  const view = new DataView(buffer);
  const setCounts = (offset: number, counts: readonly number[]): void =>
    counts.forEach((count, index) => {
      view.setUint32(offset + 4 * index, count, true);
    });
  setCounts(0, [output[0] ?? 1, output[1] ?? 1, output[2] ?? 1]);
  arrays.forEach(({ sizes }, index) => {
    const [width = 1, height = 1, depth = 1] = sizes;
    setCounts(program.arrayOffsets[index] ?? 0, [width, height, depth, firsts[index] ?? 0]);
  });
  const numbers = kernelArguments.filter((argument) => typeof argument === "number");
  numbers.forEach((value, index) => {
    const scalar = program.scalars[index];
    if (scalar === undefined) return;
    if (scalar.isInteger) view.setInt32(scalar.offset, value, true);
    else view.setFloat32(scalar.offset, value, true);
  });
  return (firstResult, { first, foldedWidth }) => {
    setCounts(12, [foldedWidth]);
    setCounts(program.originOffset, [firstResult, ...first]);
    return buffer;
  };
}
