import type { Operand as OperandOrNumber } from "../../src/index";
import * as x from "../../src/index";
import { erfOf, mapEach, zipEach } from "../support/ndarray";
import {
  allLayouts,
  floats,
  integers,
  normals,
  type Operand,
  type OperationCase,
  randomIntegers,
  spread,
  truths,
} from "./operation-case";

const shapesByRank: readonly (readonly number[])[] = [
  [],
  [7],
  [3, 4],
  [2, 3, 4],
  [2, 1, 3, 2],
  [2, 1, 2, 3, 2],
  [1, 2, 1, 3, 2, 2],
  [0, 3],
];

const { POSITIVE_INFINITY: infinity, NaN: nan } = Number;
const specials = [nan, infinity, -infinity, 0, -0, 1, -1, 0.5, -0.5, 1e-6, -1e-6, 30, -30];

interface UnaryRow {
  readonly name: string;
  readonly run: (input: x.Tensor) => x.Tensor;
  readonly oracle: (value: number) => number;
  /** Where the function is defined and smooth enough for central differences. Default -3 to 3. */
  readonly domain?: readonly [number, number];
  readonly differentiable?: boolean;
  /** Whether integers stay integers. */
  readonly keepsIntegers?: boolean;
  /** The name under which it launches, where it is not its own. */
  readonly kernel?: string;
  /** The last of the special values. Default 1e30. */
  readonly largest?: number;
  /** What is told apart by it, where a function has several rows. */
  readonly label?: string;
}

const sigmoidOf = (v: number) => 1 / (1 + Math.exp(-v));
const geluTanhOf = (v: number) =>
  0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3)));
const halfToEven = (v: number) => {
  const low = Math.floor(v);
  if (v - low !== 0.5) return Math.round(v);
  return low % 2 === 0 ? low : low + 1;
};
/** x·f(x) where f reaches 0 faster than x grows. */
const gated = (v: number, gate: number) => (v === -infinity ? nan : v * gate);

const unaryRows: readonly UnaryRow[] = [
  { name: "neg", run: x.neg, oracle: (v) => -v, keepsIntegers: true },
  { name: "abs", run: x.abs, oracle: Math.abs, keepsIntegers: true },
  { name: "sign", run: x.sign, oracle: Math.sign, differentiable: false, keepsIntegers: true },
  { name: "square", run: x.square, oracle: (v) => v * v, keepsIntegers: true },
  { name: "reciprocal", run: x.reciprocal, oracle: (v) => 1 / v, domain: [0.5, 3] },
  { name: "sqrt", run: x.sqrt, oracle: Math.sqrt, domain: [0.5, 4] },
  { name: "rsqrt", run: x.rsqrt, oracle: (v) => 1 / Math.sqrt(v), domain: [0.5, 4] },
  { name: "floor", run: x.floor, oracle: Math.floor, differentiable: false, keepsIntegers: true },
  { name: "ceil", run: x.ceil, oracle: Math.ceil, differentiable: false, keepsIntegers: true },
  { name: "round", run: x.round, oracle: halfToEven, differentiable: false, keepsIntegers: true },
  { name: "exp", run: x.exp, oracle: Math.exp },
  { name: "expm1", run: x.expm1, oracle: Math.expm1 },
  { name: "log", run: x.log, oracle: Math.log, domain: [0.5, 4] },
  { name: "log1p", run: x.log1p, oracle: Math.log1p, domain: [-0.6, 3] },
  // Beyond 8192 a float32 angle says little, and a GPU less.
  { name: "sin", run: x.sin, oracle: Math.sin, largest: 8000 },
  { name: "cos", run: x.cos, oracle: Math.cos, largest: 8000 },
  { name: "tanh", run: x.tanh, oracle: Math.tanh },
  { name: "sigmoid", run: x.sigmoid, oracle: sigmoidOf },
  { name: "erf", run: x.erf, oracle: erfOf },
  { name: "relu", run: x.relu, oracle: (v) => Math.max(0, v), keepsIntegers: true },
  { name: "silu", run: x.silu, oracle: (v) => gated(v, sigmoidOf(v)) },
  {
    name: "gelu",
    run: (input) => x.gelu(input),
    oracle: (v) => gated(v, 0.5 * (1 + erfOf(v / Math.SQRT2))),
  },
  {
    name: "gelu",
    label: "by tanh",
    kernel: "geluTanh",
    run: (input) => x.gelu(input, { approximate: "tanh" }),
    oracle: (v) => (v === -infinity ? nan : geluTanhOf(v)),
  },
  { name: "elu", run: (input) => x.elu(input), oracle: (v) => (v < 0 ? Math.expm1(v) : v) },
  {
    name: "elu",
    label: "with alpha",
    run: (input) => x.elu(input, { alpha: 0.3 }),
    oracle: (v) => (v < 0 ? 0.3 * Math.expm1(v) : v),
  },
  {
    name: "softplus",
    run: x.softplus,
    oracle: (v) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v))),
  },
  {
    name: "clip",
    run: (input) => x.clip(input, -1, 2),
    oracle: (v) => Math.min(2, Math.max(-1, v)),
    keepsIntegers: true,
  },
];

