import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Device, Tensor } from "../src/index";
import * as x from "../src/index";
import { supportedBuild, type WasmBuild } from "../src/wasm/kernel-module";
import { expectAllClose, type Tolerance } from "./support/all-close";
import { recordLaunches } from "./support/devices";
import { integerValues, normalValues } from "./support/random";

/**
 * The SIMD kernels of the whole operation set, in both builds, against float64 and against the
 * operation's gpu.js definition; sizes around the vector width.
 */
const sizes = [0, 1, 3, 4, 5, 31, 64, 1000] as const;

const specials = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  1.5,
  2.5,
  -2.5,
  1e-20,
  -1e-20,
  3e-41,
  10,
  -10,
  88,
  -88,
  100,
  -100,
  1e30,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
] as const;

const builds: readonly WasmBuild[] =
  supportedBuild() === "relaxed-simd" ? ["simd", "relaxed-simd"] : ["simd"];

function erfOracle(v: number): number {
  const size = Math.abs(v);
  if (Number.isNaN(v)) return v;
  if (size > 6) return Math.sign(v);
  let [sum, term] = [0, size];
  for (let n = 0; n < 200; n++) {
    sum += term / (2 * n + 1);
    term *= (-size * size) / (n + 1);
  }
  // The series cancels in the tail, where the continued fraction converges.
  if (size < 2) return (Math.sign(v) * 2 * sum) / Math.sqrt(Math.PI);
  let fraction = 0;
  for (let k = 200; k > 0; k--) fraction = k / 2 / (size + fraction);
  const tail = Math.exp(-size * size) / (Math.sqrt(Math.PI) * (size + fraction));
  return Math.sign(v) * (1 - tail);
}

interface UnaryCase {
  readonly operation: string;
  readonly apply: (input: Tensor) => Tensor;
  readonly oracle: (v: number) => number;
  readonly tolerance?: Tolerance;
  /** Derivative by float64; absent where the operation is flat. */
  readonly derivative?: (v: number) => number;
}

const sigmoid = (v: number) => 1 / (1 + Math.exp(-v));
const geluInner = (v: number) => Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3);
const phi = (v: number) => 0.5 * (1 + erfOracle(v * Math.SQRT1_2));
const density = (v: number) => Math.exp(-0.5 * v * v) / Math.sqrt(2 * Math.PI);
const half = (v: number) => {
  const floor = Math.floor(v);
  if (v - floor !== 0.5) return Math.round(v);
  return floor % 2 === 0 ? floor : floor + 1;
};

