import * as x from "../../src/index";
import { at, build, mapEach, type NdArray, permute, pickAlong, reshaped } from "../support/ndarray";
import {
  allLayouts,
  floats,
  type Layout,
  normals,
  type Operand,
  type OperationCase,
  randomIntegers,
  truths,
} from "./operation-case";

const { POSITIVE_INFINITY: infinity, NaN: nan } = Number;

/** Rows of the table for an operation of one operand. */
function rows(
  operation: string,
  kernel: string,
  entries: readonly {
    label: string;
    operand: Operand;
    run: (input: x.Tensor) => x.Tensor;
    oracle: (input: NdArray) => NdArray;
    layouts?: readonly Layout[];
  }[],
): OperationCase[] {
  return entries.map(({ label, operand, run, oracle, layouts = allLayouts }) => ({
    operation,
    kernel,
    label,
    operands: [operand],
    run: ([input]) => run(input!),
    oracle: ([input]) => oracle(input!),
    dtypes: [operand.dtype],
    tolerance: {},
    layouts,
    differentiable: operand.dtype === "float32" && operand.values.every(Number.isFinite),
  }));
}

const cube = normals([2, 3, 4], 1);
const rank6 = normals([1, 2, 1, 3, 2, 2], 2);

function diagonalOf(input: NdArray): NdArray {
  const shape = [...input.shape.slice(0, -2), Math.min(input.shape.at(-2)!, input.shape.at(-1)!)];
  return build(shape, (place) => at(input, [...place, place.at(-1)!]));
}

function broadcastAlong(input: NdArray, shape: readonly number[]): NdArray {
  const added = shape.length - input.shape.length;
  return build(shape, (place) =>
    at(
      input,
      input.shape.map((size, axis) => (size === 1 ? 0 : place[axis + added]!)),
    ),
  );
}

