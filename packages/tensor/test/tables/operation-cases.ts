import {
  add,
  argmax,
  assign,
  type Device,
  type DType,
  div,
  embedding,
  linear,
  matmul,
  mul,
  rmsNorm,
  rotaryEmbedding,
  silu,
  softmax,
  sub,
  type Tensor,
  tensor,
  topK,
  zeros,
} from "../../src/index";
import type { Tolerance } from "../support/all-close";
import { randomPacked, unpack } from "../support/packed-blocks";
import { integerValues, normalValues } from "../support/random";

/** One call of an operation, with what it must give. */
export interface OperationCase {
  readonly name: string;
  /** Operation that must be launched, by the device's own kernels. */
  readonly operation: string;
  readonly tolerance: Tolerance;
  run(device: Device): Tensor;
  /** The result in float64. */
  oracle(): ArrayLike<number>;
}

const float = (values: ArrayLike<number>, shape: number[], device: Device) =>
  tensor(values, shape, { device });
const integers = (values: ArrayLike<number>, device: Device) =>
  tensor(values, [values.length], { device, dtype: "int32" });

function matmulOracle(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  [batch, m, k, n]: readonly [number, number, number, number],
): Float64Array {
  const result = new Float64Array(batch * m * n);
  for (let z = 0; z < batch; z++)
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let l = 0; l < k; l++) sum += a[(z * m + i) * k + l]! * b[(z * k + l) * n + j]!;
        result[(z * m + i) * n + j] = sum;
      }
  return result;
}

function transposed(values: ArrayLike<number>, rows: number, columns: number): Float64Array {
  return Float64Array.from({ length: rows * columns }, (_, index) => {
    const [column, row] = [Math.floor(index / rows), index % rows];
    return values[row * columns + column]!;
  });
}

const weightDTypes: readonly DType[] = [
  "float32",
  "float16",
  "bfloat16",
  "q4_0",
  "q4_1",
  "q8_0",
  "q4_k",
  "q5_k",
  "q6_k",
];

/** Random weights of `shape` as they are stored, and what they stand for. */
function randomWeights(
  dtype: DType,
  shape: readonly [number, number],
  seed: number,
): { stored: ArrayLike<number>; values: ArrayLike<number> } {
  if (dtype === "float32") {
    const values = normalValues(shape[0] * shape[1], seed);
    return { stored: values, values };
  }
  const packed = randomPacked(dtype, shape, seed);
  const isHalf = dtype === "float16" || dtype === "bfloat16";
  return {
    stored: isHalf ? new Uint16Array(packed.buffer) : packed,
    values: unpack(dtype, packed),
  };
}

function linearCases(): OperationCase[] {
  const plainSizes = [
    [1, 32, 1],
    [1, 576, 192],
    [2, 64, 5],
    [3, 96, 33],
    [5, 256, 7],
    [8, 320, 16],
    [17, 64, 9],
    [64, 128, 12],
    [70, 64, 9],
  ] as const;
  const superBlockSizes = [
    [1, 256, 1],
    [1, 512, 37],
    [3, 768, 9],
    [11, 256, 6],
    [66, 256, 5],
  ] as const;
  return weightDTypes.flatMap((dtype) =>
    (dtype.endsWith("_k") ? superBlockSizes : plainSizes).map(([m, k, n]): OperationCase => {
      const x = normalValues(m * k, m + k);
      const { stored, values: weights } = randomWeights(dtype, [n, k], n);
      const largest = Math.max(...Array.from(weights, Math.abs));
      // Block formats round each activation to 1/65278 of its block's range, Q6_K to 1/16382.
      const isBlock = dtype.startsWith("q");
      const steps = dtype === "q6_k" ? 16382 : 65278;
      const rounding = isBlock ? (2 * Math.max(...x.map(Math.abs))) / steps : 1e-6;
      return {
        name: `linear ${dtype} [${m}, ${k}] × [${n}, ${k}]`,
        operation: "linear",
        tolerance: { absolute: rounding * largest * Math.sqrt(k), relative: 1e-5 },
        run: (device) =>
          linear(float(x, [m, k], device), tensor(stored, [n, k], { device, dtype })),
        oracle: () => matmulOracle(x, transposed(weights, n, k), [1, m, k, n]),
      };
    }),
  );
}