function unaryCases(row: UnaryRow): OperationCase[] {
  const { name, run, oracle, domain = [-3, 3], differentiable = true, keepsIntegers } = row;
  const label = row.label === undefined ? "" : `${row.label}, `;
  const common = {
    operation: name,
    kernel: row.kernel ?? name,
    run: ([input]: readonly x.Tensor[]) => run(input!),
    oracle: ([input]: readonly { shape: readonly number[]; values: Float64Array }[]) =>
      mapEach(input!, oracle),
  };
  const whole = randomIntegers([2, 5], 9, -6, 7);
  const truth = truths([3, 3], 4);
  return [
    ...shapesByRank.map(
      (shape, index): OperationCase => ({
        ...common,
        label: `${label}[${shape}]`,
        operands: [spread(shape, index + 1, ...domain)],
        layouts: index === 3 ? allLayouts : ["contiguous"],
        differentiable: differentiable && (index === 0 || index === 3),
      }),
    ),
    {
      ...common,
      label: `${label}NaN, infinities and zeros`,
      operands: [floats([14], [...specials, row.largest ?? 1e30])],
    },
    {
      ...common,
      label: `${label}int32`,
      operands: [whole],
      dtypes: [keepsIntegers ? "int32" : "float32"],
    },
    { ...common, label: `${label}bool`, operands: [truth], dtypes: ["float32"] },
  ];
}

/** Where a small result must keep its digits: the error is measured against it alone. */
const nearZero: readonly OperationCase[] = unaryRows
  .filter(({ name }) => ["expm1", "log1p", "tanh", "erf", "sin"].includes(name))
  .map(({ name, run, oracle }) => ({
    operation: name,
    label: "near 0, by relative error",
    operands: [floats([9], [1e-7, -1e-7, 1e-5, -1e-4, 0.01, -0.1, 0.29, 0.31, -0.49])],
    run: ([input]) => run(input!),
    oracle: ([input]) => mapEach(input!, oracle),
    tolerance: { relative: 5e-7 },
  }));

type Binary = (left: OperandOrNumber, right: OperandOrNumber) => x.Tensor;

interface BinaryRow {
  readonly name: string;
  readonly run: Binary;
  readonly oracle: (left: number, right: number) => number;
  readonly result: "promoted" | "float" | "bool";
  /** The range of the left operand and of the right one. Default -3 to 3 for both. */
  readonly domains?: readonly [readonly [number, number], readonly [number, number]];
  readonly differentiable?: boolean;
}

const truth = (f: (a: number, b: number) => boolean) => (a: number, b: number) => Number(f(a, b));
const pythonMod = (a: number, b: number) => a - Math.floor(a / b) * b;
/** The power as C has it; JavaScript alone says NaN for 1 to the power of NaN or of infinity. */
const powerOf = (a: number, b: number) =>
  a === 1 || b === 0 || (a === -1 && Math.abs(b) === infinity) ? 1 : a ** b;

const binaryRows: readonly BinaryRow[] = [
  { name: "add", run: x.add, oracle: (a, b) => a + b, result: "promoted" },
  { name: "sub", run: x.sub, oracle: (a, b) => a - b, result: "promoted" },
  { name: "mul", run: x.mul, oracle: (a, b) => a * b, result: "promoted" },
  {
    name: "div",
    run: x.div,
    oracle: (a, b) => a / b,
    result: "float",
    domains: [
      [-3, 3],
      [0.5, 3],
    ],
  },
  {
    name: "pow",
    run: x.pow,
    oracle: powerOf,
    result: "promoted",
    domains: [
      [0.3, 3],
      [-2, 3],
    ],
  },
  {
    name: "mod",
    run: x.mod,
    oracle: pythonMod,
    result: "promoted",
    domains: [
      [-3, 3],
      [0.8, 3],
    ],
  },
  { name: "minimum", run: x.minimum, oracle: Math.min, result: "promoted" },
  { name: "maximum", run: x.maximum, oracle: Math.max, result: "promoted" },
  ...(
    [
      ["equal", x.equal, truth((a, b) => a === b)],
      ["notEqual", x.notEqual, truth((a, b) => a !== b)],
      ["less", x.less, truth((a, b) => a < b)],
      ["lessEqual", x.lessEqual, truth((a, b) => a <= b)],
      ["greater", x.greater, truth((a, b) => a > b)],
      ["greaterEqual", x.greaterEqual, truth((a, b) => a >= b)],
      ["logicalAnd", x.logicalAnd, truth((a, b) => a !== 0 && b !== 0)],
      ["logicalOr", x.logicalOr, truth((a, b) => a !== 0 || b !== 0)],
      ["logicalXor", x.logicalXor, truth((a, b) => (a !== 0) !== (b !== 0))],
    ] as const
  ).map(
    ([name, run, oracle]): BinaryRow => ({
      name,
      run,
      oracle,
      result: "bool",
      differentiable: false,
    }),
  ),
];

