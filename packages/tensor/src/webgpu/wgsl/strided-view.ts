import type { Tensor } from "../../tensor";
import type { GpuRange } from "../gpu-range";
import { gpuBufferOf } from "./wgsl-kernel";

/** A tensor as sizes and strides over a buffer, cheap to cut into parts. */
export interface StridedView {
  readonly gpuBuffer: GPUBuffer;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
}

export function viewOf(tensor: Tensor): StridedView {
  const { shape, strides, offset } = tensor;
  return { gpuBuffer: gpuBufferOf(tensor), shape, strides, offset };
}

/** Indexes `start` to `start + count` of dimension `axis`. */
export function cut(view: StridedView, axis: number, start: number, count: number): StridedView {
  const shape = view.shape.map((size, index) => (index === axis ? count : size));
  return { ...view, shape, offset: view.offset + start * (view.strides[axis] ?? 0) };
}

/** The elements from the first to the last that the view touches; strides may be negative. */
export function extentOf({ gpuBuffer, shape, strides, offset }: StridedView): GpuRange {
  let first = offset;
  let last = offset;
  shape.forEach((size, axis) => {
    const reach = (size - 1) * (strides[axis] ?? 0);
    if (reach < 0) first += reach;
    else last += reach;
  });
  return { gpuBuffer, first, count: last - first + 1, elementBytes: 4 };
}