function matmulCases(): OperationCase[] {
  const sizes = [
    [1, 1, 1, 1],
    [3, 3, 64, 100],
    [3, 3, 100, 64],
    [2, 17, 19, 23],
    [1, 64, 64, 64],
    [4, 5, 7, 1],
    [1, 33, 1500, 9],
    [1, 70, 1500, 77],
  ] as const;
  return sizes.flatMap(([batch, m, k, n]) => {
    const a = normalValues(batch * m * k, m);
    const b = normalValues(batch * k * n, n);
    const tolerance = { absolute: 2e-6 * Math.sqrt(k) * 4, relative: 1e-5 };
    const oracle = () => matmulOracle(a, b, [batch, m, k, n]);
    const bTransposed = new Float32Array(b.length);
    for (let z = 0; z < batch; z++) {
      const part = b.subarray(z * k * n, (z + 1) * k * n);
      bTransposed.set(transposed(part, k, n), z * k * n);
    }
    const shape = `[${batch}, ${m}, ${k}] × [${batch}, ${k}, ${n}]`;
    return [
      {
        name: `matmul ${shape}`,
        operation: "matmul",
        tolerance,
        run: (device: Device) =>
          matmul(float(a, [batch, m, k], device), float(b, [batch, k, n], device)),
        oracle,
      },
      {
        name: `matmul ${shape}, right transposed`,
        operation: "matmul",
        tolerance,
        run: (device: Device) =>
          matmul(
            float(a, [batch, m, k], device),
            float(bTransposed, [batch, n, k], device).transpose(),
          ),
        oracle,
      },
      {
        name: `matmul ${shape}, right a window of a cache`,
        operation: "matmul",
        tolerance,
        run: (device: Device) => {
          const cache = zeros([batch, k + 5, n], { device });
          const window = cache.slice(1, 2, 2 + k);
          assign(window, float(b, [batch, k, n], device));
          return matmul(float(a, [batch, m, k], device), window);
        },
        oracle,
      },
    ];
  });
}

function softmaxOracle(x: ArrayLike<number>, columns: number): Float64Array {
  const result = new Float64Array(x.length);
  for (let start = 0; start < x.length; start += columns) {
    const row = Array.from({ length: columns }, (_, i) => x[start + i]!);
    const maximum = Math.max(...row);
    const exponentials = row.map((value) => Math.exp(value - maximum));
    const sum = exponentials.reduce((total, value) => total + value, 0);
    result.set(
      exponentials.map((value) => value / sum),
      start,
    );
  }
  return result;
}

function rowCases(): OperationCase[] {
  return [1, 3, 4, 31, 64, 576, 1031].flatMap((columns): OperationCase[] => {
    const rows = 3;
    const x = normalValues(rows * columns, columns).map((value) => value * 4);
    const weight = normalValues(columns, 9);
    const large = x.map((value) => value * 1e30);
    const masked = x.map((value, index) =>
      index % columns > columns / 2 ? Number.NEGATIVE_INFINITY : value,
    );
    const softmaxOf = (values: Float32Array, label: string): OperationCase => ({
      name: `softmax ${label} [${rows}, ${columns}]`,
      operation: "softmax",
      tolerance: { absolute: 1e-7, relative: 2e-6 },
      run: (device) => softmax(float(values, [rows, columns], device)),
      oracle: () => softmaxOracle(values, columns),
    });
    return [
      softmaxOf(x, "random"),
      softmaxOf(large, "huge"),
      softmaxOf(masked, "masked"),
      {
        name: `rmsNorm [${rows}, ${columns}]`,
        operation: "rmsNorm",
        tolerance: { absolute: 1e-6, relative: 1e-5 },
        run: (device) =>
          rmsNorm(float(x, [rows, columns], device), float(weight, [columns], device), {
            epsilon: 1e-5,
          }),
        oracle: () =>
          Float64Array.from(x, (value, index) => {
            const start = index - (index % columns);
            let sum = 0;
            for (let i = 0; i < columns; i++) sum += x[start + i]! ** 2;
            return (value / Math.sqrt(sum / columns + 1e-5)) * weight[index % columns]!;
          }),
      },
      {
        name: `argmax [${rows}, ${columns}]`,
        operation: "argmax",
        tolerance: {},
        run: (device) => argmax(float(x, [rows, columns], device)),
        oracle: () =>
          Array.from({ length: rows }, (_, row) => {
            const values = x.subarray(row * columns, (row + 1) * columns);
            return values.indexOf(Math.max(...values));
          }),
      },
      {
        name: `topK indices [${rows}, ${columns}]`,
        operation: "topK",
        tolerance: {},
        run: (device) => topK(float(x, [rows, columns], device), Math.min(5, columns)).indices,
        oracle: () =>
          Array.from({ length: rows }, (_, row) => {
            const values = Array.from(x.subarray(row * columns, (row + 1) * columns));
            const order = values.map((value, index) => ({ value, index }));
            order.sort((left, right) => right.value - left.value || left.index - right.index);
            return order.slice(0, 5).map(({ index }) => index);
          }).flat(),
      },
    ];
  });
}