/** Pairs of shapes, from the same to broadcasting on both sides, ranks 0 to 6. */
const shapePairs: readonly (readonly [readonly number[], readonly number[]])[] = [
  [
    [2, 3, 4],
    [2, 3, 4],
  ],
  [[], []],
  [[2, 3, 4], [4]],
  [[2, 3, 4], []],
  [[4], [2, 3, 4]],
  [
    [2, 3, 1],
    [2, 1, 4],
  ],
  [
    [3, 1],
    [1, 4],
  ],
  [[2, 3, 4, 2], [2]],
  [
    [2, 1, 2, 3, 2],
    [2, 1, 3, 1],
  ],
  [
    [1, 2, 1, 3, 2, 2],
    [2, 1, 2, 1, 1, 2],
  ],
  [[0, 3], [3]],
  [
    [2, 1],
    [1, 0],
  ],
];

/** Every pair of what is out of the ordinary. */
const specialPairs = (() => {
  const values = [nan, infinity, -infinity, 0, 1, -1, 2.5, -2.5, 3];
  const left = values.flatMap((value) => values.map(() => value));
  const right = values.flatMap(() => values);
  return [floats([left.length], left), floats([right.length], right)];
})();

function binaryCases(row: BinaryRow): OperationCase[] {
  const { name, run, oracle, result, differentiable = true } = row;
  const [leftRange, rightRange] = row.domains ?? [
    [-3, 3],
    [-3, 3],
  ];
  const resultOf = (common: "float32" | "int32") =>
    result === "bool" ? "bool" : result === "float" ? "float32" : common;
  const common = {
    operation: name,
    run: ([left, right]: readonly x.Tensor[]) => run(left!, right!),
    oracle: (operands: readonly Operand[]) => zipEach(operands, oracle),
  };
  const cases: OperationCase[] = shapePairs.map(([left, right], index) => ({
    ...common,
    label: `[${left}] and [${right}]`,
    operands: [spread(left, index + 1, ...leftRange), spread(right, index + 40, ...rightRange)],
    layouts: index === 0 || index === 2 ? allLayouts : ["contiguous"],
    differentiable: differentiable && [0, 2, 5, 9].includes(index),
    dtypes: [resultOf("float32")],
  }));
  const small = randomIntegers([2, 6], 3, -5, 6);
  const positive = randomIntegers([2, 6], 4, 1, 5);
  const equals = floats([6], [1, 2, 2, 0, -1, 5]);
  return [
    ...cases,
    {
      ...common,
      label: "NaN, infinities and zeros",
      operands: specialPairs,
      dtypes: [resultOf("float32")],
    },
    {
      ...common,
      label: "int32 and int32",
      operands: [small, positive],
      dtypes: [resultOf("int32")],
    },
    {
      ...common,
      label: "bool and bool",
      operands: [truths([2, 6], 5), { ...integers([], [1]), dtype: "bool" }],
      dtypes: [resultOf("int32")],
    },
    {
      ...common,
      label: "int32 and float32",
      operands: [small, spread([6], 6, ...rightRange)],
      dtypes: [resultOf("float32")],
    },
    {
      ...common,
      label: "bool and float32",
      operands: [truths([2, 6], 7), spread([6], 8, ...rightRange)],
      dtypes: [resultOf("float32")],
    },
    {
      ...common,
      label: "equal elements",
      operands: [equals, floats([6], [1, 2, 3, 0, -1, 4])],
      dtypes: [resultOf("float32")],
    },
    {
      ...common,
      label: "a number on the right",
      operands: [spread([2, 3], 9, ...leftRange)],
      run: ([left]) => run(left!, 2),
      oracle: ([left]) => mapEach(left!, (v) => oracle(v, 2)),
      differentiable,
      dtypes: [resultOf("float32")],
    },
    {
      ...common,
      label: "a number on the left",
      operands: [spread([2, 3], 10, ...rightRange)],
      run: ([right]) => run(2, right!),
      oracle: ([right]) => mapEach(right!, (v) => oracle(2, v)),
      differentiable,
      dtypes: [resultOf("float32")],
    },
    {
      ...common,
      label: "int32 and a whole number",
      operands: [small],
      run: ([left]) => run(left!, 3),
      oracle: ([left]) => mapEach(left!, (v) => oracle(v, 3)),
      dtypes: [resultOf("int32")],
    },
    {
      ...common,
      label: "int32 and a fraction",
      operands: [positive],
      run: ([left]) => run(left!, 1.5),
      oracle: ([left]) => mapEach(left!, (v) => oracle(v, 1.5)),
      dtypes: [resultOf("float32")],
    },
  ];
}

