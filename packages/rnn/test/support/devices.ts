import { createDevice, type Device } from "@x/tensor";

/** Ways to run an operation, by name. */
export const deviceCases: Readonly<Record<string, () => Promise<Device>>> = {
  "wasm, SIMD": () => createDevice("wasm"),
  "wasm, gpu.js": () => createDevice("wasm", { kernels: "gpujs" }),
  "cpu, gpu.js": () => createDevice("cpu"),
};