function elementwiseCases(): OperationCase[] {
  const shape = [3, 5, 7];
  const a = normalValues(105, 1);
  const b = normalValues(105, 2);
  const row = normalValues(7, 3);
  const plane = normalValues(35, 4);
  const column = normalValues(5, 5);
  const operations = [
    ["add", add, (x: number, y: number) => x + y],
    ["sub", sub, (x: number, y: number) => x - y],
    ["mul", mul, (x: number, y: number) => x * y],
    ["div", div, (x: number, y: number) => x / y],
  ] as const;
  const rights = [
    ["same shape", b, [3, 5, 7], (i: number) => i],
    ["a row", row, [7], (i: number) => i % 7],
    ["a plane", plane, [5, 7], (i: number) => i % 35],
    ["a column", column, [5, 1], (i: number) => Math.floor(i / 7) % 5],
  ] as const;
  const cases = operations.flatMap(([name, run, oracle]) => [
    ...rights.map(([label, values, rightShape, at]) => ({
      name: `${name} with ${label}`,
      operation: name,
      tolerance: { absolute: 0, relative: 2e-7 },
      run: (device: Device) => run(float(a, shape, device), float(values, [...rightShape], device)),
      oracle: () => Float64Array.from(a, (value, index) => oracle(value, values[at(index)]!)),
    })),
    {
      name: `${name} with a number`,
      operation: name,
      tolerance: { relative: 2e-7 },
      run: (device: Device) => run(float(a, shape, device), 3),
      oracle: () => Float64Array.from(a, (value) => oracle(value, 3)),
    },
  ]);
  const wide = Float32Array.from([0, -0, 1, -1, 20, -20, 80, -80, 88.5, -90, 1e30, -1e30]);
  return [
    ...cases,
    {
      name: "silu, also far from 0",
      operation: "silu",
      tolerance: { absolute: 1e-30, relative: 2e-6 },
      run: (device) => silu(float(wide, [wide.length], device)),
      oracle: () =>
        Float64Array.from(wide, (x) => Math.fround(x / (1 + Math.exp(-Math.max(x, -700))))),
    },
    {
      name: "add of a transposed view",
      operation: "add",
      tolerance: { relative: 2e-7 },
      run: (device) =>
        add(float(a, shape, device).permute([2, 0, 1]), float(b, shape, device).permute([2, 0, 1])),
      oracle: () =>
        Float64Array.from({ length: 105 }, (_, index) => {
          const [k, i, j] = [Math.floor(index / 15), Math.floor(index / 5) % 3, index % 5];
          return a[i * 35 + j * 7 + k]! + b[i * 35 + j * 7 + k]!;
        }),
    },
  ];
}

function rotaryCases(): OperationCase[] {
  const [tokens, heads, headDim, limit] = [5, 3, 16, 40];
  const x = normalValues(tokens * heads * headDim, 1);
  const positions = Int32Array.from([0, 1, 7, 39, 7]);
  return [16, 8].flatMap((rotary) =>
    [true, false].map((interleaved): OperationCase => {
      const half = rotary / 2;
      const angle = (p: number, i: number) => p * 10000 ** (-i / half);
      const table = (f: (x: number) => number) =>
        Float32Array.from({ length: limit * half }, (_, i) =>
          f(angle(Math.floor(i / half), i % half)),
        );
      return {
        name: `rotaryEmbedding ${interleaved ? "interleaved" : "half-split"}, ${rotary} of ${headDim}`,
        operation: "rotaryEmbedding",
        tolerance: { absolute: 1e-6 },
        run: (device) =>
          rotaryEmbedding(
            float(x, [tokens, heads, headDim], device),
            float(table(Math.cos), [limit, half], device),
            float(table(Math.sin), [limit, half], device),
            integers(positions, device),
            { interleaved },
          ),
        oracle: () => {
          const result = Float64Array.from(x);
          for (let t = 0; t < tokens; t++)
            for (let h = 0; h < heads; h++)
              for (let i = 0; i < half; i++) {
                const start = (t * heads + h) * headDim;
                const first = start + (interleaved ? 2 * i : i);
                const second = start + (interleaved ? 2 * i + 1 : i + half);
                const theta = angle(positions[t]!, i);
                result[first] = x[first]! * Math.cos(theta) - x[second]! * Math.sin(theta);
                result[second] = x[first]! * Math.sin(theta) + x[second]! * Math.cos(theta);
              }
          return result;
        },
      };
    }),
  );
}

function embeddingCases(): OperationCase[] {
  const vocabulary = 50;
  const ids = integerValues(13, vocabulary, 3);
  return weightDTypes.map((dtype): OperationCase => {
    const width = dtype.endsWith("_k") ? 512 : 96;
    const { stored, values: table } = randomWeights(dtype, [vocabulary, width], 5);
    return {
      name: `embedding ${dtype}`,
      operation: "embedding",
      tolerance: { absolute: 1e-6, relative: 1e-6 },
      run: (device) =>
        embedding(tensor(stored, [vocabulary, width], { device, dtype }), integers(ids, device)),
      oracle: () =>
        Float64Array.from(
          { length: ids.length * width },
          (_, i) => table[ids[Math.floor(i / width)]! * width + (i % width)]!,
        ),
    };
  });
}

/** Every operation, at sizes that meet each path of its kernels. */
export const operationCases: readonly OperationCase[] = [
  ...linearCases(),
  ...matmulCases(),
  ...rowCases(),
  ...elementwiseCases(),
  ...rotaryCases(),
  ...embeddingCases(),
];
