import {
  createDevice,
  type DeviceName,
  mean,
  normal,
  square,
  type Tensor,
  tidy,
  valueAndGrad,
} from "@x/tensor";
import { expect, it } from "vitest";
import { GRU, LSTM, RNN } from "../../src/index";

const sizes = { inputSize: 3, hiddenSize: 5, bidirectional: true };

/** Output and gradients of a layer as numbers. */
async function run(name: DeviceName, kind: "LSTM" | "GRU" | "RNN"): Promise<number[]> {
  using device = await createDevice(name);
  const settings = { ...sizes, device, seed: 1 };
  const layer =
    kind === "LSTM" ? new LSTM(settings) : kind === "GRU" ? new GRU(settings) : new RNN(settings);
  const input = normal([4, 2, 3], { device, seed: 2 });
  const { value, gradients } = tidy(() =>
    valueAndGrad((parameters: Record<string, Tensor>) =>
      mean(square((layer as LSTM).forward(input, { parameters, lengths: [4, 2] }).output)),
    )(layer.parameters),
  );
  const results = [value, ...Object.values(gradients)];
  const numbers = await Promise.all(results.map((one) => one.data()));
  return numbers.flatMap((one) => Array.from(one as Float32Array));
}

it.each(["LSTM", "GRU", "RNN"] as const)(
  "%s gives the same on every device of a browser",
  async (kind) => {
    const expected = await run("cpu", kind);
    for (const name of ["wasm", "webgpu"] as const) {
      const actual = await run(name, kind);
      expect(actual.length).toBe(expected.length);
      for (const [index, value] of actual.entries()) {
        expect(value, `${name}, element ${index}`).toBeCloseTo(expected[index]!, 5);
      }
    }
  },
);
