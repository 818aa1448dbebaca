import { expect, it } from "vitest";
import { expectAllClose } from "../support/all-close";
import { type DeviceCase, describeOn } from "../support/devices";
import type { FixtureFile } from "../support/parse-safetensors";
import { trainDigits } from "../support/train-digits";

/** Trains a perceptron on `deviceCase`, and compares it with the one that PyTorch trained. */
export function digitsSuite(deviceCase: DeviceCase, fixture: FixtureFile): void {
  describeOn(deviceCase, "a perceptron for handwritten digits", ({ create }) => {
    it("learns as PyTorch's does from the same weights", async () => {
      using device = await create();
      const expected = fixture.tensor("losses").values;
      const { losses, accuracy } = await trainDigits(device, fixture, expected.length);
      expectAllClose(losses.slice(0, 20), expected.slice(0, 20), { absolute: 1e-3 });
      expect(losses.at(-1)).toBeLessThan(losses[0]! / 5);
      expect(Math.abs(accuracy - fixture.tensor("accuracy").values[0]!)).toBeLessThan(0.01);
      expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0, leakedTensors: 0 });
    });
  });
}
