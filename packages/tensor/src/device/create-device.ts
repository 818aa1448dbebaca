import { DeviceError, OutOfRangeError } from "../errors";
import { isSupported, supportedBuild, type WasmBuild } from "../wasm/kernel-module";
import { canShareMemory } from "../wasm/thread-host";
import { defaultThreads } from "../wasm/thread-pool";
import { WasmDevice } from "../wasm/wasm-device";
import { createGlContext, describeGpu, releaseGlContext } from "../webgl/gl-context";
import type { GlLimits } from "../webgl/webgl-device";
import { describeAdapter, findAdapter, isEmulated, isEmulatedGpu } from "../webgpu/find-adapter";
import type { GpuLimits } from "../webgpu/gpu-limits";
import { CpuDevice } from "./cpu-device";
import type { Device, DeviceName, KernelChoice } from "./device";

/** More threads than any machine makes use of; a larger number is a mistake. */
const maximumThreads = 256;

/** Settings of {@link createDevice}. */
export interface DeviceOptions {
  /** Which kernels run. Default `auto`. */
  readonly kernels?: KernelChoice;
  /**
   * The build of the SIMD kernels, on `wasm` only. Default: the fastest that the engine accepts.
   */
  readonly build?: WasmBuild;
  /**
   * On `webgpu` and `webgl` only: limits lower than the GPU's, to see how a program does on a
   * smaller one.
   */
  readonly limits?: Partial<GpuLimits & GlLimits>;
  /**
   * Threads that compute, the calling one included; on `wasm` with SIMD kernels only. Results do not
   * depend on it. Default: as many as the system runs at once, at most 8; 1 in a page that is not
   * cross-origin isolated, where workers cannot share memory.
   */
  readonly threads?: number;
  /**
   * The fewest bits that an activation is rounded to in products with `q4_0`, `q4_1` and `q8_0`
   * weights, one scale to 32 of them; on `wasm` with SIMD kernels only. 16 stays near float32. 8 is
   * what llama.cpp computes with, and up to twice as fast where the processor multiplies bytes in one
   * instruction; elsewhere it changes nothing. Default 16.
   */
  readonly activationBits?: 8 | 16;
}

/** Whether a device can be made here, and why not. */
export interface DeviceAvailability {
  readonly name: DeviceName;
  readonly available: boolean;
  /** What is missing, or which kernels would run. */
  readonly reason: string;
  /** Whether it is a GPU that the processor emulates: right, but slower than `wasm`. */
  readonly isEmulated?: boolean;
}

/**
 * Makes a device: memory of its own, and kernels. Dispose it to give everything back.
 *
 * @param name - Default: `wasm` where the engine has WebAssembly, else `cpu`.
 * @throws {DeviceError} when the name is unknown or the engine lacks what the device needs.
 *
 * @example
 * ```ts
 * using device = await createDevice("wasm");
 * using left = tensor([1, 2, 3, 4], [2, 2], { device });
 * using right = tensor([5, 6, 7, 8], [2, 2], { device });
 * using product = matmul(left, right);
 * console.log(product.dataSync()); // Float32Array [19, 22, 43, 50]
 * ```
 */
export async function createDevice(
  name: DeviceName = typeof WebAssembly === "object" ? "wasm" : "cpu",
  {
    kernels = "auto",
    build,
    limits = {},
    threads = defaultThreads(),
    activationBits = 16,
  }: DeviceOptions = {},
): Promise<Device> {
  if (kernels !== "auto" && kernels !== "gpujs") {
    throw new DeviceError(`unknown kernels "${kernels}"; use auto or gpujs`, { kernels });
  }
  if (build !== undefined) requireBuild(name, build);
  if (!Number.isInteger(threads) || threads < 1 || threads > maximumThreads) {
    throw new OutOfRangeError(`threads is ${threads}; use an integer of 1 to ${maximumThreads}`, {
      threads,
    });
  }
  if (activationBits !== 8 && activationBits !== 16) {
    throw new OutOfRangeError(`activationBits is ${activationBits}; use 8 or 16`, {
      activationBits,
    });
  }
  switch (name) {
    case "cpu":
      return CpuDevice.create();
    case "wasm":
      if (typeof WebAssembly !== "object") {
        throw new DeviceError("wasm: this engine has no WebAssembly; use the cpu device");
      }
      return WasmDevice.create({
        kernels,
        build,
        threads: canShareMemory() ? threads : 1,
        activationBits,
      });
    case "webgl": {
      const { WebGlDevice } = await import("../webgl/webgl-device");
      return WebGlDevice.create(limits);
    }
    case "webgpu": {
      const { WebGpuDevice } = await import("../webgpu/webgpu-device");
      return WebGpuDevice.create(kernels, limits);
    }
    default:
      throw new DeviceError(
        `unknown device "${name satisfies never}"; use cpu, wasm, webgl or webgpu`,
        {
          name,
        },
      );
  }
}

/** Refuses a build that the device or the engine has not. */
function requireBuild(device: DeviceName, build: WasmBuild): void {
  const details = { device, build };
  if (build !== "simd" && build !== "relaxed-simd") {
    throw new DeviceError(`unknown build "${build}"; use simd or relaxed-simd`, details);
  }
  if (device !== "wasm") {
    throw new DeviceError(
      `build "${build}" is one of wasm, not of ${device}; leave it out`,
      details,
    );
  }
  if (!isSupported(build)) {
    throw new DeviceError(
      `build "${build}" does not run in this engine; leave it out for the fastest that does`,
      details,
    );
  }
}

/** Every device of this release, with whether it runs here. */
export async function availableDevices(): Promise<DeviceAvailability[]> {
  const build = supportedBuild();
  const hasWasm = typeof WebAssembly === "object";
  const wasmReason = hasWasm
    ? `kernels: ${build ?? "gpujs, as SIMD is missing"}`
    : "no WebAssembly";
  return [
    { name: "cpu", available: true, reason: "kernels: gpujs" },
    { name: "wasm", available: hasWasm, reason: wasmReason },
    webGlAvailability(),
    await webGpuAvailability(),
  ];
}

function webGlAvailability(): DeviceAvailability {
  try {
    const context = createGlContext();
    const gpu = describeGpu(context);
    releaseGlContext(context);
    return {
      name: "webgl",
      available: true,
      reason: `kernels: gpujs, on ${gpu}`,
      isEmulated: isEmulatedGpu(gpu),
    };
  } catch (error) {
    return { name: "webgl", available: false, reason: (error as Error).message };
  }
}

async function webGpuAvailability(): Promise<DeviceAvailability> {
  try {
    const adapter = await findAdapter();
    return {
      name: "webgpu",
      available: true,
      reason: `kernels: wgsl, on ${describeAdapter(adapter)}`,
      isEmulated: isEmulated(adapter),
    };
  } catch (error) {
    return { name: "webgpu", available: false, reason: (error as Error).message };
  }
}