const views: readonly OperationCase[] = [
  ...rows("reshape", "none", [
    {
      label: "[2,3,4] to [6,-1]",
      operand: cube,
      run: (t) => x.reshape(t, [6, -1]),
      oracle: (a) => reshaped(a, [6, 4]),
    },
    {
      label: "[2,3,4] to [4,3,2]",
      operand: cube,
      run: (t) => x.reshape(t, [4, 3, 2]),
      oracle: (a) => reshaped(a, [4, 3, 2]),
    },
    {
      label: "rank 6 to a vector",
      operand: rank6,
      run: (t) => x.reshape(t, [-1]),
      oracle: (a) => reshaped(a, [24]),
    },
    {
      label: "a scalar to [1,1]",
      operand: normals([], 3),
      run: (t) => x.reshape(t, [1, 1]),
      oracle: (a) => reshaped(a, [1, 1]),
    },
    {
      label: "no element",
      operand: normals([0, 4], 3),
      run: (t) => x.reshape(t, [2, 0]),
      oracle: (a) => reshaped(a, [2, 0]),
    },
  ]),
  ...rows("permute", "none", [
    {
      label: "[2,3,4] by [2,0,1]",
      operand: cube,
      run: (t) => t.permute([2, 0, 1]),
      oracle: (a) => permute(a, [2, 0, 1]),
    },
    {
      label: "rank 6",
      operand: rank6,
      run: (t) => t.permute([5, 3, 1, 0, 2, -2]),
      oracle: (a) => permute(a, [5, 3, 1, 0, 2, 4]),
    },
    { label: "scalar", operand: normals([], 1), run: (t) => t.permute([]), oracle: (a) => a },
    {
      label: "no element",
      operand: normals([0, 2], 1),
      run: (t) => t.permute([1, 0]),
      oracle: (a) => reshaped(a, [2, 0]),
    },
  ]),
  ...rows("transpose", "none", [
    {
      label: "the last two",
      operand: cube,
      run: (t) => t.transpose(),
      oracle: (a) => permute(a, [0, 2, 1]),
    },
    {
      label: "first and last, int32",
      operand: randomIntegers([2, 3, 4], 1, -9, 9),
      run: (t) => t.transpose(0, -1),
      oracle: (a) => permute(a, [2, 1, 0]),
    },
  ]),
  ...rows("squeeze", "none", [
    {
      label: "all",
      operand: normals([1, 3, 1, 2], 1),
      run: (t) => t.squeeze(),
      oracle: (a) => reshaped(a, [3, 2]),
    },
    {
      label: "one",
      operand: normals([1, 3, 1, 2], 1),
      run: (t) => t.squeeze(-2),
      oracle: (a) => reshaped(a, [1, 3, 2]),
    },
  ]),
  ...rows("expandDims", "none", [
    {
      label: "at 1",
      operand: cube,
      run: (t) => t.expandDims(1),
      oracle: (a) => reshaped(a, [2, 1, 3, 4]),
    },
    {
      label: "at the end",
      operand: cube,
      run: (t) => t.expandDims(-1),
      oracle: (a) => reshaped(a, [2, 3, 4, 1]),
    },
  ]),
  ...rows("broadcastTo", "none", [
    {
      label: "[3,1] to [2,3,4]",
      operand: normals([3, 1], 1),
      run: (t) => t.broadcastTo([2, 3, 4]),
      oracle: (a) => broadcastAlong(a, [2, 3, 4]),
    },
    {
      label: "a scalar to rank 6",
      operand: normals([], 1),
      run: (t) => t.broadcastTo([2, 1, 2, 1, 2, 1]),
      oracle: (a) => broadcastAlong(a, [2, 1, 2, 1, 2, 1]),
    },
    {
      label: "to no element",
      operand: normals([1, 2], 1),
      run: (t) => t.broadcastTo([0, 2]),
      oracle: (a) => reshaped({ ...a, values: new Float64Array() }, [0, 2]),
    },
  ]),
  ...rows("slice", "none", [
    {
      label: "middle",
      operand: cube,
      run: (t) => t.slice(1, 1, 3),
      oracle: (a) => pickAlong(a, 1, [1, 2]),
    },
    {
      label: "every third",
      operand: normals([8], 1),
      run: (t) => t.slice(0, 1, 8, 3),
      oracle: (a) => pickAlong(a, 0, [1, 4, 7]),
    },
    {
      label: "backwards by 2",
      operand: normals([2, 7], 1),
      run: (t) => t.slice(1, undefined, undefined, -2),
      oracle: (a) => pickAlong(a, 1, [6, 4, 2, 0]),
    },
    {
      label: "backwards, negative bounds",
      operand: normals([2, 7], 1),
      run: (t) => t.slice(-1, -2, -6, -3),
      oracle: (a) => pickAlong(a, 1, [5, 2]),
    },
    {
      label: "nothing",
      operand: cube,
      run: (t) => t.slice(2, 2, 2),
      oracle: (a) => pickAlong(a, 2, []),
    },
    {
      label: "rank 6",
      operand: rank6,
      run: (t) => t.slice(3, 2, 0, -1),
      oracle: (a) => pickAlong(a, 3, [2, 1]),
    },
  ]),
  ...rows("diagonal", "none", [
    { label: "[3,3]", operand: normals([3, 3], 1), run: (t) => t.diagonal(), oracle: diagonalOf },
    { label: "[2,3,4]", operand: cube, run: (t) => t.diagonal(), oracle: diagonalOf },
  ]),
  ...rows("flip", "none", [
    {
      label: "every dimension",
      operand: cube,
      run: (t) => x.flip(t),
      oracle: (a) =>
        build(a.shape, (p) =>
          at(
            a,
            p.map((i, axis) => a.shape[axis]! - 1 - i),
          ),
        ),
    },
    {
      label: "one dimension",
      operand: cube,
      run: (t) => x.flip(t, { axis: -2 }),
      oracle: (a) => pickAlong(a, 1, [2, 1, 0]),
    },
    { label: "scalar", operand: normals([], 1), run: (t) => x.flip(t), oracle: (a) => a },
  ]),
  ...["contiguous", "clone"].flatMap((name) =>
    rows(name, name === "clone" ? "contiguous" : "none", [
      {
        label: "[2,3,4]",
        operand: cube,
        run: (t) => (name === "clone" ? x.clone(t) : x.contiguous(t)),
        oracle: (a) => a,
      },
      {
        label: "rank 6",
        operand: rank6,
        run: (t) => (name === "clone" ? x.clone(t) : x.contiguous(t)),
        oracle: (a) => a,
      },
      {
        label: "bool",
        operand: truths([3, 5], 1),
        run: (t) => (name === "clone" ? x.clone(t) : x.contiguous(t)),
        oracle: (a) => a,
      },
      {
        label: "NaN and infinities",
        operand: floats([2, 2], [nan, infinity, -infinity, -0]),
        run: (t) => (name === "clone" ? x.clone(t) : x.contiguous(t)),
        oracle: (a) => a,
      },
    ]),
  ),
];

