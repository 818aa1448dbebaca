import { createDevice, type DeviceName, type KernelChoice, type WasmBuild } from "@x/tensor";

/** A way to run a model, by the options of `loadModel`. */
export interface KernelWay {
  readonly what: string;
  readonly device?: DeviceName;
  readonly kernels?: KernelChoice;
  readonly build?: WasmBuild;
  readonly threads?: number;
}

using fastest = await createDevice("wasm", { threads: 1 });

/** The SIMD kernels with threads off and on, and with relaxed SIMD off and, where there is, on. */
export const simdWays: readonly KernelWay[] = [
  { what: "SIMD, threads off", build: "simd", threads: 1 },
  { what: "SIMD, two threads", build: "simd", threads: 2 },
  ...(fastest.kernels === "relaxed-simd"
    ? ([{ what: "relaxed SIMD, three threads", build: "relaxed-simd", threads: 3 }] as const)
    : []),
];

/** With SIMD off as well. */
export const kernelWays: readonly KernelWay[] = [
  { what: "gpu.js on cpu", device: "cpu", kernels: "gpujs" },
  { what: "gpu.js on wasm", device: "wasm", kernels: "gpujs" },
  ...simdWays,
];
