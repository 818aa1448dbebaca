import {
  createDevice,
  type Device,
  mean,
  normal,
  type Parameters,
  square,
  sum,
  type Tensor,
  tensor,
  tidy,
  valueAndGrad,
} from "@x/tensor";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  detached,
  GRU,
  GRUCell,
  gradientNormsByLag,
  initialize,
  LSTM,
  LSTMCell,
  logSlope,
  RecurrentInputError,
  RecurrentOptionsError,
  type RecurrentState,
  RNN,
  RNNCell,
  spectralReport,
  WeightsError,
} from "../src/index";
import { expectClose } from "./support/all-close";

const sizes = { inputSize: 4, hiddenSize: 6 };
let device: Device;
beforeAll(async () => {
  device = await createDevice("wasm");
});
afterAll(() => {
  expect(device.memory().tensors).toBe(0);
  device.dispose();
});

const random = (shape: number[], seed = 1) => normal(shape, { device, seed });
const tensorOf = (data: Float32Array, shape: number[]) => tensor(data, shape, { device });
const values = (one: Tensor) => ({ shape: one.shape, data: one.dataSync() as Float32Array });

describe("streaming", () => {
  test.each(["fused", "steps"] as const)("two halves equal the whole, %s", (execution) => {
    using lstm = new LSTM({ ...sizes, layers: 2, device });
    tidy(() => {
      const input = random([8, 3, 4]);
      const whole = lstm.forward(input, { execution });
      const first = lstm.forward(input.slice(0, 0, 5), { execution });
      const second = lstm.forward(input.slice(0, 5, 8), { execution, state: first.state });
      expectClose(second.output, values(whole.output.slice(0, 5, 8)), 1e-6, "output");
      expectClose(second.state.cell, values(whole.state.cell), 1e-6, "cell");
    });
  });

  test("cells step as their layers do", () => {
    const pairs = [
      [new RNNCell({ ...sizes, device }), new RNN({ ...sizes, device })],
      [
        new LSTMCell({ ...sizes, device, peepholes: true }),
        new LSTM({ ...sizes, device, peepholes: true }),
      ],
      [
        new GRUCell({ ...sizes, device, reset: "before" }),
        new GRU({ ...sizes, device, reset: "before" }),
      ],
    ] as const;
    for (const [cell, layer] of pairs) {
      tidy(() => {
        const input = random([3, 2, 4]);
        const weights = Object.entries(cell.parameters).map(([name, one]) => [`${name}_l0`, one]);
        layer.load(Object.fromEntries(weights));
        const { state } = layer.forward(input);
        let own: RecurrentState | undefined;
        for (let t = 0; t < 3; t++) {
          const step = input.slice(0, t, t + 1).squeeze(0);
          own = (cell as RNNCell).step(step, { state: own });
        }
        expectClose(own!.hidden, values(state.hidden.squeeze(0)), 1e-6, "hidden");
      });
      cell.dispose();
      layer.dispose();
    }
  });
});

