import { expect, it, vi } from "vitest";
import { createDevice, type Device, linear, matmul, tensor, tidy } from "../../src/index";
import { randomPacked } from "../support/packed-blocks";
import { normalValues } from "../support/random";

function products(device: Device): Float32Array[] {
  return tidy(() => {
    const input = tensor(normalValues(3 * 256, 1), [3, 256], { device });
    const square = tensor(normalValues(256 * 320, 2), [256, 320], { device });
    const weight = tensor(randomPacked("q4_1", [900, 256], 3), [900, 256], {
      device,
      dtype: "q4_1",
    });
    const results = [matmul(input, square), linear(input, weight)];
    return results.map((result) => result.dataSync() as Float32Array);
  });
}

it("shares memory with workers, without blocking the page, for the same results", async () => {
  expect(globalThis.crossOriginIsolated).toBe(true);
  const wait = vi.spyOn(Atomics, "wait");
  using alone = await createDevice("wasm", { threads: 1 });
  const expected = products(alone);
  using device = await createDevice("wasm", { threads: 3 });
  expect(device.threads).toBe(3);
  for (let repeat = 0; repeat < 20; repeat++) expect(products(device)).toEqual(expected);
  expect(wait).not.toHaveBeenCalled();
});

it("uses several threads unless it is told otherwise", async () => {
  using device = await createDevice("wasm");
  expect(device.threads).toBe(Math.min(8, navigator.hardwareConcurrency));
});
