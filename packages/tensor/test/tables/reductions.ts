import * as x from "../../src/index";
import { mapRows, type NdArray, type Reduction, reduce } from "../support/ndarray";
import {
  allLayouts,
  floats,
  normals,
  type OperationCase,
  randomIntegers,
  spread,
  truths,
} from "./operation-case";

const { POSITIVE_INFINITY: infinity, NaN: nan } = Number;

interface ReductionRow {
  readonly name: string;
  readonly kernel?: string;
  readonly label?: string;
  readonly run: (input: x.Tensor, reduction: Reduction) => x.Tensor;
  readonly fold: (elements: number[]) => number;
  readonly differentiable?: boolean;
  /** What an integer operand gives. */
  readonly integerResult: x.DType;
  readonly result?: x.DType;
  /** Whether no element has a result. */
  readonly takesEmpty?: boolean;
}

const total = (elements: number[]) => elements.reduce((sum, one) => sum + one, 0);
const meanOf = (elements: number[]) => total(elements) / elements.length;
const varianceOf = (correction: number) => (elements: number[]) => {
  const center = meanOf(elements);
  const squares = total(elements.map((one) => (one - center) ** 2));
  return squares / Math.max(0, elements.length - correction);
};
const logSumExp = (elements: number[]) => {
  const largest = Math.max(...elements);
  if (!Number.isFinite(largest)) return largest;
  return largest + Math.log(total(elements.map((one) => Math.exp(one - largest))));
};

const reductionRows: readonly ReductionRow[] = [
  { name: "sum", run: x.sum, fold: total, integerResult: "int32", takesEmpty: true },
  {
    name: "prod",
    run: x.prod,
    fold: (elements) => elements.reduce((product, one) => product * one, 1),
    integerResult: "int32",
    takesEmpty: true,
  },
  {
    name: "mean",
    kernel: "sum",
    run: x.mean,
    fold: meanOf,
    integerResult: "float32",
    takesEmpty: true,
  },
  {
    name: "variance",
    kernel: "sum",
    run: x.variance,
    fold: varianceOf(1),
    integerResult: "float32",
  },
  {
    name: "variance",
    label: "of the population",
    kernel: "sum",
    run: (input, reduction) => x.variance(input, { ...reduction, correction: 0 }),
    fold: varianceOf(0),
    integerResult: "float32",
  },
  { name: "max", run: x.max, fold: (e) => Math.max(...e), integerResult: "int32" },
  { name: "min", run: x.min, fold: (e) => Math.min(...e), integerResult: "int32" },
  {
    name: "any",
    run: x.any,
    fold: (e) => Number(e.some((one) => one !== 0)),
    integerResult: "bool",
    result: "bool",
    differentiable: false,
    takesEmpty: true,
  },
  {
    name: "all",
    run: x.all,
    fold: (e) => Number(e.every((one) => one !== 0)),
    integerResult: "bool",
    result: "bool",
    differentiable: false,
    takesEmpty: true,
  },
  {
    name: "logsumexp",
    kernel: "sum",
    run: x.logsumexp,
    fold: logSumExp,
    integerResult: "float32",
  },
  {
    name: "norm",
    kernel: "sum",
    run: x.norm,
    fold: (e) => Math.sqrt(total(e.map((one) => one * one))),
    integerResult: "float32",
    takesEmpty: true,
  },
  {
    name: "norm",
    label: "order 1",
    kernel: "sum",
    run: (input, reduction) => x.norm(input, { ...reduction, order: 1 }),
    fold: (e) => total(e.map(Math.abs)),
    integerResult: "float32",
    takesEmpty: true,
  },
  {
    name: "norm",
    label: "order Infinity",
    kernel: "max",
    run: (input, reduction) => x.norm(input, { ...reduction, order: infinity }),
    fold: (e) => Math.max(...e.map(Math.abs)),
    integerResult: "float32",
  },
];