const whereOracle: OperationCase["oracle"] = (operands) =>
  zipEach(operands, (c, a, b) => (c !== 0 ? a! : b!));

const otherCases: readonly OperationCase[] = [
  {
    operation: "logicalNot",
    label: "[2,3], NaN included",
    kernel: "equal",
    operands: [floats([2, 3], [0, -0, 1, nan, -2, infinity])],
    run: ([input]) => x.logicalNot(input!),
    oracle: ([input]) => mapEach(input!, (v) => Number(v === 0)),
    dtypes: ["bool"],
    layouts: allLayouts,
  },
  {
    operation: "where",
    label: "three shapes that broadcast",
    operands: [truths([3, 1], 1), normals([4], 2), normals([2, 3, 1], 3)],
    run: ([c, a, b]) => x.where(c!, a!, b!),
    oracle: whereOracle,
    layouts: allLayouts,
    differentiable: true,
  },
  {
    operation: "where",
    label: "rank 0",
    operands: [truths([], 1), normals([], 2), normals([], 3)],
    run: ([c, a, b]) => x.where(c!, a!, b!),
    oracle: whereOracle,
  },
  {
    operation: "where",
    label: "rank 6",
    operands: [
      truths([1, 2, 1, 3, 2, 2], 1),
      normals([3, 1, 2], 2),
      normals([1, 2, 1, 3, 2, 2], 3),
    ],
    run: ([c, a, b]) => x.where(c!, a!, b!),
    oracle: whereOracle,
    differentiable: true,
  },
  {
    operation: "where",
    label: "masks NaN and infinities",
    operands: [
      floats([4], [1, 0, 1, 0]),
      floats([4], [1, nan, 2, infinity]),
      floats([4], [nan, 3, -infinity, 4]),
    ],
    run: ([c, a, b]) => x.where(c!, a!, b!),
    oracle: whereOracle,
  },
  {
    operation: "where",
    label: "no element",
    operands: [truths([0, 2], 1), normals([2], 2), normals([0, 1], 3)],
    run: ([c, a, b]) => x.where(c!, a!, b!),
    oracle: whereOracle,
  },
  {
    operation: "where",
    label: "int32 and a number",
    operands: [truths([5], 1), randomIntegers([5], 2, -9, 9)],
    run: ([c, a]) => x.where(c!, a!, 7),
    oracle: ([c, a]) => zipEach([c!, a!], (k, v) => (k !== 0 ? v! : 7)),
    dtypes: ["int32"],
  },
  {
    operation: "where",
    label: "two numbers",
    operands: [truths([5], 1)],
    run: ([c]) => x.where(c!, 1.5, -2),
    oracle: ([c]) => mapEach(c!, (v) => (v !== 0 ? 1.5 : -2)),
  },
  {
    operation: "pow",
    label: "negative bases, whole exponents",
    operands: [
      floats([8], [-2, -2, -3, -1.5, -2, -1, -0.5, -2]),
      floats([8], [2, 3, 0, 1, -1, 5, -3, -2]),
    ],
    run: ([a, b]) => x.pow(a!, b!),
    oracle: (operands) => zipEach(operands, powerOf),
    differentiable: true,
    tracked: [0],
  },
  {
    operation: "round",
    label: "halves and large values",
    operands: [
      floats([10], [0.5, 1.5, 2.5, -0.5, -1.5, 8388607.5, 8388609, -2.5, 0.49999997, 3e9]),
    ],
    run: ([input]) => x.round(input!),
    oracle: ([input]) => mapEach(input!, halfToEven),
    tolerance: {},
  },
];

/** Elementwise operations. */
export const elementwiseTable: readonly OperationCase[] = [
  ...unaryRows.flatMap(unaryCases),
  ...nearZero,
  ...binaryRows.flatMap(binaryCases),
  ...otherCases,
];
