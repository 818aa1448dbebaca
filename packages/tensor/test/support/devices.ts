import { createDevice } from "../../src/device/create-device";
import type { Device, KernelSet, LaunchRecord } from "../../src/device/device";
import { supportedBuild } from "../../src/wasm/kernel-module";

/** One way to run every operation. */
export interface DeviceCase {
  readonly label: string;
  readonly kernels: KernelSet;
  create(): Promise<Device>;
}

const cases: DeviceCase[] = [
  { label: "cpu, gpu.js", kernels: "gpujs", create: () => createDevice("cpu") },
  {
    label: "wasm, gpu.js",
    kernels: "gpujs",
    create: () => createDevice("wasm", { kernels: "gpujs" }),
  },
  {
    label: "wasm, SIMD",
    kernels: "simd",
    create: () => createDevice("wasm", { build: "simd" }),
  },
];

if (supportedBuild() === "relaxed-simd") {
  cases.push({
    label: "wasm, relaxed SIMD",
    kernels: "relaxed-simd",
    create: () => createDevice("wasm", { build: "relaxed-simd" }),
  });
}

/** Every device and implementation that this engine runs. */
export const deviceCases: readonly DeviceCase[] = cases;

/** Runs `compute` and tells which operations ran, and by which implementation. */
export function recordLaunches(device: Device, compute: () => void): LaunchRecord[] {
  const records: LaunchRecord[] = [];
  device.onLaunch = (record) => records.push(record);
  try {
    compute();
  } finally {
    device.onLaunch = undefined;
  }
  return records;
}
