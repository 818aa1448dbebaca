import type { BufferSlice } from "../device/device";
import type { DeviceBuffer } from "../device/device-buffer";
import { carriedBytes } from "../device/float-carrier";
import { isBlockDType } from "../dtype";
import { bufferGrain } from "./buffer-pool";
import { assertLimit, type GpuLimits } from "./gpu-limits";

/** A tensor's memory: a storage buffer, in which `byteLength` counts the host's bytes. */
export interface GpuTensorBuffer extends DeviceBuffer {
  readonly gpuBuffer: GPUBuffer;
}

/** Elements of a buffer, as a kernel counts them. */
export interface GpuRange {
  readonly gpuBuffer: GPUBuffer;
  /** First element. */
  readonly first: number;
  readonly count: number;
  /** Bytes per element: 4, or 2 for the words of a block format. */
  readonly elementBytes: number;
}

/** A range as a kernel's binding, with the place of the first element in it. */
export interface BoundRange {
  readonly binding: GPUBufferBinding;
  readonly first: number;
}

/** Block formats lie packed; everything else is one float32 per element. */
export function rangeOf({ buffer, dtype, byteOffset, byteLength }: BufferSlice): GpuRange {
  const unit = carriedBytes(dtype);
  return {
    gpuBuffer: (buffer as GpuTensorBuffer).gpuBuffer,
    first: byteOffset / unit,
    count: byteLength / unit,
    elementBytes: isBlockDType(dtype) ? 2 : 4,
  };
}

/** Bytes that a binding of `count` float32 can take, wherever it starts. */
export function bindingBytes(count: number): number {
  return count * 4 + bufferGrain;
}

/**
 * Binds a range. Bindings start at multiples of 256 bytes, so the first element may lie further in.
 *
 * @throws {LimitError} when a kernel cannot see as much at once.
 */
export function bindRange(range: GpuRange, limits: GpuLimits, what: string): BoundRange {
  const { gpuBuffer, elementBytes } = range;
  const start = range.first * elementBytes;
  const offset = Math.floor(start / bufferGrain) * bufferGrain;
  const end = Math.max(start + range.count * elementBytes, offset + 4);
  const size = Math.ceil((end - offset) / 4) * 4;
  const fix = "split the tensor";
  assertLimit(limits, "maxStorageBufferBindingSize", size, `a binding of ${what}`, fix);
  return {
    binding: { buffer: gpuBuffer, offset, size },
    first: (start - offset) / elementBytes,
  };
}