describe("lengths", () => {
  test.each([
    ["LSTM", () => new LSTM({ ...sizes, bidirectional: true, layers: 2, device })],
    ["GRU", () => new GRU({ ...sizes, bidirectional: true, layers: 2, device })],
    ["RNN", () => new RNN({ ...sizes, bidirectional: true, layers: 2, device })],
  ] as const)("padding changes neither result nor gradient: %s", (_, create) => {
    using layer = create() as LSTM;
    tidy(() => {
      const lengths = [5, 0, 3];
      const clean = random([5, 3, 4]);
      const noise = random([5, 3, 4], 2).dataSync();
      const data = Float32Array.from(clean.dataSync(), (value, index) => {
        const [t, row] = [Math.floor(index / 12), Math.floor(index / 4) % 3];
        return t < (lengths[row] ?? 0) ? value : 1e3 * (noise[index] ?? 0);
      });
      const dirty = tensorOf(data, [5, 3, 4]);
      for (const execution of ["fused", "steps"] as const) {
        const run = (input: Tensor) =>
          valueAndGrad((parameters: Record<string, Tensor>) =>
            mean(square(layer.forward(input, { lengths, parameters, execution }).output)),
          )(layer.parameters);
        const [expected, actual] = [run(clean), run(dirty)];
        for (const [name, one] of Object.entries(actual.gradients)) {
          expectClose(one, values(expected.gradients[name]!), 0, name);
        }
      }
    });
  });

  test.each(["fused", "steps"] as const)("padding may be anything: %s", (execution) => {
    using lstm = new LSTM({ ...sizes, bidirectional: true, layers: 2, device });
    tidy(() => {
      const lengths = [5, 0, 3];
      const data = random([5, 3, 4]).dataSync() as Float32Array;
      const dirty = Float32Array.from(data, (value, index) => {
        const [t, row] = [Math.floor(index / 12), Math.floor(index / 4) % 3];
        return t < (lengths[row] ?? 0) ? value : Number.NaN;
      });
      const run = (values: Float32Array) =>
        valueAndGrad((tree: { input: Tensor; parameters: Record<string, Tensor> }) => {
          const { output } = lstm.forward(tree.input, {
            lengths,
            parameters: tree.parameters,
            execution,
          });
          return mean(square(output));
        })({ input: tensorOf(values, [5, 3, 4]), parameters: lstm.parameters });
      const [expected, actual] = [run(data), run(dirty)];
      expectClose(actual.value, values(expected.value), 0, "loss");
      expectClose(actual.gradients.input, values(expected.gradients.input), 0, "input");
      for (const [name, one] of Object.entries(actual.gradients.parameters)) {
        expectClose(one, values(expected.gradients.parameters[name]!), 0, name);
      }
    });
  });

  test("a bidirectional layer reverses within each length", () => {
    using gru = new GRU({ ...sizes, bidirectional: true, device });
    tidy(() => {
      const input = random([6, 2, 4]);
      const both = gru.forward(input, { lengths: [6, 3] });
      const alone = gru.forward(input.slice(1, 1, 2).slice(0, 0, 3));
      expectClose(both.output.slice(1, 1, 2).slice(0, 0, 3), values(alone.output), 1e-6, "output");
      expectClose(both.state.hidden.slice(1, 1, 2), values(alone.state.hidden), 1e-6, "hidden");
      const rest = both.output.slice(1, 1, 2).slice(0, 3, 6).dataSync();
      expect(Array.from(rest).every((value) => value === 0)).toBe(true);
    });
  });

  test("no steps and sequences of no steps keep the initial state", () => {
    using lstm = new LSTM({ ...sizes, device });
    tidy(() => {
      const state = { hidden: random([1, 2, 6]), cell: random([1, 2, 6], 2) };
      const none = lstm.forward(random([0, 2, 4]), { state });
      expect(none.output.shape).toEqual([0, 2, 6]);
      expectClose(none.state.hidden, values(state.hidden), 0, "hidden");
      const empty = lstm.forward(random([3, 2, 4]), { state, lengths: [0, 3] });
      expectClose(empty.state.cell.slice(1, 0, 1), values(state.cell.slice(1, 0, 1)), 0, "cell");
    });
  });
});

test.each([
  ["LSTM", () => new LSTM({ ...sizes, layers: 2, bidirectional: true, device })],
  ["GRU", () => new GRU({ ...sizes, layers: 2, bidirectional: true, device })],
  ["RNN", () => new RNN({ ...sizes, layers: 2, bidirectional: true, device })],
] as const)("without steps the gradient goes to the initial state: %s", (_, create) => {
  using layer = create() as LSTM;
  tidy(() => {
    for (const execution of ["fused", "steps"] as const) {
      for (const [steps, lengths] of [[0], [3, [0, 0]]] as [number, number[]?][]) {
        const state = layer.createState(2);
        const { gradients } = valueAndGrad((tree: { hidden: Tensor; parameters: Parameters }) => {
          const result = layer.forward(random([steps, 2, 4]), {
            state: { ...state, hidden: tree.hidden },
            parameters: tree.parameters,
            lengths,
            execution,
          });
          return sum(result.state.hidden);
        })({ hidden: random([4, 2, 6]), parameters: layer.parameters });
        expect(Array.from(gradients.hidden.dataSync())).toEqual(Array(48).fill(1));
        for (const one of Object.values(gradients.parameters)) {
          expect(Array.from(one.dataSync()).every((value) => value === 0)).toBe(true);
        }
      }
    }
  });
});

