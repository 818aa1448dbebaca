import { createDevice, type Device, tensor, tidy } from "@x/tensor";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LSTM, RNN } from "../src/index";

let device: Device;
beforeAll(async () => {
  device = await createDevice("wasm");
});
afterAll(() => {
  expect(device.memory().tensors).toBe(0);
  device.dispose();
});

const tensorOf = (values: ArrayLike<number>, shape: number[]) =>
  tensor(Float32Array.from(values), shape, { device });

/** From tiny to huge, of both signs, dense where the functions bend. */
const inputs = Float32Array.from([
  ...Array.from({ length: 4001 }, (_, index) => (index - 2000) / 100),
  ...[0, 1e-30, 1e-6, 1e-3, 88, 89, 1e4, 3e38].flatMap((x) => [x, -x]),
]);

/** h of a simple network that sees its input alone, or of an LSTM whose output gate is `x`. */
function applied(name: "tanh" | "sigmoid"): Float32Array {
  return tidy(() => {
    const sizes = { inputSize: 1, hiddenSize: 1, bias: false, device };
    const x = tensorOf(inputs, [1, inputs.length, 1]);
    if (name === "tanh") {
      using rnn = new RNN(sizes);
      rnn.load({ weight_ih_l0: tensorOf([1], [1, 1]), weight_hh_l0: tensorOf([0], [1, 1]) });
      return rnn.forward(x).output.dataSync() as Float32Array;
    }
    using lstm = new LSTM(sizes);
    lstm.load({
      weight_ih_l0: tensorOf([0, 0, 0, 1], [4, 1]),
      weight_hh_l0: tensorOf([0, 0, 0, 0], [4, 1]),
    });
    // The forget gate is 1/2: a cell of 40 becomes 20, whose tanh is 1.
    const shape = [1, inputs.length, 1];
    const state = {
      hidden: tensorOf(new Float32Array(inputs.length), shape),
      cell: tensorOf(new Float32Array(inputs.length).fill(40), shape),
    };
    return lstm.forward(x, { state }).output.dataSync() as Float32Array;
  });
}

test("tanh has a relative error below 4e-7 and stays within 1", () => {
  const found = applied("tanh");
  let worst = 0;
  for (const [index, value] of found.entries()) {
    const expected = Math.tanh(inputs[index] ?? 0);
    expect(Math.abs(value)).toBeLessThanOrEqual(1);
    if (Math.abs(expected) < 1e-25) expect(value).toBeCloseTo(expected, 12);
    else worst = Math.max(worst, Math.abs(value / expected - 1));
  }
  expect(worst).toBeLessThan(4e-7);
});

test("sigmoid has an error below 2e-7 and stays from 0 to 1", () => {
  const found = applied("sigmoid");
  let worst = 0;
  for (const [index, value] of found.entries()) {
    expect(value).toBeGreaterThanOrEqual(0);
    expect(value).toBeLessThanOrEqual(1);
    worst = Math.max(worst, Math.abs(value - 1 / (1 + Math.exp(-(inputs[index] ?? 0)))));
  }
  expect(worst).toBeLessThan(2e-7);
});

test("not-a-number goes through", () => {
  tidy(() => {
    using lstm = new LSTM({ inputSize: 1, hiddenSize: 3, device });
    const { output } = lstm.forward(tensorOf([Number.NaN, 1], [1, 2, 1]));
    const values = Array.from(output.dataSync());
    expect(values.slice(0, 3).every(Number.isNaN)).toBe(true);
    expect(values.slice(3).every(Number.isFinite)).toBe(true);
  });
});
