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
import { type BenchOptions, type BenchRow, type BenchSuite, median } from "../bench-row";
import { importPeer } from "../peers";

/** An operand's elements and shape. */
interface Operand {
  readonly values: Float32Array;
  readonly shape: readonly number[];
}

/** What is computed, by ours and by every peer that can. */
interface TensorCase {
  readonly label: string;
  /** A name that ours and the peers know. */
  readonly operation: string;
  readonly inputs: readonly Operand[];
  readonly outputs: readonly (readonly number[])[];
}

interface PreparedCase {
  select?(): unknown;
  /** Computes once, to the end, and frees the result. */
  run(): unknown;
  result(): number[] | Promise<number[]>;
  dispose(): unknown;
}

interface TensorPeer {
  readonly name: string;
  prepare(request: TensorCase): Promise<PreparedCase | undefined>;
}

interface PeerModule {
  openPeers(): Promise<TensorPeer[]>;
}

/** A sample repeats a case until it takes this long, so that the clock's grain does not show. */
const sampleMs = 20;

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
      rows.push(...(await compare(request, contestants, options)));
    }
    return rows;
  },
};

async function compare(
  request: TensorCase,
  contestants: readonly TensorPeer[],
  { rounds }: BenchOptions,
): Promise<BenchRow[]> {
  const runners: { name: string; prepared: PreparedCase; repeats: number; times: number[] }[] = [];
  for (const { name, prepare } of contestants) {
    const prepared = await prepare(request);
    if (prepared === undefined) continue;
    await prepared.select?.();
    runners.push({ name, prepared, repeats: await repeatsOf(prepared), times: [] });
  }
  await assertAgreement(request, runners);
  for (let round = 0; round < rounds; round++) {
    for (const { prepared, repeats, times } of runners) {
      await prepared.select?.();
      times.push(await timeOf(prepared, repeats));
    }
  }
  for (const { prepared } of runners) await prepared.dispose();
  const [ours, ...peers] = runners.map(({ name, times }) => ({ name, ms: median(times) }));
  if (ours === undefined) return [];
  return peers.map(({ name, ms }) => ({
    suite: "tensor",
    case: request.label,
    unit: "µs",
    ours: ours.ms * 1000,
    peer: ms * 1000,
    peerName: name,
    ratio: ms / ours.ms,
    threads: 1,
    node: process.version,
  }));
}

/** Milliseconds of one run, on average over `repeats`. */
async function timeOf({ run }: PreparedCase, repeats: number): Promise<number> {
  const startedAt = performance.now();
  for (let repeat = 0; repeat < repeats; repeat++) {
    const pending = run();
    if (pending instanceof Promise) await pending;
  }
  return (performance.now() - startedAt) / repeats;
}

/** Runs that fill a sample, found after a warm-up of two samples. */
async function repeatsOf(prepared: PreparedCase): Promise<number> {
  await timeOf(prepared, 3);
  const first = await timeOf(prepared, 1);
  const warm = await timeOf(prepared, Math.max(1, Math.ceil((2 * sampleMs) / first)));
  return Math.max(1, Math.ceil(sampleMs / warm));
}

/** All must compute the same, or the comparison says nothing. Training has moved by then. */
async function assertAgreement(
  { label, operation }: TensorCase,
  runners: readonly { name: string; prepared: PreparedCase }[],
): Promise<void> {
  if (operation === "trainingStep") return;
  let expected: number[] | undefined;
  for (const { name, prepared } of runners) {
    await prepared.select?.();
    const values = await prepared.result();
    expected ??= values;
    const worst = values.reduce((largest, value, index) => {
      const wanted = expected?.[index] ?? Number.NaN;
      return Math.max(largest, Math.abs(value - wanted) / (1 + Math.abs(wanted)));
    }, 0);
    if (!(worst < 1e-3)) throw new Error(`${label}: ${name} is ${worst} off`);
  }
}

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
