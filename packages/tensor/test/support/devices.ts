import { describe } from "vitest";
import { availableDevices, createDevice } from "../../src/device/create-device";
import type { Device, DeviceName, KernelSet, LaunchRecord } from "../../src/device/device";
import { type Tensor, tidy } from "../../src/index";
import { supportedBuild } from "../../src/wasm/kernel-module";

/** One way to run every operation. */
export interface DeviceCase {
  readonly label: string;
  readonly name: DeviceName;
  readonly kernels: KernelSet;
  /** Why it cannot run here, if so. */
  readonly missing?: string;
  create(): Promise<Device>;
  /** What must run an operation. */
  implementationOf(operation: string): KernelSet;
}

/** The operations that have a hand-written kernel on `webgpu`. */
const wgslOperations = ["contiguous", "matmul", "softmax", "rmsNorm", "layerNorm"];

const availability = new Map((await availableDevices()).map((entry) => [entry.name, entry]));

function caseOf(
  label: string,
  name: DeviceName,
  kernels: KernelSet,
  options: Parameters<typeof createDevice>[1] = {},
): DeviceCase {
  const { available, reason } = availability.get(name)!;
  return {
    label,
    name,
    kernels,
    ...(!available && { missing: reason }),
    create: () => createDevice(name, options),
    implementationOf: (operation) =>
      kernels === "wgsl" && !wgslOperations.includes(operation) ? "gpujs" : kernels,
  };
}

/** The devices whose memory the host sees, so that tests may read at once. */
export const hostCases: DeviceCase[] = [
  caseOf("cpu, gpu.js", "cpu", "gpujs"),
  caseOf("wasm, gpu.js", "wasm", "gpujs", { kernels: "gpujs" }),
  caseOf("wasm, SIMD", "wasm", "simd", { build: "simd" }),
];

if (supportedBuild() === "relaxed-simd") {
  hostCases.push(caseOf("wasm, relaxed SIMD", "wasm", "relaxed-simd", { build: "relaxed-simd" }));
}

/** The devices whose memory the host does not see. */
export const gpuCases: readonly DeviceCase[] = [
  caseOf("webgl, gpu.js", "webgl", "gpujs"),
  caseOf("webgpu, gpu.js", "webgpu", "gpujs", { kernels: "gpujs" }),
  caseOf("webgpu, WGSL", "webgpu", "wgsl"),
];

/** Every device and implementation, also those that this engine lacks. */
export const deviceCases: readonly DeviceCase[] = [...hostCases, ...gpuCases];

/** As `describe`, for one device; where it is missing, the tests are skipped with the reason. */
export function describeOn(
  deviceCase: DeviceCase,
  what: string,
  define: (deviceCase: DeviceCase) => void,
): void {
  const { label, missing } = deviceCase;
  if (missing === undefined) describe(`${what} on ${label}`, () => define(deviceCase));
  else describe.skip(`${what} on ${label} (${missing})`, () => define(deviceCase));
}

/** Runs `compute` in a scope and tells which operations ran, and by which implementation. */
export function recordLaunches(
  device: Device,
  compute: () => Tensor,
): { readonly result: Tensor; readonly records: readonly LaunchRecord[] } {
  const records: LaunchRecord[] = [];
  device.onLaunch = (record) => records.push(record);
  try {
    return { result: tidy(compute), records };
  } finally {
    device.onLaunch = undefined;
  }
}
