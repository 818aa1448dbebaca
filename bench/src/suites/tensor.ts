import {
  Adam,
  add,
  createDevice,
  crossEntropy,
  type Device,
  exp,
  gelu,
  layerNorm,
  linear,
  matmul,
  mean,
  mul,
  relu,
  softmax,
  sum,
  type Tensor,
  tensor,
  tidy,
  valueAndGrad,
} from "@x/tensor";
import type { BenchRow, BenchSuite } from "../bench-row";
import {
  compareCase,
  type Operand,
  type PreparedCase,
  type TensorCase,
  type TensorPeer,
} from "../compare-cases";
import { importPeer } from "../peers";

interface PeerModule {
  openPeers(): Promise<TensorPeer[]>;
}

/** The tensor operations on `wasm`, one thread. */
export const tensorSuite: BenchSuite = {
  name: "tensor",
  description: "tensor operations and a training step against tfjs, onnxruntime-web and jax-js",
  async run(options) {
    using device = await createDevice("wasm", { threads: 1 });
    const { openPeers } = await importPeer<PeerModule>("tensor.mjs", options.log);
    const contestants = [oursOn(device), ...(await openPeers())];
    const rows: BenchRow[] = [];
    for (const request of tensorCases()) {
      options.log(request.label);
      rows.push(...(await compareCase("tensor", request, contestants, options)));
    }
    return rows;
  },
};

function oursOn(device: Device): TensorPeer {
  return {
    name: "ours",
    prepare: async ({ operation, inputs }) => {
      const tensors = inputs.map(({ values, shape }, index) =>
        operation === "trainingStep" && index === 1
          ? tensor(values, shape, { device, dtype: "int32" })
          : tensor(values, shape, { device }),
      );
      const dispose = () => {
        for (const one of tensors) one.dispose();
      };
      if (operation === "trainingStep") return trainingStep(tensors, dispose);
      const compute = () => oursByName(operation, tensors);
      return {
        run: () => {
          for (const result of compute()) result.dispose();
        },
        result: () => tidy(() => Array.from(compute()[0]?.dataSync() ?? [])),
        dispose,
      };
    },
  };
}

/** The results of one case. */
function oursByName(operation: string, tensors: readonly Tensor[]): Tensor[] {
  const [a, b, c] = tensors;
  if (a === undefined) return [];
  switch (operation) {
    case "exp":
      return [exp(a)];
    case "gelu":
      return [gelu(a)];
    case "sum":
      return [sum(a)];
    case "meanLast":
      return [mean(a, { axis: -1 })];
    case "meanFirst":
      return [mean(a, { axis: 0 })];
    case "softmax":
      return [softmax(a)];
    default:
      return b === undefined ? [] : oursOfTwo(operation, a, b, c);
  }
}

function oursOfTwo(operation: string, a: Tensor, b: Tensor, c: Tensor | undefined): Tensor[] {
  if (operation === "add") return [add(a, b)];
  if (operation === "mul") return [mul(a, b)];
  if (operation === "matmul") return [matmul(a, b)];
  if (c === undefined) return [];
  if (operation === "layerNorm") return [layerNorm(a, { weight: b, bias: c })];
  using bTransposed = b.transpose();
  using aTransposed = a.transpose();
  return [matmul(c, bTransposed), matmul(aTransposed, c)];
}

/** A classifier of two layers: gradients of the cross entropy, and a step of Adam. */
function trainingStep(tensors: readonly Tensor[], dispose: () => void): PreparedCase {
  const [x, labels, w1, b1, w2, b2] = tensors;
  if (x === undefined || labels === undefined) throw new Error("the training step has no data");
  if (w1 === undefined || b1 === undefined || w2 === undefined || b2 === undefined) {
    throw new Error("the training step has too few parameters");
  }
  const parameters = { w1, b1, w2, b2 };
  const optimizer = new Adam(parameters, { learningRate: 1e-3 });
  const lossOf = valueAndGrad((of: typeof parameters) => {
    const hidden = relu(add(linear(x, of.w1), of.b1));
    return crossEntropy(add(linear(hidden, of.w2), of.b2), labels);
  });
  const step = () =>
    tidy(() => {
      const { value, gradients } = lossOf(parameters);
      optimizer.step(gradients);
      return value.dataSync()[0] ?? Number.NaN;
    });
  return {
    run: step,
    result: () => [step()],
    dispose: () => {
      optimizer.dispose();
      dispose();
    },
  };
}

/** Numbers that repeat from run to run, from -1 to 1. */
function operand(shape: readonly number[], scale = 1): Operand {
  const count = shape.reduce((product, size) => product * size, 1);
  return { shape, values: Float32Array.from({ length: count }, (_, i) => scale * Math.sin(i * i)) };
}

function tensorCases(): TensorCase[] {
  const large = [1024, 1024];
  const small = [128, 256];
  const one = (
    label: string,
    operation: string,
    inputs: readonly number[][],
    outputs: number[][],
  ) => ({
    label,
    operation,
    inputs: inputs.map((shape) => operand(shape)),
    outputs,
  });
  const elementwise = [small, large].flatMap((shape) => {
    const [rows = 0, columns = 0] = shape;
    const size = `[${rows}, ${columns}]`;
    return [
      one(`add ${size}`, "add", [shape, shape], [shape]),
      one(`mul ${size} by row`, "mul", [shape, [columns]], [shape]),
      one(`gelu ${size}`, "gelu", [shape], [shape]),
      one(`exp ${size}`, "exp", [shape], [shape]),
      one(`sum ${size}`, "sum", [shape], [[]]),
      one(`mean of rows ${size}`, "meanLast", [shape], [[rows]]),
      one(`mean of columns ${size}`, "meanFirst", [shape], [[columns]]),
      one(`softmax ${size}`, "softmax", [shape], [shape]),
      one(`layerNorm ${size}`, "layerNorm", [shape, [columns], [columns]], [shape]),
    ];
  });
  const products = [256, 512].flatMap((n) => {
    const square = [n, n];
    return [
      one(`matmul ${n}³`, "matmul", [square, square], [square]),
      one(`matmul ${n}³, backward`, "matmulBackward", [square, square, square], [square, square]),
    ];
  });
  const labels = { shape: [128], values: Float32Array.from({ length: 128 }, (_, i) => i % 10) };
  const training: TensorCase = {
    label: "training step, 784-256-10, batch 128",
    operation: "trainingStep",
    inputs: [
      operand([128, 784]),
      labels,
      operand([256, 784], 0.05),
      operand([256], 0.05),
      operand([10, 256], 0.05),
      operand([10], 0.05),
    ],
    outputs: [[]],
  };
  return [...elementwise, ...products, training];
}
