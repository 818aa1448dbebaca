import { LimitError } from "../errors";

/** What a WebGPU device allows, as far as tensors meet it. */
export interface GpuLimits {
  /** Bytes of the largest buffer: the largest tensor. */
  readonly maxBufferSize: number;
  /** Bytes of a buffer that a kernel sees at once. */
  readonly maxStorageBufferBindingSize: number;
  /** Operands and results of one kernel together. */
  readonly maxStorageBuffersPerShaderStage: number;
  /** Workgroups of one launch along each dimension. */
  readonly maxComputeWorkgroupsPerDimension: number;
}

const names = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupsPerDimension",
] as const satisfies readonly (keyof GpuLimits)[];

/** The limits of an adapter or device, lowered to `lower` where that is less. */
export function limitsOf(limits: GpuLimits, lower: Partial<GpuLimits> = {}): GpuLimits {
  const entries = names.map((name) => [name, Math.min(limits[name], lower[name] ?? Infinity)]);
  return Object.fromEntries(entries) as Record<keyof GpuLimits, number>;
}

/** @throws {LimitError} when `value` is more than the device's `limit` allows. */
export function assertLimit(
  limits: GpuLimits,
  limit: keyof GpuLimits,
  value: number,
  what: string,
  fix: string,
): void {
  if (value <= limits[limit]) return;
  throw new LimitError(
    `webgpu: ${what} needs ${value}, but this device's ${limit} is ${limits[limit]}; ${fix}`,
    { limit, allowed: limits[limit], needed: value },
  );
}
