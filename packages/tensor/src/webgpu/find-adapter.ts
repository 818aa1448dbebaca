import { DeviceError } from "../errors";

let nodeGpu: Promise<GPU> | undefined;

/**
 * The entry to WebGPU: the browser's, or in Node the one of the optional package `webgpu` (Dawn).
 *
 * @throws {DeviceError} saying what is missing.
 */
async function findGpu(): Promise<GPU> {
  const browserGpu: GPU | undefined = typeof navigator === "object" ? navigator.gpu : undefined;
  if (browserGpu !== undefined) return browserGpu;
  if (typeof process !== "object" || process.versions?.node === undefined) {
    throw new DeviceError("webgpu: this browser has no WebGPU; use webgl or wasm");
  }
  // Kept for good: Dawn crashes when its instance is collected before its devices.
  nodeGpu ??= loadDawn();
  try {
    return await nodeGpu;
  } catch (cause) {
    nodeGpu = undefined;
    const { code, message } = cause as NodeJS.ErrnoException;
    const reason =
      code === "ERR_MODULE_NOT_FOUND"
        ? "the optional package webgpu is not installed; npm install webgpu"
        : `the package webgpu does not load: ${message.split("\n")[0]}`;
    throw new DeviceError(`webgpu: ${reason}`, {}, { cause });
  }
}

async function loadDawn(): Promise<GPU> {
  // A variable, so that no bundler looks for a package that most users do not have.
  const specifier = "webgpu";
  const { create } = await import(/* @vite-ignore */ /* webpackIgnore: true */ specifier);
  return create([]);
}

/**
 * A fresh adapter; each one makes a single device.
 *
 * @throws {DeviceError} saying what is missing.
 */
export async function findAdapter(): Promise<GPUAdapter> {
  const gpu = await findGpu();
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (adapter === null) {
    throw new DeviceError("webgpu: no adapter was found; install a GPU driver, or use wasm");
  }
  return adapter;
}

/** Whether `adapter` is emulated on the processor. */
export function isEmulated({ info }: GPUAdapter): boolean {
  return info.isFallbackAdapter || isEmulatedGpu(nameOf(info));
}

/** Whether this is the name of a GPU that is emulated on the processor. */
export function isEmulatedGpu(name: string): boolean {
  return /swiftshader|llvmpipe|lavapipe/i.test(name);
}

/** An adapter in words. */
export function describeAdapter({ info }: GPUAdapter): string {
  return nameOf(info) || "an adapter without a name";
}

function nameOf({ vendor, architecture, description }: GPUAdapterInfo): string {
  return [vendor, architecture, description].filter((part) => part !== "").join(" ");
}
