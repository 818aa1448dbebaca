import type { Implementation } from "../ops/operation";
import type { WasmBuild } from "./kernel-module";

/** What kernels of a package may ask of the device whose memory they work in. */
export interface WasmKernelHost {
  /** Runs `use` with `byteLength` bytes, 64-byte aligned, that are free again afterwards. */
  withScratch(byteLength: number, use: (pointer: number) => void): void;
  /** Writes 32-bit integers at `pointer`. */
  writeIntegers(pointer: number, values: ArrayLike<number>): void;
}

/**
 * A package's WebAssembly kernels. The module imports `env.memory` and nothing else, and holds no
 * static data, so that any number of modules share one memory; it is instantiated over a device's
 * memory when the first of its operations runs there.
 */
export interface WasmKernels {
  /** The compiled module, in base64. */
  readonly modules: Readonly<Record<WasmBuild, string>>;
  /**
   * Makes the kernels by operation name, once for each device.
   *
   * @param exports - What the module exports.
   * @param host - The device.
   */
  implementations(
    exports: WebAssembly.Exports,
    host: WasmKernelHost,
  ): ReadonlyMap<string, Implementation>;
}

/** Instantiates a package's kernels over `memory`. Their modules are small, so this does not wait. */
export function instantiatePackage(
  { modules, implementations }: WasmKernels,
  build: WasmBuild,
  memory: WebAssembly.Memory,
  host: WasmKernelHost,
): ReadonlyMap<string, Implementation> {
  const module = Uint8Array.from(atob(modules[build]), (character) => character.charCodeAt(0));
  const instance = new WebAssembly.Instance(
    new WebAssembly.Module(isShared(memory) ? importShared(module) : module),
    { env: { memory } },
  );
  return implementations(instance.exports, host);
}

/** In a page that is not cross-origin isolated, shared memory exists, but no name for its buffer. */
function isShared({ buffer }: WebAssembly.Memory): boolean {
  return !(buffer instanceof ArrayBuffer);
}

const text = (value: string) => [value.length, ...new TextEncoder().encode(value)];
/** One import, `env.memory`, of the kind memory, with no maximum; its minimum follows. */
const memoryImport = [1, ...text("env"), ...text("memory"), 2, 0];

/**
 * Declares the imported memory as shared, with a maximum of 65,536 pages: a module must say which
 * kind of memory it takes, and is the same otherwise.
 */
function importShared(module: Uint8Array): Uint8Array<ArrayBuffer> {
  const start = module.findIndex((_, at) =>
    memoryImport.every((byte, index) => module[at + index] === byte),
  );
  if (start === -1) return Uint8Array.from(module); // declared as shared already
  const limits = start + memoryImport.length - 1;
  const sectionSize = module[start - 1] ?? 0;
  const minimum = module[limits + 1] ?? 0;
  const maximum = [0x80, 0x80, 0x04];
  return Uint8Array.from([
    ...module.subarray(0, start - 1),
    sectionSize + maximum.length,
    ...module.subarray(start, limits),
    3,
    minimum,
    ...maximum,
    ...module.subarray(limits + 2),
  ]);
}
