import { describe, expect, it, vi } from "vitest";
import {
  add,
  contiguous,
  createDevice,
  DeviceError,
  embedding,
  init,
  KernelError,
  matmul,
  rmsNorm,
  softmax,
  Tensor,
  tensor,
  tidy,
  topK,
  zeros,
} from "../../src/index";
import type { WebGpuDevice } from "../../src/webgpu/webgpu-device";
import { expectAllClose } from "../support/all-close";
import { type DeviceCase, describeOn } from "../support/devices";
import { normalValues } from "../support/random";
import { valuesOf } from "../support/values-of";

/** Makes the same tensor on any device. */
type Computation = (device: WebGpuDevice) => Tensor;

const random = (shape: number[], seed: number, device: WebGpuDevice) =>
  tensor(
    normalValues(
      shape.reduce((product, size) => product * size, 1),
      seed,
    ),
    shape,
    { device },
  );

async function make(options: Parameters<typeof createDevice>[1] = {}): Promise<WebGpuDevice> {
  return (await createDevice("webgpu", options)) as WebGpuDevice;
}

/** What only a GPU has: limits, losses, errors that come late, memory out of sight. */
export function webGpuSuite(deviceCase: DeviceCase): void {
  describeOn(deviceCase, "the webgpu device", () => {
    const limited = { maxStorageBufferBindingSize: 3072, maxBufferSize: 2 ** 16 };
    const splitComputations: [string, Computation][] = [
      ["softmax by rows", (device) => softmax(random([15, 100], 1, device))],
      [
        "rmsNorm by rows",
        (device) => rmsNorm(random([15, 100], 1, device), random([100], 2, device)),
      ],
      [
        "a product by batches",
        (device) => matmul(random([2, 2, 20, 20], 1, device), random([2, 2, 20, 20], 2, device)),
      ],
      [
        "a product by rows",
        (device) => matmul(random([70, 20], 1, device), random([20, 10], 2, device)),
      ],
      ["a copy of a permuted view", (device) => random([20, 5, 20], 1, device).permute([2, 0, 1])],
    ];

    it.each(splitComputations)(
      "splits %s when a kernel sees less than a tensor",
      async (_, compute) => {
        using whole = await make();
        using small = await make({ limits: limited });
        const expected = await valuesOf(() => compute(whole));
        expect(await valuesOf(() => compute(small))).toEqual(expected);
        expect(small.memory()).toMatchObject({ tensors: 0, bytes: 0 });
      },
    );

    it.each(["auto", "gpujs"] as const)(
      "splits launches with more workgroups than a dimension takes, with %s kernels",
      async (kernels) => {
        using whole = await make({ kernels });
        using small = await make({ kernels, limits: { maxComputeWorkgroupsPerDimension: 3 } });
        const computations: Computation[] = [
          (device) => add(random([5001], 1, device), random([5001], 2, device)),
          (device) => softmax(random([50, 70], 1, device)),
          (device) => matmul(random([7, 33, 4], 1, device), random([7, 4, 9], 2, device)),
          (device) => topK(random([40, 50], 1, device), 3).values,
          (device) => random([11, 40, 30], 1, device).permute([2, 0, 1]),
        ];
        for (const compute of computations) {
          const expected = await valuesOf(() => compute(whole));
          expect(await valuesOf(() => compute(small))).toEqual(expected);
        }
      },
    );

    it("refuses what is beyond its limits, before it runs", async () => {
      using small = await make({ limits: { ...limited, maxStorageBuffersPerShaderStage: 2 } });
      const refused: [() => unknown, RegExp][] = [
        [() => zeros([2 ** 14 + 1], { device: small }), /maxBufferSize is 65536; use smaller/],
        [() => softmax(random([2, 2000], 1, small)), /a row of softmax needs .* shorter rows/],
        [() => matmul(random([1, 10], 1, small), random([10, 1000], 2, small)), /split them/],
        [() => add(random([10], 1, small), 1), /maxStorageBuffersPerShaderStage is 2; split/],
      ];
      for (const [call, message] of refused) expect(() => tidy(call)).toThrow(message);
      expect(small.memory()).toMatchObject({ tensors: 0, bytes: 0 });
      using narrow = await make({ kernels: "gpujs", limits: limited });
      expect(() => tidy(() => softmax(random([2, 2000], 1, narrow)))).toThrow(
        /operand 0 of kernel/,
      );
    });

    it("rejects the reads under way when it is lost, then every use; another device works", async () => {
      const device = await make();
      const one = tensor([1, 2], [2], { device });
      const reads = [one.data(), valuesOf(() => add(one, 1))];
      device.gpu.destroy();
      for (const read of reads) {
        await expect(read).rejects.toThrow(/device was lost .* call init\(\) or createDevice\(\)/);
        await expect(read).rejects.toBeInstanceOf(DeviceError);
      }
      expect(device.isUsable).toBe(false);
      expect(() => add(one, 1)).toThrow(/device was lost/);
      expect(() => zeros([1], { device })).toThrow(/device was lost/);
      await expect(one.data()).rejects.toThrow(/device was lost/);
      one.dispose();
      expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0 });
      device.dispose();
      using next = await make();
      using two = tensor([1, 2], [2], { device: next });
      expect(await valuesOf(() => add(two, 1))).toEqual(Float32Array.of(2, 3));
    });

    it("is made anew by init() after a loss", async () => {
      const { default: first } = await init({ devices: ["webgpu"] });
      (first as WebGpuDevice).gpu.destroy();
      await (first as WebGpuDevice).gpu.lost;
      expect(() => zeros([1])).toThrow(/device was lost/);
      const { default: second } = await init({ devices: ["webgpu"] });
      expect(second).not.toBe(first);
      expect(await valuesOf(() => add(tensor([1], [1]), 1))).toEqual(Float32Array.of(2));
      first.dispose();
      expect(await valuesOf(() => tensor([5], [1]))).toEqual(Float32Array.of(5));
      second.dispose();
    });

    it("rejects reads that are under way when it is disposed", async () => {
      const device = await make();
      const one = tensor([1], [1], { device });
      const read = one.data();
      one.dispose();
      device.dispose();
      await expect(read).rejects.toThrow(/disposed/);
      expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0, reservedBytes: 0 });
    });

    it("reports a command that the GPU refused at the next read", async () => {
      using device = await make();
      using one = tensor([1], [1], { device });
      device.gpu.createShaderModule({ code: "this is not WGSL" });
      device.gpu.createBuffer({ size: 4, usage: 0xffff });
      await expect(one.data()).rejects.toThrow(/a command was refused/);
      await expect(one.data()).rejects.toBeInstanceOf(KernelError);
    });

    it.each(["auto", "gpujs"] as const)(
      "passes results from kernel to kernel without reading or writing them, with %s kernels",
      async (kernels) => {
        using device = await make({ kernels });
        using x = random([20, 30], 1, device);
        using weight = random([30], 2, device);
        const written: number[] = [];
        const { queue } = device.gpu;
        const write = queue.writeBuffer.bind(queue);
        vi.spyOn(queue, "writeBuffer").mockImplementation((...call) => {
          written.push(call[4] ?? 0);
          write(...call);
        });
        const create = vi.spyOn(device.gpu, "createBuffer");
        const compute = () => softmax(matmul(rmsNorm(x, weight), x.transpose()));
        tidy(() => void compute());
        const made = create.mock.calls.length;
        tidy(() => void compute());
        // The second time every buffer comes from the pool, and none was made to be read.
        expect(create.mock.calls.length).toBe(made);
        await valuesOf(compute);
        expect(create.mock.calls.length).toBe(made + 1);
        // All that went to the GPU are the parameters of the launches, 256 bytes each.
        expect(written.length).toBeGreaterThan(0);
        expect(Math.max(...written)).toBeLessThanOrEqual(30 * 256);
        expect(written.every((byteLength) => byteLength % 256 === 0)).toBe(true);
      },
    );

    it("keeps the order of writes, launches, copies and disposals", async () => {
      using device = await make();
      using target = zeros([4], { device });
      const sums: Promise<unknown>[] = [];
      for (let step = 1; step <= 200; step++) {
        using one = tensor([step, step, step, step], [4], { device });
        using sum = add(one, target);
        if (step % 50 === 0) sums.push(sum.data());
      }
      const expected = [50, 100, 150, 200].map((step) =>
        Float32Array.from([step, step, step, step]),
      );
      expect(await Promise.all(sums)).toEqual(expected);
    });
  });

  describeOn(deviceCase, "rows on webgpu", () => {
    const layerNorm = (device: WebGpuDevice, inputs: readonly Tensor[]): Tensor => {
      const output = Tensor.allocate(device, "float32", inputs[0]!.shape);
      const implementation = device.implementationOf("layerNorm")!;
      expect(implementation.accepts(inputs, { epsilon: 1e-5 })).toBe(true);
      implementation.run(inputs, [output], { epsilon: 1e-5 });
      return output;
    };

    it.each([1, 257, 600])("normalizes layers of %i", async (columns) => {
      using device = await make();
      const [rows, x] = [3, normalValues(3 * columns, 1).map((value) => 100 + value)];
      const [weight, bias] = [normalValues(columns, 2), normalValues(columns, 3)];
      const expected = Float64Array.from(x, (value, index) => {
        const row = x.subarray(index - (index % columns), index - (index % columns) + columns);
        const mean = row.reduce((sum, other) => sum + other, 0) / columns;
        const variance = row.reduce((sum, other) => sum + (other - mean) ** 2, 0) / columns;
        const normal = (value - mean) / Math.sqrt(variance + 1e-5);
        return normal * weight[index % columns]! + bias[index % columns]!;
      });
      const result = await valuesOf(() =>
        layerNorm(device, [
          tensor(x, [rows, columns], { device }),
          tensor(weight, [columns], { device }),
          tensor(bias, [columns], { device }),
        ]),
      );
      expectAllClose(result, expected, { absolute: 2e-3, relative: 2e-4 });
    });

    it.each(["auto", "gpujs"] as const)(
      "carries NaN and infinities through softmax as the definition does, with %s kernels",
      async (kernels) => {
        using device = await make({ kernels });
        using host = await createDevice("cpu");
        const inf = Number.POSITIVE_INFINITY;
        const rows = [
          [1, Number.NaN, 2],
          [1, inf, 2],
          [-inf, -inf, -inf],
          [-inf, 0, -inf],
          [3e38, -3e38, 0],
        ];
        const on = (where: typeof host) => softmax(tensor(rows.flat(), [5, 3], { device: where }));
        const result = await valuesOf(() => on(device));
        expectAllClose(result, await valuesOf(() => on(host)), { absolute: 1e-7 });
        expect([...result].slice(0, 9)).toEqual(new Array(9).fill(Number.NaN));
      },
    );

    it("indexes exactly past 2^24 elements", async () => {
      for (const kernels of ["auto", "gpujs"] as const) {
        using device = await make({ kernels });
        const [rows, columns] = [4200, 4100];
        const values = Float32Array.from({ length: rows * columns }, (_, i) => i % 8191);
        using table = tensor(values, [rows, columns], { device });
        using ids = tensor([4199, 4095], [2], { device, dtype: "int32" });
        const found = await valuesOf(() => embedding(table, ids).slice(1, 4090, 4100));
        const at = (row: number, column: number) => values[row * columns + column]!;
        const window = Array.from({ length: 10 }, (_, i) => 4090 + i);
        expect([...found]).toEqual([4199, 4095].flatMap((row) => window.map((c) => at(row, c))));
        // A product with a row that picks one row; the window's elements lie past 2^24.
        const pick = new Float32Array(rows);
        pick[4198] = 1;
        const product = await valuesOf(() =>
          matmul(tensor(pick, [1, rows], { device }), table.slice(1, 4090, 4100)),
        );
        expect([...product]).toEqual(window.map((column) => at(4198, column)));
        if (kernels === "gpujs") continue;
        const turned = await valuesOf(() => contiguous(table.transpose()).slice(0, 4099, 4100));
        expect(turned).toEqual(Float32Array.from({ length: rows }, (_, row) => at(row, 4099)));
      }
    });
  });

  describe("webgpu", () => {
    it("says what is missing where it is", async () => {
      if (deviceCase.missing === undefined) return;
      await expect(createDevice("webgpu")).rejects.toThrow(deviceCase.missing);
    });
  });
}