function joined(arrays: readonly NdArray[], axis: number): NdArray {
  const sizes = arrays.map((array) => array.shape[axis]!);
  const shape = arrays[0]!.shape.map((size, one) =>
    one === axis ? sizes.reduce((a, b) => a + b) : size,
  );
  return build(shape, (place) => {
    let index = place[axis]!;
    let which = 0;
    while (index >= sizes[which]!) index -= sizes[which++]!;
    return at(
      arrays[which]!,
      place.map((one, dimension) => (dimension === axis ? index : one)),
    );
  });
}

function concatCase(
  label: string,
  axis: number,
  operands: readonly Operand[],
  dtype: x.DType = "float32",
): OperationCase {
  const resolved = axis < 0 ? axis + operands[0]!.shape.length : axis;
  return {
    operation: "concat",
    label,
    operands,
    run: (tensors) => x.concat(tensors, { axis }),
    oracle: (arrays) => joined(arrays, resolved),
    dtypes: [dtype],
    tolerance: {},
    layouts: allLayouts,
    differentiable: dtype === "float32" && operands.every(({ values }) => values.length < 40),
  };
}

const joining: readonly OperationCase[] = [
  concatCase("two, along 0", 0, [normals([2, 3], 1), normals([4, 3], 2)]),
  concatCase("three, along the last", -1, [
    normals([2, 3, 1], 1),
    normals([2, 3, 2], 2),
    normals([2, 3, 4], 3),
  ]),
  concatCase("five, along the middle", 1, [
    normals([2, 1, 2], 1),
    normals([2, 2, 2], 2),
    normals([2, 1, 2], 3),
    normals([2, 3, 2], 4),
    normals([2, 1, 2], 5),
  ]),
  concatCase("one", 0, [normals([2, 3], 1)]),
  concatCase("an empty one between", 1, [
    normals([2, 2], 1),
    normals([2, 0], 2),
    normals([2, 1], 3),
  ]),
  concatCase("no element at all", 0, [normals([0, 2], 1), normals([0, 2], 2)]),
  concatCase("rank 6", 3, [rank6, normals([1, 2, 1, 1, 2, 2], 4)]),
  concatCase("int32 and float32", 0, [randomIntegers([3], 1, 0, 9), normals([2], 2)], "float32"),
  concatCase("bool and int32", 0, [truths([3], 1), randomIntegers([2], 2, 0, 9)], "int32"),
  concatCase("bool and bool", 0, [truths([3], 1), truths([2], 2)], "bool"),
  {
    operation: "stack",
    kernel: "concat",
    label: "three, along 1",
    operands: [1, 2, 3].map((seed) => normals([2, 4], seed)),
    run: (tensors) => x.stack(tensors, { axis: 1 }),
    oracle: (arrays) =>
      joined(
        arrays.map((a) => reshaped(a, [2, 1, 4])),
        1,
      ),
    layouts: allLayouts,
    differentiable: true,
  },
  {
    operation: "stack",
    kernel: "concat",
    label: "scalars",
    operands: [1, 2, 3, 4].map((seed) => normals([], seed)),
    run: (tensors) => x.stack(tensors),
    oracle: (arrays) =>
      joined(
        arrays.map((a) => reshaped(a, [1])),
        0,
      ),
    differentiable: true,
  },
  {
    operation: "split",
    kernel: "none",
    label: "equal parts",
    operands: [normals([6, 2], 1)],
    run: ([input]) => x.split(input!, 3),
    oracle: ([input]) => [
      pickAlong(input!, 0, [0, 1]),
      pickAlong(input!, 0, [2, 3]),
      pickAlong(input!, 0, [4, 5]),
    ],
    dtypes: ["float32", "float32", "float32"],
    layouts: allLayouts,
    differentiable: true,
  },
  {
    operation: "split",
    kernel: "none",
    label: "parts of given sizes, one of them empty",
    operands: [normals([2, 5], 1)],
    run: ([input]) => x.split(input!, [1, 0, 4], { axis: -1 }),
    oracle: ([input]) => [
      pickAlong(input!, 1, [0]),
      pickAlong(input!, 1, []),
      pickAlong(input!, 1, [1, 2, 3, 4]),
    ],
    dtypes: ["float32", "float32", "float32"],
    layouts: allLayouts,
    differentiable: true,
  },
];