const unaryCases: readonly UnaryCase[] = [
  { operation: "neg", apply: x.neg, oracle: (v) => -v, derivative: () => -1 },
  { operation: "abs", apply: x.abs, oracle: Math.abs, derivative: Math.sign },
  { operation: "sign", apply: x.sign, oracle: Math.sign },
  { operation: "square", apply: x.square, oracle: (v) => v * v, derivative: (v) => 2 * v },
  {
    operation: "reciprocal",
    apply: x.reciprocal,
    oracle: (v) => 1 / v,
    derivative: (v) => -1 / v ** 2,
  },
  { operation: "sqrt", apply: x.sqrt, oracle: Math.sqrt, derivative: (v) => 0.5 / Math.sqrt(v) },
  {
    operation: "rsqrt",
    apply: x.rsqrt,
    oracle: (v) => 1 / Math.sqrt(v),
    derivative: (v) => -0.5 * v ** -1.5,
  },
  { operation: "floor", apply: x.floor, oracle: Math.floor },
  { operation: "ceil", apply: x.ceil, oracle: Math.ceil },
  { operation: "round", apply: x.round, oracle: half },
  {
    operation: "clip",
    apply: (input) => x.clip(input, -0.75, 1.25),
    oracle: (v) => Math.min(Math.max(v, -0.75), 1.25),
    derivative: (v) => (v < -0.75 || v > 1.25 ? 0 : 1),
  },
  { operation: "exp", apply: x.exp, oracle: Math.exp, derivative: Math.exp },
  { operation: "expm1", apply: x.expm1, oracle: Math.expm1, derivative: Math.exp },
  { operation: "log", apply: x.log, oracle: Math.log, derivative: (v) => 1 / v },
  { operation: "log1p", apply: x.log1p, oracle: Math.log1p, derivative: (v) => 1 / (1 + v) },
  { operation: "tanh", apply: x.tanh, oracle: Math.tanh, derivative: (v) => 1 - Math.tanh(v) ** 2 },
  {
    operation: "sigmoid",
    apply: x.sigmoid,
    oracle: sigmoid,
    derivative: (v) => sigmoid(v) * (1 - sigmoid(v)),
    tolerance: { absolute: 1e-37, relative: 1e-6 },
  },
  {
    operation: "erf",
    apply: x.erf,
    oracle: erfOracle,
    derivative: (v) => (2 / Math.sqrt(Math.PI)) * Math.exp(-v * v),
  },
  {
    operation: "relu",
    apply: x.relu,
    oracle: (v) => Math.max(v, 0),
    derivative: (v) => (v > 0 ? 1 : 0),
  },
  {
    operation: "gelu",
    apply: x.gelu,
    oracle: (v) => v * phi(v),
    tolerance: { absolute: 1e-6, relative: 1e-6 },
    derivative: (v) => phi(v) + v * density(v),
  },
  {
    operation: "geluTanh",
    apply: (input) => x.gelu(input, { approximate: "tanh" }),
    oracle: (v) => 0.5 * v * (1 + Math.tanh(geluInner(v))),
    tolerance: { absolute: 1e-6, relative: 1e-6 },
    derivative: (v) => {
      const h = Math.tanh(geluInner(v));
      const slope = Math.sqrt(2 / Math.PI) * (1 + 0.134145 * v * v);
      return 0.5 * (1 + h + v * (1 - h * h) * slope);
    },
  },
  {
    operation: "silu",
    apply: x.silu,
    oracle: (v) => v * sigmoid(v),
    tolerance: { absolute: 1e-36, relative: 1e-6 },
    derivative: (v) => sigmoid(v) * (1 + v * (1 - sigmoid(v))),
  },
  {
    operation: "elu",
    apply: (input) => x.elu(input, { alpha: 1.5 }),
    oracle: (v) => (v < 0 ? 1.5 * Math.expm1(v) : v),
    derivative: (v) => (v < 0 ? 1.5 * Math.exp(v) : 1),
  },
  {
    operation: "softplus",
    apply: x.softplus,
    oracle: (v) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v))),
    derivative: sigmoid,
  },
];

const close: Tolerance = { absolute: 1.5e-45, relative: 1e-6 };

/** What float32 holds of each number. */
const rounded = (values: ArrayLike<number>) => Array.from(values, Math.fround);

function valuesOf(count: number, seed: number): Float32Array {
  const values = normalValues(count, seed).map((v) => 3 * v);
  if (count >= 64) values.set(specials, 7);
  return values;
}

/** Runs `compute` and checks that `operation` ran by the SIMD kernels. */
function runSimd(device: Device, operation: string, compute: () => Tensor): ArrayLike<number> {
  const { result, records } = recordLaunches(device, compute);
  const [record] = records.filter((one) => one.operation === operation);
  // An empty result is not launched at all.
  if (result.size > 0) expect(record?.implementation, operation).toBe(device.kernels);
  const values = result.dataSync();
  result.dispose();
  return values;
}

