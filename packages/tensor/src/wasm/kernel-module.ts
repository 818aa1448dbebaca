import { relaxedModuleBase64, simdModuleBase64 } from "../generated/kernels";
import type { KernelExports } from "./kernel-exports";

/** Which build of the kernels runs. */
export type WasmBuild = "simd" | "relaxed-simd";

const encodedModules: Readonly<Record<WasmBuild, string>> = {
  simd: simdModuleBase64,
  "relaxed-simd": relaxedModuleBase64,
};

/** The start of every module: its magic number and version. */
const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

/** A module with one function of type [] → [v128], of the instructions that are given. */
const moduleOf = (instructions: readonly number[]) =>
  Uint8Array.from([
    ...header,
    ...[1, 5, 1, 0x60, 0, 1, 0x7b],
    ...[3, 2, 1, 0],
    ...[10, instructions.length + 4, 1, instructions.length + 2, 0, ...instructions, 0x0b],
  ]);

/** `i32.const 0; i8x16.splat` */
const splat = [0x41, 0, 0xfd, 15];

/**
 * The smallest modules that use what a build uses. Validating the builds themselves would take as
 * long as compiling them.
 */
const probes: Readonly<Record<WasmBuild, Uint8Array<ArrayBuffer>>> = {
  simd: moduleOf(splat),
  // `f32x4.relaxed_madd`
  "relaxed-simd": moduleOf([...splat, ...splat, ...splat, 0xfd, 0x85, 0x02]),
};

/** Whether this engine accepts a build. */
export function isSupported(build: WasmBuild): boolean {
  return typeof WebAssembly === "object" && WebAssembly.validate(probes[build]);
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
  const characters = atob(encodedModules[build]);
  const bytes = new Uint8Array(characters.length);
  // `Uint8Array.from` takes ten times as long.
  for (let index = 0; index < bytes.length; index++) bytes[index] = characters.charCodeAt(index);
  return bytes;
}
