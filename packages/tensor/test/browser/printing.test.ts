import { expect, it } from "vitest";
import { arange, createDevice, format } from "../../src/index";

it("waits for what a GPU shows, and leaves it out where nobody can wait", async () => {
  using device = await createDevice("webgpu");
  using numbers = arange(0, 2000, 1, { device, dtype: "int32" });
  using matrix = numbers.reshape([40, 50]);
  using columns = matrix.transpose();
  const before = device.memory();
  expect(await format(columns, { edgeItems: 1 })).toBe(
    "tensor([[   0,  ..., 1950],\n" +
      "        ...,\n" +
      "        [  49,  ..., 1999]], shape=[50, 40], dtype=int32, device=webgpu)",
  );
  expect(String(columns)).toBe("tensor(..., shape=[50, 40], dtype=int32, device=webgpu)");
  expect(device.memory().tensors).toBe(before.tensors);
});