function padded(
  array: NdArray,
  widths: readonly (readonly [number, number])[],
  value: number,
): NdArray {
  const shape = array.shape.map((size, axis) => size + widths[axis]![0] + widths[axis]![1]);
  return build(shape, (place) => {
    const inner = place.map((index, axis) => index - widths[axis]![0]);
    const isInside = inner.every((index, axis) => index >= 0 && index < array.shape[axis]!);
    return isInside ? at(array, inner) : value;
  });
}

const triangle = (diagonal: number, isUpper: boolean) => (array: NdArray) =>
  build(array.shape, (place) => {
    const distance = place.at(-1)! - place.at(-2)! - diagonal;
    return (isUpper ? distance >= 0 : distance <= 0) ? at(array, place) : 0;
  });

const triangles = (
  [
    ["tril", x.tril],
    ["triu", x.triu],
  ] as const
).flatMap(([name, cut]) =>
  rows(
    name,
    "triangle",
    [
      { shape: [3, 3], diagonal: 0 },
      { shape: [2, 3, 4], diagonal: 1 },
      { shape: [4, 2], diagonal: -2 },
      { shape: [2, 1, 2, 1, 3, 3], diagonal: -1 },
      { shape: [0, 3], diagonal: 0 },
    ].map(({ shape, diagonal }) => ({
      label: `[${shape}], diagonal ${diagonal}`,
      operand: normals(shape, 5),
      run: (t: x.Tensor) => cut(t, { diagonal }),
      oracle: triangle(diagonal, name === "triu"),
    })),
  ),
);

const filling: readonly OperationCase[] = [
  ...rows("pad", "concat", [
    {
      label: "both sides of two dimensions",
      operand: normals([2, 3], 1),
      run: (t) =>
        x.pad(t, [
          [1, 2],
          [0, 1],
        ]),
      oracle: (a) =>
        padded(
          a,
          [
            [1, 2],
            [0, 1],
          ],
          0,
        ),
    },
    {
      label: "a value",
      operand: normals([3], 1),
      run: (t) => x.pad(t, [[2, 0]], { value: -1.5 }),
      oracle: (a) => padded(a, [[2, 0]], -1.5),
    },
    {
      label: "around no element",
      operand: normals([0, 2], 1),
      run: (t) =>
        x.pad(t, [
          [1, 1],
          [0, 0],
        ]),
      oracle: (a) =>
        padded(
          a,
          [
            [1, 1],
            [0, 0],
          ],
          0,
        ),
      layouts: ["contiguous"],
    },
    {
      label: "int32",
      operand: randomIntegers([2, 2], 1, 1, 9),
      run: (t) =>
        x.pad(
          t,
          [
            [0, 1],
            [1, 0],
          ],
          { value: 7 },
        ),
      oracle: (a) =>
        padded(
          a,
          [
            [0, 1],
            [1, 0],
          ],
          7,
        ),
    },
  ]),
  ...triangles,
  {
    operation: "oneHot",
    kernel: "equal",
    label: "[2,3]",
    operands: [randomIntegers([2, 3], 1, 0, 4)],
    run: ([ids]) => x.oneHot(ids!, 4),
    oracle: ([ids]) =>
      build([2, 3, 4], (place) => Number(at(ids!, place.slice(0, -1)) === place.at(-1)!)),
    layouts: allLayouts,
  },
  {
    operation: "oneHot",
    kernel: "equal",
    label: "a scalar, as bool",
    operands: [randomIntegers([], 1, 0, 5)],
    run: ([ids]) => x.oneHot(ids!, 5, { dtype: "bool" }),
    oracle: ([ids]) => build([5], (place) => Number(at(ids!, []) === place[0]!)),
    dtypes: ["bool"],
  },
];

