import {
  createDevice,
  type Device,
  mean,
  normal,
  square,
  type Tensor,
  tidy,
  valueAndGrad,
} from "@x/tensor";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GRU, LSTM, type RecurrentLayer, type RecurrentState, RNN } from "../src/index";
import { expectClose } from "./support/all-close";

let device: Device;
beforeAll(async () => {
  device = await createDevice("wasm");
});
afterAll(() => {
  expect(device.memory().tensors).toBe(0);
  device.dispose();
});

const kinds = ["LSTM", "GRU", "tanh", "relu"] as const;

function build(kind: (typeof kinds)[number], inputSize: number, hiddenSize: number) {
  const sizes = { inputSize, hiddenSize, device, seed: 7 };
  const layer =
    kind === "LSTM"
      ? new LSTM(sizes)
      : kind === "GRU"
        ? new GRU(sizes)
        : new RNN({ ...sizes, nonlinearity: kind });
  return layer as RecurrentLayer<RecurrentState>;
}

/** Steps, rows and hidden sizes that reach every way in which the kernels compute a product. */
const shapes = [
  { steps: 3, batch: 1, hidden: 12 }, // weights as they are
  { steps: 3, batch: 3, hidden: 13 },
  { steps: 40, batch: 1, hidden: 32 }, // panels of 32 columns, all whole
  { steps: 40, batch: 1, hidden: 20 }, // and with an edge
  { steps: 40, batch: 1, hidden: 13 }, // no multiple of 4
  ...[2, 3, 4, 5, 6, 7, 11, 13, 16].map((batch) => ({ steps: 17, batch, hidden: 18 })), // tiles
];

describe.each(kinds)("fused %s equals its steps", (kind) => {
  test.each(shapes)("$steps steps of $batch rows, hidden $hidden", ({ steps, batch, hidden }) => {
    tidy(() => {
      using layer = build(kind, 5, hidden);
      const input = normal([steps, batch, 5], { device, seed: 3 });
      const lengths = Array.from({ length: batch }, (_, row) => steps - (row % 3));
      const run = (execution: "fused" | "steps") => {
        const { output } = layer.forward(input, { lengths, execution });
        const { gradients } = valueAndGrad((parameters: Record<string, Tensor>) =>
          mean(square(layer.forward(input, { parameters, lengths, execution }).output)),
        )(layer.parameters);
        return { output, ...gradients } as Record<string, Tensor>;
      };
      const [expected, actual] = [run("steps"), run("fused")];
      for (const [name, one] of Object.entries(actual)) {
        const data = expected[name]?.dataSync() as Float32Array;
        expectClose(one, { shape: one.shape, data }, 2e-6, name);
      }
    });
  });
});