test("one sequence needs no batch dimension", () => {
  using gru = new GRU({ ...sizes, layers: 2, bidirectional: true, device });
  tidy(() => {
    const input = random([5, 4]);
    const alone = gru.forward(input);
    const batched = gru.forward(input.expandDims(1));
    expect(alone.state.hidden.shape).toEqual([4, 6]);
    expectClose(alone.output, values(batched.output.squeeze(1)), 0, "output");
  });
});

test("segments that are computed again keep less memory", () => {
  using lstm = new LSTM({ inputSize: 8, hiddenSize: 64, device });
  const held = (recomputeEvery?: number) =>
    tidy(() => {
      const input = random([64, 4, 8]);
      let bytes = 0;
      valueAndGrad((parameters: Record<string, Tensor>) => {
        const before = device.memory().bytes;
        const { output } = lstm.forward(input, { parameters, recomputeEvery });
        bytes = device.memory().bytes - before;
        return mean(output);
      })(lstm.parameters);
      return bytes;
    });
  expect(held(8)).toBeLessThan(held() / 3);
});

test("layer normalization, projection and peepholes have true gradients", () => {
  using lstm = new LSTM({
    inputSize: 2,
    hiddenSize: 4,
    projectionSize: 3,
    peepholes: true,
    layerNorm: true,
    device,
  });
  const input = random([3, 2, 2]);
  const loss = (parameters: Record<string, Tensor>) =>
    mean(square(lstm.forward(input, { parameters }).output));
  const gradients = tidy(() =>
    Object.fromEntries(
      Object.entries(valueAndGrad(loss)(lstm.parameters).gradients).map(([name, one]) => [
        name,
        one.dataSync(),
      ]),
    ),
  );
  for (const [name, parameter] of Object.entries(lstm.parameters)) {
    const original = parameter.dataSync();
    const at = (delta: number) =>
      tidy(() => {
        const moved = Float32Array.from(original);
        moved[1] = (moved[1] ?? 0) + delta;
        const changed = { ...lstm.parameters, [name]: tensorOf(moved, [...parameter.shape]) };
        return loss(changed).dataSync()[0] ?? 0;
      });
    const slope = (at(1e-2) - at(-1e-2)) / 2e-2;
    expect(gradients[name]?.[1], name).toBeCloseTo(slope, 3);
  }
  input.dispose();
});

describe("diagnostics", () => {
  test("the gradient of a linear chain falls by its own factor", async () => {
    using rnn = new RNN({ inputSize: 1, hiddenSize: 4, nonlinearity: "relu", device });
    initialize(rnn, { recurrent: "identity", gain: 0.8 });
    tidy(() => {
      const { weight_ih_l0: weight, bias_ih_l0: bias } = rnn.parameters;
      rnn.load({
        ...rnn.parameters,
        weight_ih_l0: tensorOf(new Float32Array(weight!.size), [4, 1]),
        bias_ih_l0: tensorOf(new Float32Array(bias!.size).fill(2), [4]),
      });
    });
    using input = random([12, 2, 1]);
    const loss = ({ state }: { state: { hidden: Tensor } }) => mean(square(state.hidden));
    const norms = await gradientNormsByLag(rnn, input, { loss });
    expect(norms).toHaveLength(12);
    expect(logSlope(norms)).toBeCloseTo(Math.log(0.8), 5);
    expect((norms[11] ?? 0) / (norms[0] ?? 0)).toBeCloseTo(0.8 ** 11, 5);
  });

  test("spectral radius and norm of known matrices", async () => {
    using rnn = new RNN({ inputSize: 1, hiddenSize: 2, device });
    tidy(() =>
      rnn.load({
        ...rnn.parameters,
        weight_hh_l0: tensorOf(Float32Array.of(0.5, 3, 0, 0.25), [2, 2]),
      }),
    );
    const [row] = await spectralReport(rnn.parameters);
    expect(row?.spectralRadius).toBeCloseTo(0.5, 4);
    expect(row?.spectralNorm).toBeCloseTo(3.05136, 4);
    initialize(rnn, { recurrent: "orthogonal", gain: 1.5 });
    const [orthogonal] = await spectralReport(rnn.parameters);
    expect(orthogonal?.spectralRadius).toBeCloseTo(1.5, 4);
    expect(orthogonal?.spectralNorm).toBeCloseTo(1.5, 4);
  });

  test("the forget bias is split as the layer adds it", () => {
    using lstm = new LSTM({ ...sizes, device });
    initialize(lstm, { forgetBias: 1, recurrent: "orthogonal" });
    const { bias_ih_l0: input, bias_hh_l0: recurrent } = lstm.parameters;
    expect(Array.from(input!.dataSync().slice(6, 12))).toEqual([1, 1, 1, 1, 1, 1]);
    expect(Array.from(recurrent!.dataSync().slice(6, 12))).toEqual([0, 0, 0, 0, 0, 0]);
  });
});

