import { relaxedModuleBase64, simdModuleBase64 } from "../generated/kernels";
import type { KernelExports } from "./kernel-exports";

/** Which build of the kernels runs. */
export type WasmBuild = "simd" | "relaxed-simd";

const encodedModules: Readonly<Record<WasmBuild, string>> = {
  simd: simdModuleBase64,
  "relaxed-simd": relaxedModuleBase64,
};

/** Whether this engine accepts a build. */
export function isSupported(build: WasmBuild): boolean {
  return typeof WebAssembly === "object" && WebAssembly.validate(decode(build));
}

/** The fastest build that this engine accepts, or `undefined` where it has no SIMD. */
export function supportedBuild(): WasmBuild | undefined {
  const builds: readonly WasmBuild[] = ["relaxed-simd", "simd"];
  return builds.find(isSupported);
}

/** A build of the kernels, compiled. */
export async function compileKernels(build: WasmBuild): Promise<WebAssembly.Module> {
  return WebAssembly.compile(decode(build));
}

/** The kernels of a compiled module over `memory`, which must be shared. */
export async function instantiateKernels(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
): Promise<KernelExports> {
  const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
  return exports as unknown as KernelExports;
}

function decode(build: WasmBuild): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(encodedModules[build]), (character) => character.charCodeAt(0));
}