const reductions: readonly (readonly [readonly number[], Reduction])[] = [
  [[3, 4, 2], { axis: 1 }],
  [[], {}],
  [[7], {}],
  [[3, 4], { axis: 0 }],
  [[3, 4], { axis: -1, keepDims: true }],
  [[2, 3, 4], { axis: [0, 2] }],
  [[2, 3, 4], { axis: [-1, 0], keepDims: true }],
  [[2, 3, 2, 2], { axis: [1, 3] }],
  [[2, 1, 2, 3, 2], { axis: [0, 3] }],
  [[1, 2, 1, 3, 2, 2], { axis: [1, 4, 5] }],
  [[2, 3], { axis: [] }],
  [[1300], {}],
  [[2, 1100], { axis: 1 }],
];

const isNothing = (shape: readonly number[], { axis }: Reduction) =>
  axis === undefined ? shape.length === 0 : [axis].flat().length === 0;

function reductionCases(row: ReductionRow): OperationCase[] {
  const { name, run, fold, differentiable = true, integerResult, result = "float32" } = row;
  const prefix = row.label === undefined ? "" : `${row.label}, `;
  const common = (reduction: Reduction) => ({
    operation: name,
    kernel: row.kernel ?? name,
    run: ([input]: readonly x.Tensor[]) => run(input!, reduction),
    oracle: ([input]: readonly NdArray[]) => reduce(input!, reduction, fold),
    tolerance: { absolute: 1e-5, relative: 1e-5 },
  });
  const cases = reductions.map(
    ([shape, reduction], index): OperationCase => ({
      ...common(reduction),
      label: `${prefix}[${shape}] over ${JSON.stringify(reduction)}`,
      // Where nothing is reduced, the result is the operand.
      kernel: isNothing(shape, reduction) ? "none" : (row.kernel ?? name),
      // Products of a thousand normal values would leave float32.
      operands: [
        name === "prod" ? spread(shape, index + 1, 0.98, 1.02) : normals(shape, index + 1),
      ],
      layouts: index === 0 || index === 5 ? allLayouts : ["contiguous"],
      differentiable: differentiable && index > 0 && index < 10 && name !== "variance",
      dtypes: [result],
    }),
  );
  const varianceGradients = reductions.slice(3, 8).map(
    ([shape, reduction]): OperationCase => ({
      ...common(reduction),
      label: `${prefix}gradient, [${shape}] over ${JSON.stringify(reduction)}`,
      operands: [normals(shape, 77)],
      differentiable: name === "variance",
    }),
  );
  const specials = [
    [1, nan, 2],
    [infinity, 1, 2],
    [-infinity, 1, 2],
    [infinity, -infinity, 0],
    [-infinity, -infinity, -infinity],
    [0, -0, 0],
    [nan, nan, infinity],
    [2, 1, nan],
  ];
  return [
    ...cases,
    ...(name === "variance" ? varianceGradients : []),
    {
      ...common({ axis: -1 }),
      label: `${prefix}NaN, infinities and zeros`,
      operands: [floats([8, 3], specials.flat())],
      dtypes: [result],
    },
    {
      ...common({ axis: 0 }),
      label: `${prefix}int32`,
      operands: [randomIntegers([3, 4], 2, -4, 5)],
      dtypes: [integerResult],
    },
    {
      ...common({ axis: 0 }),
      label: `${prefix}bool`,
      operands: [truths([3, 4], 3)],
      dtypes: [["max", "min"].includes(name) ? "bool" : integerResult],
    },
    {
      ...common({ axis: 1 }),
      label: `${prefix}no row`,
      operands: [normals([0, 3], 1)],
      dtypes: [result],
    },
    ...(row.takesEmpty
      ? [
          {
            ...common({ axis: 1 }),
            label: `${prefix}rows without elements`,
            operands: [normals([3, 0], 1)],
            dtypes: [result],
          },
        ]
      : []),
  ];
}

const indexRows = [
  ["argmax", x.argmax, (a: number, b: number) => b > a || (Number.isNaN(b) && !Number.isNaN(a))],
  ["argmin", x.argmin, (a: number, b: number) => b < a || (Number.isNaN(b) && !Number.isNaN(a))],
] as const;