describe.each(builds)("SIMD kernels, build %s", (build) => {
  let device: Device;
  let definition: Device;

  beforeAll(async () => {
    device = await x.createDevice("wasm", { build });
    definition = await x.createDevice("wasm", { kernels: "gpujs" });
  });

  afterAll(() => {
    expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0, leakedTensors: 0 });
    device.dispose();
    definition.dispose();
  });

  describe.each(unaryCases)("$operation", ({ operation, apply, oracle, tolerance, derivative }) => {
    it.each(sizes)("%i elements", (size) => {
      const values = valuesOf(size, size + 1);
      const actual = runSimd(device, operation, () => apply(x.tensor(values, [size], { device })));
      expectAllClose(actual, rounded(Array.from(values, oracle)), tolerance ?? close);
      const finite = normalValues(size, size);
      const [ours, defined] = [device, definition].map((one) =>
        x.tidy(() =>
          apply(x.tensor(finite, [size], { device: one }))
            .dataSync()
            .slice(),
        ),
      );
      expectAllClose(ours!, defined!, { absolute: 1e-6, relative: 2e-6 });
    });

    it("of a strided view", () => {
      const values = normalValues(60, 3);
      const actual = runSimd(device, operation, () =>
        apply(x.tensor(values, [12, 5], { device }).transpose()),
      );
      const oracleValues = Array.from({ length: 60 }, (_, i) =>
        oracle(values[(i % 12) * 5 + Math.floor(i / 12)]!),
      );
      expectAllClose(actual, oracleValues, tolerance ?? close);
    });

    it.runIf(derivative !== undefined).each([1, 5, 64])("gradient, %i elements", (size) => {
      const values = normalValues(size, 8).map((v) => 2 * v);
      const weights = normalValues(size, 9);
      const actual = runSimd(device, `${operation}Gradient`, () => {
        const scale = x.tensor(weights, [size], { device });
        return x.grad((input: Tensor) => x.sum(x.mul(apply(input), scale)))(
          x.tensor(values, [size], { device }),
        );
      });
      const expected = Array.from(values, (v, i) => derivative!(v) * weights[i]!);
      expectAllClose(actual, expected, { absolute: 2e-6, relative: 2e-5 });
    });
  });

  const binaryCases = [
    { operation: "add", apply: x.add, oracle: (a: number, b: number) => a + b },
    { operation: "sub", apply: x.sub, oracle: (a: number, b: number) => a - b },
    { operation: "mul", apply: x.mul, oracle: (a: number, b: number) => a * b },
    { operation: "div", apply: x.div, oracle: (a: number, b: number) => a / b },
    { operation: "mod", apply: x.mod, oracle: (a: number, b: number) => a - Math.floor(a / b) * b },
    { operation: "minimum", apply: x.minimum, oracle: Math.min },
    { operation: "maximum", apply: x.maximum, oracle: Math.max },
    { operation: "equal", apply: x.equal, oracle: (a: number, b: number) => Number(a === b) },
    { operation: "notEqual", apply: x.notEqual, oracle: (a: number, b: number) => Number(a !== b) },
    { operation: "less", apply: x.less, oracle: (a: number, b: number) => Number(a < b) },
    {
      operation: "lessEqual",
      apply: x.lessEqual,
      oracle: (a: number, b: number) => Number(a <= b),
    },
    { operation: "greater", apply: x.greater, oracle: (a: number, b: number) => Number(a > b) },
    {
      operation: "greaterEqual",
      apply: x.greaterEqual,
      oracle: (a: number, b: number) => Number(a >= b),
    },
    {
      operation: "logicalAnd",
      apply: x.logicalAnd,
      oracle: (a: number, b: number) => Number(a !== 0 && b !== 0),
    },
    {
      operation: "logicalOr",
      apply: x.logicalOr,
      oracle: (a: number, b: number) => Number(a !== 0 || b !== 0),
    },
    {
      operation: "logicalXor",
      apply: x.logicalXor,
      oracle: (a: number, b: number) => Number((a !== 0) !== (b !== 0)),
    },
  ];

  describe.each(binaryCases)("$operation", ({ operation, apply, oracle }) => {
    it.each(sizes)("%i elements", (size) => {
      const [a, b] = [valuesOf(size, 1), valuesOf(size, 2).reverse()];
      if (size >= 64) b.set(a.subarray(40, 50), 40);
      const actual = runSimd(device, operation, () =>
        apply(x.tensor(a, [size], { device }), x.tensor(b, [size], { device })),
      );
      // Infinite quotients of `mod` are not compared: their remainder has no sense.
      const expected = rounded(Array.from(a, (v, i) => oracle(v, b[i]!)));
      const isDefined = (_: number, i: number) =>
        operation !== "mod" || Math.abs(a[i]! / b[i]!) < 1e9;
      expectAllClose(Array.from(actual).filter(isDefined), expected.filter(isDefined), {
        absolute: 1e-38,
        relative: 1e-6,
      });
    });

    const layouts: { label: string; left: number[]; right: number[] }[] = [
      { label: "row", left: [7, 37], right: [37] },
      { label: "column", left: [7, 37], right: [7, 1] },
      { label: "scalar", left: [7, 37], right: [] },
      { label: "left row", left: [5], right: [6, 5] },
      { label: "left column", left: [6, 1], right: [6, 21] },
      { label: "outer", left: [6, 1], right: [1, 9] },
      { label: "middle", left: [2, 3, 4, 5], right: [3, 1, 5] },
      { label: "both", left: [4, 1, 6], right: [1, 5, 6] },
    ];
    it.each(layouts)("broadcast: $label", ({ left, right }) => {
      for (const dtype of ["float32", "int32", "bool"] as const) {
        const isInteger = dtype !== "float32";
        if (isInteger && ["div", "mod"].includes(operation)) continue;
        if (dtype === "bool" && ["add", "sub", "mul", "minimum", "maximum"].includes(operation))
          continue;
        const [m, n] = [left, right].map((shape) => shape.reduce((p, s) => p * s, 1)) as [
          number,
          number,
        ];
        const limit = dtype === "bool" ? 2 : 7;
        const a = isInteger ? integerValues(m, limit, 3) : normalValues(m, 3);
        const b = isInteger ? integerValues(n, limit, 4) : normalValues(n, 4);
        const actual = runSimd(device, operation, () =>
          apply(x.tensor(a, left, { device, dtype }), x.tensor(b, right, { device, dtype })),
        );
        const expected = broadcastOracle(
          { values: a, shape: left },
          { values: b, shape: right },
          oracle,
        );
        expectAllClose(actual, rounded(expected), { absolute: 1e-6, relative: 1e-6 });
      }
    });
  });

  const reductionCases = [
    {
      operation: "sum",
      apply: x.sum,
      fold: (v: number[]) => v.reduce((a, b) => a + b, 0),
      integers: true,
    },
    {
      operation: "prod",
      apply: x.prod,
      fold: (v: number[]) => v.reduce((a, b) => a * b, 1),
      integers: false,
    },
    { operation: "max", apply: x.max, fold: (v: number[]) => Math.max(...v), integers: true },
    { operation: "min", apply: x.min, fold: (v: number[]) => Math.min(...v), integers: true },
    {
      operation: "any",
      apply: x.any,
      fold: (v: number[]) => Number(v.some(Boolean)),
      integers: true,
    },
    {
      operation: "all",
      apply: x.all,
      fold: (v: number[]) => Number(v.every(Boolean)),
      integers: true,
    },
  ];

  describe.each(reductionCases)("$operation", ({ operation, apply, fold, integers }) => {
    it.each(sizes)("all of %i elements", (size) => {
      if (size === 0 && ["max", "min"].includes(operation)) return;
      const values = normalValues(size, 5);
      const actual = runSimd(device, operation, () => apply(x.tensor(values, [size], { device })));
      expectAllClose(actual, [fold(Array.from(values))], { absolute: 1e-5, relative: 1e-5 });
      if (size < 4 || ["any", "all"].includes(operation)) return;
      values[size - 2] = Number.NaN;
      const withNaN = runSimd(device, operation, () => apply(x.tensor(values, [size], { device })));
      expect(withNaN[0]).toBeNaN();
    });

    const axes: { shape: number[]; axis: number | number[] }[] = [
      { shape: [6, 35], axis: -1 },
      { shape: [70, 35], axis: 0 },
      { shape: [70, 3], axis: 0 },
      { shape: [4, 9, 21], axis: 1 },
      { shape: [4, 9, 21], axis: [0, 2] },
      { shape: [4, 9, 21], axis: [0, 1] },
      { shape: [2, 3, 4, 5], axis: [1, 3] },
    ];
    it.each(axes)("$shape over $axis", ({ shape, axis }) => {
      const count = shape.reduce((product, size) => product * size, 1);
      for (const dtype of ["float32", "int32"] as const) {
        if (dtype === "int32" && !integers) continue;
        const values =
          dtype === "int32"
            ? integerValues(count, 5, 6)
            : normalValues(count, 6).map((v) => (operation === "prod" ? 1 + v / 40 : v));
        const actual = runSimd(device, operation, () =>
          apply(x.tensor(values, shape, { device, dtype }), { axis }),
        );
        expectAllClose(actual, reduceOracle(values, shape, [axis].flat(), fold), {
          absolute: 1e-5,
          relative: 1e-5,
        });
      }
    });
  });

  it("sums 2^24 + 4 ones exactly, along rows and columns", () => {
    const count = 2 ** 24 + 4;
    x.tidy(() => {
      const ones = x.ones([count], { device });
      expect(x.sum(ones).dataSync()[0]).toBe(count);
      expect(Array.from(x.sum(x.reshape(ones, [count / 4, 4]), { axis: 0 }).dataSync())).toEqual(
        new Array(4).fill(count / 4),
      );
    });
  });

  it.each(sizes.slice(1))("argmin of %i elements", (size) => {
    const values = normalValues(3 * size, 4);
    const run = () =>
      runSimd(device, "argmin", () => x.argmin(x.tensor(values, [3, size], { device })));
    const rows = [0, 1, 2].map((row) => Array.from(values.subarray(row * size, (row + 1) * size)));
    expect(Array.from(run())).toEqual(rows.map((row) => row.indexOf(Math.min(...row))));
    values[size + size - 1] = Number.NaN;
    expect(run()[1]).toBe(size - 1);
  });

  const rowCases = [
    {
      operation: "logSoftmax",
      apply: (input: Tensor) => x.logSoftmax(input),
      oracle: (row: number[]) => {
        const largest = Math.max(...row);
        const sum = row.reduce((total, v) => total + Math.exp(v - largest), 0);
        return row.map((v) => v - largest - Math.log(sum));
      },
    },
    {
      operation: "layerNorm",
      apply: (input: Tensor) => x.layerNorm(input),
      oracle: (row: number[]) => {
        const mean = row.reduce((a, b) => a + b, 0) / row.length;
        const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / row.length;
        return row.map((v) => (v - mean) / Math.sqrt(variance + 1e-5));
      },
    },
    {
      operation: "softmax",
      apply: (input: Tensor) => x.softmax(input),
      oracle: (row: number[]) => {
        const largest = Math.max(...row);
        const sum = row.reduce((total, v) => total + Math.exp(v - largest), 0);
        return row.map((v) => Math.exp(v - largest) / sum);
      },
    },
  ];

  describe.each(rowCases)("$operation", ({ operation, apply, oracle }) => {
    it.each(sizes.slice(1))("rows of %i, and the gradient", (size) => {
      const rows = 3;
      const values = normalValues(rows * size, size).map((v) => 2 * v);
      const row = (of: ArrayLike<number>, index: number) =>
        Array.from(of).slice(index * size, (index + 1) * size);
      const actual = runSimd(device, operation, () =>
        apply(x.tensor(values, [rows, size], { device })),
      );
      const expected = [0, 1, 2].flatMap((index) => oracle(row(values, index)));
      expectAllClose(actual, expected, { absolute: 4e-6, relative: 4e-6 });

      const weights = normalValues(rows * size, 7);
      const gradient = runSimd(device, `${operation}Gradient`, () => {
        const scale = x.tensor(weights, [rows, size], { device });
        return x.grad((input: Tensor) => x.sum(x.mul(apply(input), scale)))(
          x.tensor(values, [rows, size], { device }),
        );
      });
      const step = 1e-5;
      const loss = (of: number[], index: number) =>
        oracle(of).reduce((total, v, i) => total + v * weights[index * size + i]!, 0);
      const places = [0, size >> 1, size - 1];
      for (const [index, place] of [0, 1, 2].flatMap((one) =>
        places.map((other) => [one, other] as const),
      )) {
        const [more, less] = [row(values, index), row(values, index)];
        more[place]! += step;
        less[place]! -= step;
        const slope = (loss(more, index) - loss(less, index)) / (2 * step);
        expect(Math.abs(gradient[index * size + place]! - slope)).toBeLessThan(
          (operation === "layerNorm" && size < 4 ? 1e-2 : 1e-4) * (1 + Math.abs(slope)),
        );
      }
    });
  });

  it.each([1, 5, 37])("layerNorm and its gradients of weight and bias, rows of %i", (size) => {
    const rows = 6;
    const [values, g] = [normalValues(rows * size, 2), normalValues(rows * size, 3)];
    const [weight, bias] = [normalValues(size, 4), normalValues(size, 5)];
    x.tidy(() => {
      const results = [device, definition].map((one) => {
        const input = x.tensor(values, [rows, size], { device: one });
        const parameters = [
          x.tensor(weight, [size], { device: one }),
          x.tensor(bias, [size], { device: one }),
        ];
        const output = x.layerNorm(input, { weight: parameters[0]!, bias: parameters[1]! });
        const gradients = x.grad(([w, b]: Tensor[]) =>
          x.sum(
            x.mul(
              x.layerNorm(input, { weight: w!, bias: b! }),
              x.tensor(g, [rows, size], { device: one }),
            ),
          ),
        )(parameters);
        return [output, ...gradients].map((tensor) => tensor.dataSync());
      });
      const [ours, defined] = results;
      ours!.forEach((values, index) => {
        expectAllClose(values, defined![index]!, { absolute: 1e-5, relative: 1e-5 });
      });
    });
  });

  it.each(sizes)("adamStep of %i elements, in place, as by the definition", (size) => {
    for (const Optimizer of [x.Adam, x.AdamW, x.RAdam]) {
      const [ours, defined] = [device, definition].map((one) =>
        x.tidy(() => {
          const parameter = x.tensor(normalValues(size, 1), [size], { device: one });
          using optimizer = new Optimizer({ parameter }, { weightDecay: 0.1, learningRate: 0.05 });
          for (let step = 0; step < 8; step++) {
            optimizer.step({
              parameter: x.tensor(normalValues(size, 2 + step), [size], { device: one }),
            });
          }
          return parameter.dataSync();
        }),
      );
      // The definition rounds 1 - β to float32, 1.3e-5 off for 0.999; the kernel does not.
      expectAllClose(ours!, defined!, { absolute: 1e-5, relative: 1e-5 });
    }
  });

  /** Operations that move elements: equal to the definition, in each dtype. */
  const moving: {
    operation: string;
    dtypes: readonly ("float32" | "int32" | "bool")[];
    apply: (rows: Tensor, index: Tensor) => Tensor;
    tolerance?: Tolerance;
  }[] = [
    {
      operation: "gather",
      dtypes: ["float32", "int32"],
      apply: (t, index) => x.gather(t, -1, index),
    },
    {
      operation: "take",
      dtypes: ["float32", "int32", "bool"],
      apply: (t, index) => x.take(t, index, { axis: 1 }),
    },
    {
      operation: "scatterAdd",
      dtypes: ["float32", "int32"],
      apply: (t, index) => x.scatterAdd(t, -1, index, t),
    },
    {
      operation: "cumsum",
      dtypes: ["float32", "int32"],
      apply: (t) => x.cumsum(t),
      tolerance: { absolute: 2e-5, relative: 1e-5 },
    },
    {
      operation: "triangle",
      dtypes: ["float32", "int32"],
      apply: (t) => x.tril(t, { diagonal: -1 }),
    },
    {
      operation: "triangle",
      dtypes: ["float32", "int32"],
      apply: (t) => x.triu(t, { diagonal: 2 }),
    },
    {
      operation: "concat",
      dtypes: ["float32", "int32", "bool"],
      apply: (t) => x.concat([t, t, t], { axis: 1 }),
    },
    { operation: "concat", dtypes: ["float32", "int32", "bool"], apply: (t) => x.concat([t, t]) },
    {
      operation: "contiguous",
      dtypes: ["float32", "int32", "bool"],
      apply: (t) => x.contiguous(t.transpose()),
    },
    {
      operation: "contiguous",
      dtypes: ["float32", "bool"],
      apply: (t) => x.contiguous(x.stack([t, t]).slice(1, undefined, undefined, -1).transpose()),
    },
  ];

  it.each(moving)(
    "$operation moves elements as the definition does",
    ({ operation, dtypes, apply, tolerance }) => {
      for (const dtype of dtypes) {
        for (const size of [1, 3, 4, 5, 31, 64]) {
          // A single column is contiguous as it is.
          if (size === 1 && operation === "contiguous") continue;
          const rows = 5;
          const count = rows * size;
          const values =
            dtype === "float32" ? normalValues(count, size) : integerValues(count, 2, size);
          const indexes = integerValues(count, size, 9);
          const run = (one: Device) => () =>
            apply(
              x.tensor(values, [rows, size], { device: one, dtype }),
              x.tensor(indexes, [rows, size], { device: one, dtype: "int32" }),
            );
          const expected = x.tidy(() => run(definition)().dataSync());
          expectAllClose(runSimd(device, operation, run(device)), expected, tolerance);
        }
      }
    },
  );

  it("adds rows by index", () => {
    for (const width of [1, 4, 7]) {
      const [ids, g] = [integerValues(20, 6, 1), normalValues(20 * width, 2)];
      const actual = runSimd(device, "scatterAddRows", () =>
        x.grad((table: Tensor) =>
          x.sum(
            x.mul(
              x.take(table, x.tensor(ids, [20], { device, dtype: "int32" })),
              x.tensor(g, [20, width], { device }),
            ),
          ),
        )(x.zeros([6, width], { device })),
      );
      const expected = new Float64Array(6 * width);
      ids.forEach((id, i) => {
        for (let c = 0; c < width; c++) expected[id * width + c]! += g[i * width + c]!;
      });
      expectAllClose(actual, expected, { absolute: 1e-6, relative: 1e-6 });
    }
  });

  it.each([1, 3, 4, 5, 31])("causalConv1d with a filter of 4 over %i times", (times) => {
    const [batch, channels, width] = [2, 3, 4];
    const input = normalValues(batch * channels * times, 1);
    const weight = normalValues(channels * width, 2);
    const actual = runSimd(device, "causalConv1d", () =>
      x.causalConv1d(
        x.tensor(input, [batch, channels, times], { device }),
        x.tensor(weight, [channels, width], { device }),
      ),
    );
    const expected = Array.from(input, (_, index) => {
      const [row, time] = [Math.floor(index / times), index % times];
      let sum = 0;
      for (let k = 0; k < width; k++) {
        const from = time - (width - 1) + k;
        if (from >= 0) sum += weight[(row % channels) * width + k]! * input[row * times + from]!;
      }
      return sum;
    });
    expectAllClose(actual, expected, { absolute: 1e-6, relative: 1e-6 });
  });

  const storage = ["float32", "int32", "bool", "float16", "bfloat16"] as const;
  it("casts as the definition does, specials and halves between neighbours included", () => {
    const values = Float32Array.from([
      ...specials,
      65504,
      65519,
      65520,
      6.1e-5,
      5.96e-8,
      2.98e-8,
      2.99e-8,
      1.0009765625,
      1.00048828125,
      1.00146484375,
      3.4e38,
      3e9,
      -3e9,
      2147483520,
      1.00390625,
      1.01171875,
      ...normalValues(40, 1),
    ]);
    for (const to of storage) {
      const run = (one: Device) => () =>
        x.cast(x.tensor(values, [values.length], { device: one }), to);
      if (to === "float32") continue;
      const expected = x.tidy(() => run(definition)().dataSync());
      expectAllClose(runSimd(device, "cast", run(device)), expected);
      if (to === "int32" || to === "bool") {
        const floats = (one: Device) => () =>
          x.cast(x.tensor(integerValues(37, 2, 1), [37], { device: one, dtype: to }), "float32");
        expectAllClose(
          runSimd(device, "cast", floats(device)),
          x.tidy(() => floats(definition)().dataSync()),
        );
        continue;
      }
      const patterns = Uint16Array.from({ length: 4096 }, (_, i) => i * 16 + (i % 16));
      const back = (one: Device) => () =>
        x.cast(x.tensor(patterns, [4096], { device: one, dtype: to }), "float32");
      expectAllClose(
        runSimd(device, "cast", back(device)),
        x.tidy(() => back(definition)().dataSync()),
      );
    }
  });

  it("keeps operands and the mask of where, broadcast", () => {
    const [a, b] = [normalValues(7 * 13, 1), normalValues(13, 2)];
    const mask = integerValues(7, 2, 3);
    const actual = runSimd(device, "where", () =>
      x.where(
        x.tensor(mask, [7, 1], { device, dtype: "bool" }),
        x.tensor(a, [7, 13], { device }),
        x.tensor(b, [13], { device }),
      ),
    );
    expectAllClose(
      actual,
      Array.from(a, (v, i) => (mask[Math.floor(i / 13)] ? v : b[i % 13]!)),
    );
  });
});