describe("what a layer cannot take", () => {
  const lstm = () => new LSTM({ ...sizes, device });
  test.each([
    ["features", () => random([3, 2, 5])],
    ["rank", () => random([4])],
  ])("an input of wrong %s", (_, make) => {
    using layer = lstm();
    using input = make();
    expect(() => layer.forward(input)).toThrow(RecurrentInputError);
  });

  test.each([
    ["longer than T", [4, 1]],
    ["negative", [-1, 1]],
    ["not whole", [1.5, 1]],
    ["too few", [3]],
  ])("lengths that are %s", (_, lengths) => {
    using layer = lstm();
    using input = random([3, 2, 4]);
    const before = device.memory().tensors;
    expect(() => layer.forward(input, { lengths })).toThrow(RecurrentInputError);
    expect(device.memory().tensors).toBe(before);
  });

  test("a state of another layer", () => {
    using layer = lstm();
    using gru = new GRU({ ...sizes, hiddenSize: 5, device });
    tidy(() => {
      const input = random([3, 2, 4]);
      expect(() => layer.forward(input, { state: gru.createState(2) as never })).toThrow(
        /state's hidden is \[1, 2, 5\] but must be \[1, 2, 6\]/,
      );
      const { hidden } = layer.createState(2);
      expect(() => layer.forward(input, { state: { hidden } as never })).toThrow(/cell is absent/);
      expect(() => gru.forward(input, { state: layer.createState(2) })).toThrow(
        RecurrentInputError,
      );
    });
  });

  test("weights with missing, extra or misshapen entries", () => {
    using layer = lstm();
    const { bias_ih_l0: _, ...missing } = layer.parameters;
    expect(() => layer.load(missing)).toThrow(/missing bias_ih_l0/);
    const extra = { ...layer.parameters, other: layer.parameters.bias_ih_l0! };
    expect(() => layer.load(extra)).toThrow(/unknown other/);
    const misshapen = { ...layer.parameters, weight_ih_l0: layer.parameters.weight_hh_l0! };
    expect(() => layer.load(misshapen)).toThrow(WeightsError);
  });

  test("settings that make no layer", () => {
    expect(() => new LSTM({ ...sizes, hiddenSize: 0, device })).toThrow(RecurrentOptionsError);
    expect(() => new LSTM({ ...sizes, dropout: 1.5, device })).toThrow(RecurrentOptionsError);
    expect(() => new LSTM({ ...sizes, projectionSize: 6, device })).toThrow(RecurrentOptionsError);
    using projected = new LSTM({ ...sizes, projectionSize: 3, device });
    using input = random([3, 2, 4]);
    expect(() => projected.forward(input, { execution: "fused" })).toThrow(RecurrentOptionsError);
    expect(() => projected.forward(input, { recomputeEvery: 0 })).toThrow(RecurrentOptionsError);
    expect(() => initialize(projected, { recurrent: "identity" })).toThrow(RecurrentOptionsError);
  });
});

test("a detached state carries no gradient on", () => {
  using gru = new GRU({ ...sizes, device });
  tidy(() => {
    const input = random([3, 2, 4]);
    valueAndGrad((parameters: Record<string, Tensor>) => {
      const { state } = gru.forward(input, { parameters });
      expect(state.hidden.requiresGrad).toBe(true);
      expect(detached(state).hidden.requiresGrad).toBe(false);
      return mean(state.hidden);
    })(gru.parameters);
  });
});