const indexCases = indexRows.flatMap(([name, run, beats]): OperationCase[] => {
  const first = (row: number[]) =>
    row.reduce(
      (best, value, index) =>
        !Number.isNaN(row[best]!) && beats(row[best]!, value) ? index : best,
      0,
    );
  const make = (
    label: string,
    operand: OperationCase["operands"][number],
    options: { axis?: number; keepDims?: boolean },
    layouts: OperationCase["layouts"] = ["contiguous"],
  ): OperationCase => ({
    operation: name,
    label,
    operands: [operand],
    run: ([input]) => run(input!, options),
    oracle: ([input]) => reduce(input!, { axis: -1, ...options }, first),
    dtypes: ["int32"],
    layouts,
  });
  return [
    make("[2,3,4], last", normals([2, 3, 4], 1), {}, allLayouts),
    make("[2,3,4], first", normals([2, 3, 4], 2), { axis: 0 }, allLayouts),
    make("[2,3,4], kept", normals([2, 3, 4], 3), { axis: 1, keepDims: true }),
    make("[7]", normals([7], 4), {}),
    make("rank 6", normals([1, 2, 1, 3, 2, 2], 5), { axis: 3 }),
    make("int32", randomIntegers([3, 5], 6, -3, 4), {}),
    make("bool", truths([3, 5], 6), { axis: 0 }),
    make("no row", normals([0, 5], 6), {}),
    make(
      "NaN, infinities and equal elements",
      floats(
        [5, 4],
        [1, nan, 9, nan, 5, 5, 5, 5, -infinity, infinity, infinity, 0, 0, -0, 0, -0, nan, 1, 2, -1],
      ),
      {},
    ),
    make("[3,700]", normals([3, 700], 8), {}),
  ];
});

const cumsumOracle =
  (axis: number) =>
  ([input]: readonly NdArray[]) =>
    mapRows(input!, axis, (row) => {
      let sum = 0;
      return row.map((value) => {
        sum += value;
        return sum;
      });
    });

const cumsumCases = (
  [
    ["[2,3,4], last", normals([2, 3, 4], 1), -1, allLayouts],
    ["[2,3,4], first", normals([2, 3, 4], 2), 0, allLayouts],
    ["[7]", normals([7], 3), 0, ["contiguous"]],
    ["[1]", normals([1], 3), 0, ["contiguous"]],
    ["[3,1]", normals([3, 1], 3), 1, ["contiguous"]],
    ["rank 6", normals([1, 2, 1, 3, 2, 2], 4), 3, ["contiguous"]],
    ["[2,700]", normals([2, 700], 5), 1, ["contiguous"]],
    ["no element", normals([2, 0], 5), 1, ["contiguous"]],
    ["NaN and infinities", floats([6], [1, 2, infinity, 3, -infinity, nan]), 0, ["contiguous"]],
  ] as const
).map(
  ([label, operand, axis, layouts]): OperationCase => ({
    operation: "cumsum",
    label,
    operands: [operand],
    run: ([input]) => x.cumsum(input!, { axis }),
    oracle: cumsumOracle(axis),
    layouts,
    differentiable: operand.values.length < 30 && operand.values.every(Number.isFinite),
    tolerance: { absolute: 3e-5, relative: 1e-5 },
  }),
);

const integerCumsum: OperationCase = {
  operation: "cumsum",
  label: "bool counts",
  operands: [truths([2, 9], 3)],
  run: ([input]) => x.cumsum(input!),
  oracle: cumsumOracle(-1),
  dtypes: ["int32"],
};

const productWithZeros: OperationCase = {
  operation: "prod",
  label: "gradient where one or two elements are 0",
  operands: [floats([3, 4], [1, 2, 0, 4, 0, 2, 0, 4, 1, -2, 3, 0.5])],
  run: ([input]) => x.prod(input!, { axis: 1 }),
  oracle: ([input]) => reduce(input!, { axis: 1 }, (e) => e.reduce((p, one) => p * one, 1)),
  differentiable: true,
};

/** Reductions, and what runs along one dimension. */
export const reductionTable: readonly OperationCase[] = [
  ...reductionRows.flatMap(reductionCases),
  productWithZeros,
  ...indexCases,
  ...cumsumCases,
  integerCumsum,
];