const assignments: readonly OperationCase[] = [
  {
    operation: "assign",
    kernel: "none",
    label: "every other row of a copy, from a view",
    operands: [normals([4, 3], 1), normals([2, 3], 2)],
    run: ([target, source]) => {
      const copy = x.clone(target!);
      x.assign(copy.slice(0, 1, 4, 2), source!);
      return copy;
    },
    oracle: ([target, source]) =>
      build([4, 3], ([row, column]) =>
        row! % 2 === 1 ? at(source!, [(row! - 1) / 2, column!]) : at(target!, [row!, column!]),
      ),
    tolerance: {},
    layouts: allLayouts,
  },
];

const castings: readonly OperationCase[] = [
  {
    operation: "cast",
    label: "float32 to int32",
    operands: [floats([8], [1.9, -1.9, 0, -0.5, nan, 7, -7, 100000.75])],
    run: ([input]) => x.cast(input!, "int32"),
    oracle: ([input]) => mapEach(input!, (v) => (Number.isNaN(v) ? 0 : Math.trunc(v))),
    dtypes: ["int32"],
    layouts: allLayouts,
  },
  {
    operation: "cast",
    label: "float32 to bool",
    operands: [floats([6], [0, -0, 1, nan, -infinity, 0.1])],
    run: ([input]) => x.cast(input!, "bool"),
    oracle: ([input]) => mapEach(input!, (v) => Number(v !== 0)),
    dtypes: ["bool"],
  },
  {
    operation: "cast",
    label: "int32 and bool to float32",
    operands: [randomIntegers([3, 3], 1, -99, 99), truths([3, 3], 2)],
    run: ([whole, truth]) => [x.cast(whole!, "float32"), x.cast(truth!, "float32")],
    oracle: (arrays) => arrays,
    dtypes: ["float32", "float32"],
    layouts: allLayouts,
  },
  ...(
    [
      ["float16", 11, -14, 65504],
      ["bfloat16", 8, -126, 3.3895313892515355e38],
    ] as const
  ).map(
    ([dtype, digits, smallest, largest]): OperationCase => ({
      operation: "cast",
      label: `to ${dtype} and back`,
      operands: [
        floats(
          [23],
          [
            0,
            -0,
            1,
            -1,
            0.1,
            1.0009765625,
            1.00048828125,
            1.00146484375,
            2049,
            65504,
            65519,
            65520,
            -70000,
            6e-8,
            5.96e-8,
            2.9e-8,
            6.1e-5,
            1e-7,
            infinity,
            -infinity,
            nan,
            3.4e38,
            1e-30,
          ],
        ),
      ],
      run: ([input]) => x.cast(x.cast(input!, dtype), "float32"),
      oracle: ([input]) => mapEach(input!, (v) => rounded(v, digits, smallest, largest)),
      tolerance: {},
    }),
  ),
];

