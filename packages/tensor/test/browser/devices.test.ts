import { describe, expect, it } from "vitest";
import { availableDevices, init, tensor } from "../../src/index";
import { valuesOf } from "../support/values-of";

describe("availableDevices", () => {
  it("finds every device in Chromium, and says that the GPU is emulated", async () => {
    const devices = await availableDevices();
    const names = devices.filter(({ available }) => available).map(({ name }) => name);
    expect(names).toEqual(["cpu", "wasm", "webgl", "webgpu"]);
    expect(devices[1]?.reason).toMatch(/simd/);
    expect(devices[2]).toMatchObject({
      isEmulated: true,
      reason: expect.stringMatching(/gpujs.*swiftshader/i),
    });
    expect(devices[3]).toMatchObject({
      isEmulated: true,
      reason: expect.stringMatching(/wgsl.*swiftshader/i),
    });
  });
});

describe("init", () => {
  it("prefers wasm to an emulated GPU, and makes a GPU device when asked", async () => {
    const { default: chosen } = await init();
    using first = chosen;
    expect(first.name).toBe("wasm");
    const { devices } = await init({ devices: ["wasm", "webgpu"] });
    using gpu = devices.get("webgpu")!;
    using onHost = tensor([1, 2, 3], [3]);
    using moved = await onHost.to("webgpu");
    expect(moved.device).toBe(gpu);
    expect(await valuesOf(() => moved.slice(0, 1, 3))).toEqual(Float32Array.from([2, 3]));
  });
});
