import { KernelError } from "../../errors";
import type { Tensor } from "../../tensor";
import type { CommandQueue } from "../command-queue";
import type { GpuLimits } from "../gpu-limits";
import { type BoundRange, bindRange, type GpuRange, type GpuTensorBuffer } from "../gpu-range";
import type { PipelineCache } from "../pipeline-cache";

/** What a hand-written kernel needs of its device. */
export interface WgslServices {
  readonly queue: CommandQueue;
  readonly pipelines: PipelineCache;
  readonly limits: GpuLimits;
}

/** One launch of a hand-written kernel. */
export interface WgslLaunch {
  /** Unique name; the compiled shader is kept under it. */
  readonly name: string;
  /** The shader: binding 0 is `Parameters`, then come the operands and the result. */
  readonly code: () => string;
  readonly operands: readonly GpuRange[];
  readonly result: GpuRange;
  /** The uniform's content, given where operands and result start in their bindings. */
  readonly parameters: (firsts: readonly number[]) => ArrayBuffer;
  readonly groups: readonly [number, number, number];
}

/** Records a launch. @throws {LimitError} when a range is more than a kernel sees at once. */
export function launchWgsl(
  { queue, pipelines, limits }: WgslServices,
  { name, code, operands, result, parameters, groups }: WgslLaunch,
): void {
  const ranges = [...operands, result];
  const bound: BoundRange[] = ranges.map((range) => bindRange(range, limits, name));
  const { pipeline, layout } = pipelines.get(name, operands.length, code);
  queue.compute({
    pipeline,
    layout,
    parameters: parameters(bound.map(({ first }) => first)),
    bindings: bound.map(({ binding }) => binding),
    groups,
  });
}

/** `total` workgroups over two dimensions, since one of them is limited. */
export function foldGroups(
  total: number,
  { maxComputeWorkgroupsPerDimension: maximum }: GpuLimits,
): [number, number, number] {
  const width = Math.min(total, maximum);
  return [width, Math.ceil(total / width), 1];
}

/** Operand `index`; its presence was checked when the operation's result was inferred. */
export function operand(tensors: readonly Tensor[], index: number): Tensor {
  const tensor = tensors[index];
  if (tensor === undefined) {
    throw new KernelError(`operand ${index} is missing; pass as many as the operation takes`);
  }
  return tensor;
}

/** A tensor's buffer on the GPU. */
export function gpuBufferOf(tensor: Tensor): GPUBuffer {
  return (tensor.storage.buffer as GpuTensorBuffer).gpuBuffer;
}

/** Elements `first` to `first + count` of a contiguous float32 tensor. */
export function elementsOf(tensor: Tensor, first: number, count: number): GpuRange {
  const start = tensor.offset + first;
  return { gpuBuffer: gpuBufferOf(tensor), first: start, count, elementBytes: 4 };
}