/** Folds the elements that share their place along all dimensions but `axes`. */
function reduceOracle(
  values: ArrayLike<number>,
  shape: readonly number[],
  axes: readonly number[],
  fold: (values: number[]) => number,
): number[] {
  const reduced = axes.map((axis) => (axis < 0 ? axis + shape.length : axis));
  const groups = new Map<string, number[]>();
  for (let index = 0; index < values.length; index++) {
    let rest = index;
    const place = new Array<number>(shape.length);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      place[axis] = rest % shape[axis]!;
      rest = Math.floor(rest / shape[axis]!);
    }
    const key = place.filter((_, axis) => !reduced.includes(axis)).join();
    groups.set(key, [...(groups.get(key) ?? []), values[index]!]);
  }
  return [...groups.values()].map(fold);
}

interface Grid {
  readonly values: ArrayLike<number>;
  readonly shape: readonly number[];
}

function broadcastOracle(a: Grid, b: Grid, combine: (a: number, b: number) => number): number[] {
  const rank = Math.max(a.shape.length, b.shape.length);
  const padded = [a, b].map(({ shape }) => [
    ...new Array<number>(rank - shape.length).fill(1),
    ...shape,
  ]);
  const shape = padded[0]!.map((size, axis) => Math.max(size, padded[1]![axis]!));
  const count = shape.reduce((product, size) => product * size, 1);
  return Array.from({ length: count }, (_, index) => {
    const elements = [a, b].map(({ values }, which) => {
      let [rest, offset, stride] = [index, 0, 1];
      for (let axis = rank - 1; axis >= 0; axis--) {
        const position = rest % shape[axis]!;
        rest = Math.floor(rest / shape[axis]!);
        const own = padded[which]![axis]!;
        if (own > 1) offset += position * stride;
        stride *= own;
      }
      return values[offset]!;
    });
    return combine(elements[0]!, elements[1]!);
  });
}
