import { relaxedModuleBase64, simdModuleBase64 } from "../generated/kernels";
import type { KernelExports } from "./kernel-exports";

/** Which build of the kernels runs. */
export type WasmBuild = "simd" | "relaxed-simd";

const encodedModules: Readonly<Record<WasmBuild, string>> = {
  simd: simdModuleBase64,
  "relaxed-simd": relaxedModuleBase64,
};

/** The fastest build that this engine accepts, or `undefined` where it has no SIMD. */
export function supportedBuild(): WasmBuild | undefined {
  if (typeof WebAssembly !== "object") return undefined;
  const builds: readonly WasmBuild[] = ["relaxed-simd", "simd"];
  return builds.find((build) => WebAssembly.validate(decode(build)));
}

/** Compiles `build` over `memory`. */
export async function instantiateKernels(
  build: WasmBuild,
  memory: WebAssembly.Memory,
): Promise<KernelExports> {
  const { instance } = await WebAssembly.instantiate(decode(build), { env: { memory } });
  return instance.exports as unknown as KernelExports;
}

function decode(build: WasmBuild): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(encodedModules[build]), (character) => character.charCodeAt(0));
}
