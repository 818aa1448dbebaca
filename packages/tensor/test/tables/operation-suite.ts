import { afterAll, beforeAll, expect, it } from "vitest";
import {
  add,
  argmax,
  type Device,
  linear,
  matmul,
  softmax,
  tensor,
  topK,
  zeros,
} from "../../src/index";
import { expectAllClose } from "../support/all-close";
import { type DeviceCase, describeOn, recordLaunches } from "../support/devices";
import { randomPacked } from "../support/packed-blocks";
import { valuesOf } from "../support/values-of";
import { operationCases } from "./operation-cases";

/** Runs every operation on `deviceCase`, and asserts that its kernels are those that ran. */
export function operationSuite(deviceCase: DeviceCase): void {
  describeOn(deviceCase, "operations", ({ create, implementationOf }) => {
    let device: Device;
    beforeAll(async () => {
      device = await create();
    });
    afterAll(() => {
      expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0, leakedTensors: 0 });
      device.dispose();
    });

    it.each(operationCases)("$name", async ({ operation, tolerance, run, oracle }) => {
      const { result, records } = recordLaunches(device, () => run(device));
      expectAllClose(await valuesOf(result), oracle(), tolerance);
      const launched = records.filter((record) => record.operation === operation);
      expect(launched).not.toEqual([]);
      for (const { implementation } of launched) {
        expect(implementation).toBe(implementationOf(operation));
      }
    });

    const float = (values: ArrayLike<number>, shape: number[]) => tensor(values, shape, { device });

    it("argmax takes the first of equals, and NaN as the largest", async () => {
      const x = [1, 5, 5, 0, Number.NaN, 9, Number.NaN, 1];
      expect(await valuesOf(() => argmax(float(x, [2, 4])))).toEqual(Int32Array.from([1, 0]));
    });

    it("topK orders equals by index and gives the values", async () => {
      const x = [2, 7, 7, -1, 7, 3];
      const values = await valuesOf(() => topK(float(x, [1, 6]), 4).values);
      expect([...values]).toEqual([7, 7, 7, 3]);
      const indices = await valuesOf(() => topK(float(x, [1, 6]), 4).indices);
      expect([...indices]).toEqual([1, 2, 4, 5]);
    });

    it("takes tensors without elements", async () => {
      using none = zeros([0, 32], { device });
      using weight = tensor(randomPacked("q4_1", [4, 32], 1), [4, 32], { device, dtype: "q4_1" });
      using product = linear(none, weight);
      expect(product.shape).toEqual([0, 4]);
      expect((await product.data()).length).toBe(0);
      using rows = softmax(none);
      expect(rows.shape).toEqual([0, 32]);
      using sum = add(none, none);
      expect(sum.size).toBe(0);
      const inner = await valuesOf(() =>
        matmul(zeros([2, 0], { device }), zeros([0, 3], { device })),
      );
      expect([...inner]).toEqual([0, 0, 0, 0, 0, 0]);
    });
  });
}
