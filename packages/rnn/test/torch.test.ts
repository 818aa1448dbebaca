import { add, type Device, mul, sum, type Tensor, tensor, tidy, valueAndGrad } from "@x/tensor";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GRU, LSTM, type RecurrentLayer, type RecurrentState, RNN } from "../src/index";
import { expectClose } from "./support/all-close";
import { deviceCases } from "./support/devices";
import { fillValues, readFixture } from "./support/fixtures";

interface TorchCase {
  readonly name: string;
  readonly kind: "tanh" | "relu" | "lstm" | "gru" | "lstm-projection";
  readonly layers: number;
  readonly bias: boolean;
  readonly bidirectional: boolean;
  readonly dropout: number;
  readonly lengths: number[] | null;
}

const { tensors, metadata } = readFixture("recurrent-torch");
const cases: TorchCase[] = JSON.parse(metadata.cases ?? "[]");
const sizes = { steps: 7, batch: 6, input: 3, hidden: 5, projection: 2 };

function build(torchCase: TorchCase, device: Device, batchFirst: boolean) {
  const { kind, layers, bias, bidirectional, dropout } = torchCase;
  const settings = {
    inputSize: sizes.input,
    hiddenSize: sizes.hidden,
    layers,
    bias,
    bidirectional,
  };
  const common = { ...settings, dropout, batchFirst, device };
  switch (kind) {
    case "lstm":
      return new LSTM(common);
    case "lstm-projection":
      return new LSTM({ ...common, projectionSize: sizes.projection });
    case "gru":
      return new GRU(common);
    default:
      return new RNN({ ...common, nonlinearity: kind });
  }
}

function filled(shape: number[], seed: number, device: Device, scale?: number): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return tensor(fillValues(count, seed, scale), shape, { device });
}

function check(
  torchCase: TorchCase,
  device: Device,
  execution: "fused" | "steps" | undefined,
  recomputeEvery?: number,
  batchFirst = false,
): void {
  tidy(() => {
    const layer = build(torchCase, device, batchFirst) as RecurrentLayer<RecurrentState>;
    Object.values(layer.parameters).forEach((parameter, index) => {
      const values = fillValues(parameter.size, 100 + index);
      layer.load({
        ...layer.parameters,
        [Object.keys(layer.parameters)[index]!]: tensor(values, parameter.shape, { device }),
      });
    });
    const { steps, batch, input: inputSize, hidden: hiddenSize } = sizes;
    const count = layer.stateCount;
    const isLstm = torchCase.kind.startsWith("lstm");
    const timeFirst = filled([steps, batch, inputSize], 1, device, 1);
    const leaves = {
      input: batchFirst ? timeFirst.transpose(0, 1) : timeFirst,
      hidden: filled([count, batch, layer.outputSize], 2, device),
      ...(isLstm && { cell: filled([count, batch, hiddenSize], 3, device) }),
      parameters: layer.parameters,
    };
    let found: Record<string, Tensor> = {};
    const { gradients } = valueAndGrad((tree: typeof leaves) => {
      const { output, state } = layer.forward(tree.input, {
        state: { hidden: tree.hidden, ...(tree.cell && { cell: tree.cell }) },
        parameters: tree.parameters,
        training: { seed: 1 },
        ...(torchCase.lengths && { lengths: torchCase.lengths }),
        execution,
        recomputeEvery,
      });
      const arranged = batchFirst ? output.transpose(0, 1) : output;
      found = { output: arranged.detach(), hidden: state.hidden.detach() };
      let loss = add(
        sum(mul(arranged, filled([...arranged.shape], 4, device))),
        sum(mul(state.hidden, filled([...state.hidden.shape], 5, device))),
      );
      if (state.cell) {
        found.cell = state.cell.detach();
        loss = add(loss, sum(mul(state.cell, filled([...state.cell.shape], 6, device))));
      }
      for (const [name, one] of Object.entries(found)) {
        expectClose(one, tensors.get(`${torchCase.name}.${name}`)!, 5e-6, name);
      }
      return loss;
    })(leaves);
    const { parameters, ...rest } = gradients;
    const dInput = batchFirst ? rest.input.transpose(0, 1) : rest.input;
    for (const [name, one] of Object.entries({ ...rest, input: dInput, ...parameters })) {
      const key = `${torchCase.name}.d_${name}`;
      expectClose(one as Tensor, tensors.get(key)!, 1e-4, key);
    }
    layer.dispose();
  });
}

function title({ kind, layers, bias, bidirectional, dropout, lengths }: TorchCase): string {
  const flags = [bias && "bias", bidirectional && "bidirectional", lengths && "lengths"];
  return [kind, `${layers} layers`, `dropout ${dropout}`, ...flags.filter(Boolean)].join(", ");
}

describe.each(Object.entries(deviceCases))("PyTorch's results on %s", (label, create) => {
  let device: Device;
  beforeAll(async () => {
    device = await create();
  });
  afterAll(() => {
    expect(device.memory().tensors).toBe(0);
    device.dispose();
  });

  // gpu.js runs thousands of small kernels: one depth there.
  const chosen = cases.filter(
    ({ layers, dropout }) => label === "wasm, SIMD" || (layers === 2 && dropout === 0),
  );

  test("covers the grid", () => {
    expect(cases.length).toBe(200);
    expect(chosen.length).toBeGreaterThan(30);
  });

  for (const torchCase of chosen) {
    test(title(torchCase), () => {
      const isFused = torchCase.kind !== "lstm-projection";
      if (isFused) check(torchCase, device, "fused");
      if (label !== "wasm, SIMD") return;
      check(torchCase, device, "steps", undefined, true);
      if (isFused) check(torchCase, device, "fused", 3, true);
    });
  }
});
