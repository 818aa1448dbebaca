import { createDevice, type Device, type KernelSet, type LaunchRecord } from "@x/tensor";

/** One way to run every operation. */
export interface DeviceCase {
  readonly label: string;
  readonly kernels: KernelSet;
  create(): Promise<Device>;
}

/** Devices whose definitions run in gpu.js. */
export const gpujsCases: readonly DeviceCase[] = [
  { label: "cpu, gpu.js", kernels: "gpujs", create: () => createDevice("cpu") },
  {
    label: "wasm, gpu.js",
    kernels: "gpujs",
    create: () => createDevice("wasm", { kernels: "gpujs" }),
  },
];

/** Whether this engine runs relaxed SIMD: the device picks it then. */
async function hasRelaxedSimd(): Promise<boolean> {
  using device = await createDevice("wasm");
  return device.kernels === "relaxed-simd";
}

/** Builds of the SIMD kernels that this engine runs. */
export const simdCases: readonly DeviceCase[] = (
  (await hasRelaxedSimd()) ? (["simd", "relaxed-simd"] as const) : (["simd"] as const)
).map((build) => ({
  label: `wasm, ${build}`,
  kernels: build,
  create: () => createDevice("wasm", { build }),
}));

/** Runs `compute` and tells which operations ran, and by which implementation. */
export function recordLaunches<Result>(
  device: Device,
  compute: () => Result,
): { result: Result; records: LaunchRecord[] } {
  const records: LaunchRecord[] = [];
  device.onLaunch = (record) => records.push(record);
  try {
    return { result: compute(), records };
  } finally {
    device.onLaunch = undefined;
  }
}
