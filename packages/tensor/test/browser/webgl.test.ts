import { describe, expect, it, vi } from "vitest";
import {
  add,
  createDevice,
  DeviceError,
  embedding,
  matmul,
  rmsNorm,
  softmax,
  tensor,
  topK,
  zeros,
} from "../../src/index";
import type { WebGlDevice } from "../../src/webgl/webgl-device";
import { expectAllClose } from "../support/all-close";
import { normalValues } from "../support/random";
import { valuesOf } from "../support/values-of";

const make = async (limits: { maxTextureSize?: number } = {}) =>
  (await createDevice("webgl", { limits })) as WebGlDevice;
const random = (shape: number[], seed: number, device: WebGlDevice) => {
  const size = shape.reduce((product, current) => product * current, 1);
  return tensor(normalValues(size, seed), shape, { device });
};

describe("the webgl device", () => {
  it("folds tensors into textures of any size, and refuses what no texture holds", async () => {
    using whole = await make();
    using small = await make({ maxTextureSize: 64 });
    const computations = [
      (device: WebGlDevice) => add(random([3001], 1, device), random([3001], 2, device)),
      (device: WebGlDevice) => softmax(random([30, 100], 1, device)),
      (device: WebGlDevice) =>
        matmul(random([3, 7, 33], 1, device), random([3, 33, 29], 2, device)),
      (device: WebGlDevice) => topK(random([50, 20], 1, device), 3).values,
      (device: WebGlDevice) => random([11, 13, 17], 1, device).permute([2, 0, 1]).slice(0, 3, 9),
    ];
    for (const compute of computations) {
      const expected = await valuesOf(() => compute(whole));
      expect(await valuesOf(() => compute(small))).toEqual(expected);
    }
    expect(() => zeros([64 * 64 + 1], { device: small })).toThrow(
      /maxTextureSize is 64 .* smaller/,
    );
    expect(small.memory()).toMatchObject({ tensors: 0, bytes: 0 });
  });

  it("passes results from kernel to kernel without reading or writing them", async () => {
    using device = await make();
    using x = random([20, 30], 1, device);
    using weight = random([30], 2, device);
    const reads = vi.spyOn(device.context, "readPixels");
    const writes = vi.spyOn(device.context, "texSubImage2D");
    const draws = vi.spyOn(device.context, "drawArrays");
    await valuesOf(() => softmax(matmul(rmsNorm(x, weight), x.transpose())));
    expect(draws.mock.calls.length).toBeGreaterThan(5);
    expect(writes).not.toHaveBeenCalled();
    expect(reads).toHaveBeenCalledTimes(1);
  });

  it("rejects reads and every use after it is lost; another device works", async () => {
    const device = await make();
    const one = tensor([1, 2], [2], { device });
    device.context.getExtension("WEBGL_lose_context")!.loseContext();
    const read = one.data();
    await expect(read).rejects.toThrow(/device was lost; call init\(\) or createDevice\(\)/);
    await expect(read).rejects.toBeInstanceOf(DeviceError);
    expect(() => add(one, 1)).toThrow(/device was lost/);
    one.dispose();
    expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0 });
    device.dispose();
    using next = await make();
    expect(await valuesOf(() => add(tensor([1], [1], { device: next }), 1))).toEqual(
      Float32Array.of(2),
    );
  });

  it("gives everything back when it is disposed", async () => {
    const device = await make();
    await valuesOf(() => add(random([100], 1, device), 1));
    expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0 });
    expect(device.memory().reservedBytes).toBeGreaterThan(0);
    device.dispose();
    expect(device.memory().reservedBytes).toBe(0);
    expect(device.context.isContextLost()).toBe(true);
  });

  it("carries NaN and infinities through softmax as the definition does", async () => {
    using device = await make();
    using host = await createDevice("cpu");
    const inf = Number.POSITIVE_INFINITY;
    const rows = [1, Number.NaN, 2, 1, inf, 2, -inf, -inf, -inf, -inf, 0, -inf, 3e38, -3e38, 0];
    const on = (where: typeof host) => softmax(tensor(rows, [5, 3], { device: where }));
    const result = await valuesOf(() => on(device));
    expectAllClose(result, await valuesOf(() => on(host)), { absolute: 1e-7 });
    expect([...result].slice(0, 9)).toEqual(new Array(9).fill(Number.NaN));
  });

  it("indexes exactly past 2^24 elements", async () => {
    using device = await make();
    const [rows, columns] = [4200, 4100];
    const values = Float32Array.from({ length: rows * columns }, (_, i) => i % 8191);
    using table = tensor(values, [rows, columns], { device });
    using ids = tensor([4199, 4095], [2], { device, dtype: "int32" });
    const found = await valuesOf(() => embedding(table, ids).slice(1, 4090, 4100));
    const window = Array.from({ length: 10 }, (_, i) => 4090 + i);
    const expected = [4199, 4095].flatMap((row) =>
      window.map((column) => values[row * columns + column]!),
    );
    expect([...found]).toEqual(expected);
    const turned = await valuesOf(() => table.transpose().slice(0, 4099, 4100));
    expect(turned).toEqual(
      Float32Array.from({ length: rows }, (_, row) => values[row * columns + 4099]!),
    );
  });
});
