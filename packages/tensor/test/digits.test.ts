import { describe, expect, it } from "vitest";
import { expectAllClose } from "./support/all-close";
import { deviceCases } from "./support/devices";
import { readSafetensors } from "./support/read-safetensors";
import { trainDigits } from "./support/train-digits";

const fixture = readSafetensors("torch-digits.safetensors");

describe.each(deviceCases)("a perceptron for handwritten digits on $label", ({ create }) => {
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