/** The nearest number of `digits` binary digits and exponents from `smallest`, halves to even. */
function rounded(value: number, digits: number, smallest: number, largest: number): number {
  if (!Number.isFinite(value) || value === 0) return value;
  const exponent = Math.max(smallest, Math.floor(Math.log2(Math.abs(value))));
  const unit = 2 ** (exponent - digits + 1);
  const scaled = Math.abs(value) / unit;
  const low = Math.floor(scaled);
  const isUp = scaled - low > 0.5 || (scaled - low === 0.5 && low % 2 === 1);
  const magnitude = (low + Number(isUp)) * unit;
  return Math.sign(value) * (magnitude > largest ? infinity : magnitude);
}

function creation(
  operation: string,
  label: string,
  run: (device: x.Device) => x.Tensor,
  expected: NdArray,
  dtype: x.DType = "float32",
): OperationCase {
  return {
    operation,
    kernel: "none",
    label,
    operands: [],
    run: (_, device) => run(device),
    oracle: () => expected,
    dtypes: [dtype],
  };
}

const filled = (shape: readonly number[], value: number) => build(shape, () => value);
const vector = (values: readonly number[]) =>
  reshaped(floats([values.length], values), [values.length]);

const creations: readonly OperationCase[] = [
  creation("zeros", "rank 0", (device) => x.zeros([], { device }), filled([], 0)),
  creation(
    "zeros",
    "int32",
    (device) => x.zeros([2, 3], { device, dtype: "int32" }),
    filled([2, 3], 0),
    "int32",
  ),
  creation(
    "ones",
    "rank 6",
    (device) => x.ones([1, 2, 1, 2, 1, 2], { device }),
    filled([1, 2, 1, 2, 1, 2], 1),
  ),
  creation(
    "ones",
    "bool",
    (device) => x.ones([3], { device, dtype: "bool" }),
    filled([3], 1),
    "bool",
  ),
  creation("full", "[2,2]", (device) => x.full([2, 2], 2.5, { device }), filled([2, 2], 2.5)),
  creation("full", "no element", (device) => x.full([0, 2], 2.5, { device }), filled([0, 2], 0)),
  creation("full", "NaN", (device) => x.full([2], nan, { device }), filled([2], nan)),
  creation(
    "tensor",
    "nested",
    (device) =>
      x.tensor(
        [
          [1, 2],
          [3, 4],
          [5, 6],
        ],
        { device },
      ),
    build([3, 2], ([row, column]) => 2 * row! + column! + 1),
  ),
  creation(
    "tensor",
    "nested truth values",
    (device) =>
      x.tensor(
        [
          [true, false],
          [false, true],
        ],
        { device },
      ),
    build([2, 2], ([row, column]) => Number(row === column)),
    "bool",
  ),
  creation("tensor", "a number", (device) => x.tensor(3, { device }), filled([], 3)),
  creation("arange", "upwards", (device) => x.arange(0, 5, 2, { device }), vector([0, 2, 4])),
  creation("arange", "downwards", (device) => x.arange(3, 0, -1, { device }), vector([3, 2, 1])),
  creation("arange", "nothing", (device) => x.arange(3, 0, 1, { device }), vector([])),
  creation(
    "arange",
    "int32",
    (device) => x.arange(-1, 2, 1, { device, dtype: "int32" }),
    vector([-1, 0, 1]),
    "int32",
  ),
  creation(
    "linspace",
    "five",
    (device) => x.linspace(-1, 1, 5, { device }),
    vector([-1, -0.5, 0, 0.5, 1]),
  ),
  creation("linspace", "one", (device) => x.linspace(2, 9, 1, { device }), vector([2])),
  creation(
    "eye",
    "3",
    (device) => x.eye(3, { device }),
    build([3, 3], ([i, j]) => Number(i === j)),
  ),
  creation("eye", "0", (device) => x.eye(0, { device }), filled([0, 0], 0)),
];

/** Views, joining, padding, conversion and creation. */
export const shapeTable: readonly OperationCase[] = [
  ...views,
  ...joining,
  ...filling,
  ...assignments,
  ...castings,
  ...creations,
];
