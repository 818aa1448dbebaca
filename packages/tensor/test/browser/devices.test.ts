import { describe, expect, it } from "vitest";
import { availableDevices, linear, matmul, softmax, tensor, tidy } from "../../src/index";
import { expectAllClose } from "../support/all-close";
import { deviceCases, recordLaunches } from "../support/devices";
import { randomPacked, unpack } from "../support/packed-blocks";
import { normalValues } from "../support/random";

describe.each(deviceCases)("in a browser, $label", ({ create, kernels }) => {
  it("multiplies packed weights by the kernels that it says", async () => {
    using device = await create();
    expect(device.kernels).toBe(kernels);
    const [k, n] = [96, 5];
    const input = normalValues(k, 1);
    const packed = randomPacked("q4_1", [n, k], 2);
    const weights = unpack("q4_1", packed);
    const expected = Float64Array.from({ length: n }, (_, row) =>
      input.reduce((sum, value, column) => sum + value * weights[row * k + column]!, 0),
    );
    const records = recordLaunches(device, () =>
      tidy(() => {
        const x = tensor(input, [1, k], { device });
        const weight = tensor(packed, [n, k], { device, dtype: "q4_1" });
        const largest = Math.max(...Array.from(weights, Math.abs));
        expectAllClose(linear(x, weight).dataSync(), expected, { absolute: 1e-4 * largest });
      }),
    );
    expect(records).toContainEqual({ operation: "linear", implementation: kernels });
    expect(device.memory().tensors).toBe(0);
  });

  it("computes attention over views", async () => {
    using device = await create();
    tidy(() => {
      const queries = tensor([1, 0, 0, 1], [1, 2, 2], { device });
      const keys = tensor([1, 0, 0, 1, 1, 1], [1, 3, 2], { device });
      const weights = softmax(matmul(queries, keys.transpose()));
      const e = Math.E;
      const row = [e, 1, e].map((value) => value / (2 * e + 1));
      expectAllClose(weights.dataSync(), [...row, row[1]!, row[0]!, row[2]!], { absolute: 1e-6 });
    });
  });
});

describe("availableDevices", () => {
  it("reports what runs here", async () => {
    const devices = await availableDevices();
    expect(devices.slice(0, 2).map(({ name, available }) => [name, available])).toEqual([
      ["cpu", true],
      ["wasm", true],
    ]);
    expect(devices[1]?.reason).toMatch(/simd/);
  });
});
