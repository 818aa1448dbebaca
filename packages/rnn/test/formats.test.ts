import {
  createDevice,
  type Device,
  openSafetensors,
  tensor,
  tidy,
  writeSafetensors,
} from "@x/tensor";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type CellKind,
  fromKeras,
  fromOnnx,
  GRU,
  LSTM,
  type OnnxWeights,
  type RecurrentLayer,
  type RecurrentState,
  RNN,
  toArrays,
  toKeras,
  toOnnx,
  toTensors,
  type WeightArray,
  WeightsError,
} from "../src/index";
import { expectClose } from "./support/all-close";
import { readFixture } from "./support/fixtures";

interface OnnxCase {
  readonly name: string;
  readonly operator: "RNN" | "LSTM" | "GRU";
  readonly peepholes: boolean;
  readonly directions: 1 | 2;
  readonly lengths: number[] | null;
  readonly linear_before_reset?: 0 | 1;
}

const kinds = { RNN: "tanh", LSTM: "lstm", GRU: "gru" } as const;
const sizes = { inputSize: 4, hiddenSize: 5 };
let device: Device;
beforeAll(async () => {
  device = await createDevice("wasm");
});
afterAll(() => {
  expect(device.memory().tensors).toBe(0);
  device.dispose();
});

function load(layer: RecurrentLayer<RecurrentState>, weights: Record<string, WeightArray>): void {
  tidy(() => layer.load(toTensors(weights, device)));
}

describe("ONNX Runtime's results", () => {
  const { tensors, metadata } = readFixture("recurrent-onnx");
  const cases: OnnxCase[] = JSON.parse(metadata.cases ?? "[]");

  test.each(cases.map((one) => [JSON.stringify(one), one] as const))("%s", (_, onnxCase) => {
    const value = (name: string) => tensors.get(`${onnxCase.name}.${name}`)!;
    const kind = kinds[onnxCase.operator];
    const settings = { ...sizes, device, bidirectional: onnxCase.directions === 2 };
    using layer = (
      kind === "lstm"
        ? new LSTM({ ...settings, peepholes: onnxCase.peepholes })
        : kind === "gru"
          ? new GRU({ ...settings, reset: onnxCase.linear_before_reset === 1 ? "after" : "before" })
          : new RNN(settings)
    ) as RecurrentLayer<RecurrentState>;
    const given: OnnxWeights = {
      W: value("W"),
      R: value("R"),
      B: value("B"),
      ...(onnxCase.peepholes && { P: value("P") }),
    };
    const weights = fromOnnx(kind, given);
    load(layer, weights);
    tidy(() => {
      const of = (name: string) => tensor(value(name).data, value(name).shape, { device });
      const { output, state } = layer.forward(of("X"), {
        state: { hidden: of("initial_h"), ...(kind === "lstm" && { cell: of("initial_c") }) },
        ...(onnxCase.lengths && { lengths: onnxCase.lengths }),
      });
      const [steps, directions, batch, size] = value("Y").shape as [number, number, number, number];
      const arranged = output.reshape([steps, batch, directions, size]).permute([0, 2, 1, 3]);
      expectClose(arranged, value("Y"), 5e-6, "Y");
      expectClose(state.hidden, value("Y_h"), 5e-6, "Y_h");
      if (state.cell) expectClose(state.cell, value("Y_c"), 5e-6, "Y_c");
    });
    expect(toOnnx(kind, weights)).toEqual(given);
  });
});

describe("Keras's results", () => {
  const { tensors } = readFixture("recurrent-keras");
  const cases: readonly (readonly [string, CellKind, () => RecurrentLayer<RecurrentState>])[] = [
    ["lstm", "lstm", () => new LSTM({ ...sizes, device, batchFirst: true })],
    ["gru", "gru", () => new GRU({ ...sizes, device, batchFirst: true })],
    ["gru-before", "gru", () => new GRU({ ...sizes, device, batchFirst: true, reset: "before" })],
    ["tanh", "tanh", () => new RNN({ ...sizes, device, batchFirst: true })],
  ];

  test.each(cases)("%s", (name, kind, create) => {
    const value = (quantity: string) => tensors.get(`${name}.${quantity}`)!;
    using layer = create();
    const given = {
      kernel: value("kernel"),
      recurrentKernel: value("recurrentKernel"),
      bias: value("bias"),
    };
    const weights = fromKeras(kind, given);
    load(layer, weights);
    tidy(() => {
      const { output } = layer.forward(tensor(value("x").data, value("x").shape, { device }));
      expectClose(output, value("output"), 5e-6, "output");
    });
    if (name !== "gru-before") expect(toKeras(kind, weights)).toEqual(given);
  });
});

describe("weights in files", () => {
  test("parameters survive a safetensors file", async () => {
    using layer = new GRU({ ...sizes, device, layers: 2, bidirectional: true, seed: 3 });
    using other = new GRU({ ...sizes, device, layers: 2, bidirectional: true, seed: 4 });
    const file = await openSafetensors(await writeSafetensors(layer.parameters));
    const read = file.names.map(async (name) => [name, await file.read(name, { device })] as const);
    const weights = Object.fromEntries(await Promise.all(read));
    other.load(weights);
    for (const one of Object.values(weights)) one.dispose();
    expect(await toArrays(other.parameters)).toEqual(await toArrays(layer.parameters));
  });

  test.each([
    ["shapes that do not fit", { W: [1, 20, 4], R: [1, 20, 6] }],
    ["rows that are no multiple of the gates", { W: [1, 18, 4], R: [1, 18, 5] }],
  ])("ONNX weights with %s are refused", (_, shapes) => {
    const array = (shape: number[]): WeightArray => ({
      shape,
      data: new Float32Array(shape.reduce((product, size) => product * size, 1)),
    });
    expect(() => fromOnnx("lstm", { W: array(shapes.W), R: array(shapes.R) })).toThrow(
      WeightsError,
    );
  });
});
