import * as x from "../../src/index";
import { at, build, mapEach, mapRows, matrixProduct, type NdArray } from "../support/ndarray";
import {
  allLayouts,
  floats,
  integers,
  normals,
  type Operand,
  type OperationCase,
  randomIntegers,
  spread,
} from "./operation-case";

const { POSITIVE_INFINITY: infinity, NaN: nan } = Number;
const productTolerance = { absolute: 1e-5, relative: 1e-5 };

const matmulShapes: readonly (readonly [readonly number[], readonly number[]])[] = [
  [
    [2, 3, 4],
    [2, 4, 5],
  ],
  [[4], [4]],
  [[4], [4, 3]],
  [[3, 4], [4]],
  [
    [3, 4],
    [4, 2],
  ],
  [
    [1, 1],
    [1, 1],
  ],
  [
    [2, 3, 4],
    [4, 5],
  ],
  [
    [3, 4],
    [2, 4, 5],
  ],
  [
    [2, 1, 3, 4],
    [3, 4, 2],
  ],
  [
    [2, 1, 1, 2, 3, 2],
    [1, 3, 1, 2, 2, 3],
  ],
  [
    [0, 4],
    [4, 3],
  ],
  [
    [2, 0],
    [0, 3],
  ],
  [
    [3, 4],
    [4, 0],
  ],
  [
    [2, 4],
    [3, 2, 4, 1],
  ],
  [
    [17, 33],
    [33, 19],
  ],
];

const matmulCases: readonly OperationCase[] = [
  ...matmulShapes.map(
    ([left, right], index): OperationCase => ({
      operation: "matmul",
      label: `[${left}] and [${right}]`,
      operands: [normals(left, index + 1), normals(right, index + 30)],
      run: ([a, b]) => x.matmul(a!, b!),
      oracle: ([a, b]) => matrixProduct(a!, b!),
      tolerance: productTolerance,
      layouts: [0, 4, 6, 8].includes(index) ? allLayouts : ["contiguous"],
      differentiable: index < 14,
    }),
  ),
  {
    operation: "matmul",
    label: "int32 operands",
    operands: [randomIntegers([2, 3], 1, -5, 5), randomIntegers([3, 2], 2, -5, 5)],
    run: ([a, b]) => x.matmul(a!, b!),
    oracle: ([a, b]) => matrixProduct(a!, b!),
  },
  {
    operation: "matmul",
    label: "NaN and infinities",
    operands: [floats([2, 2], [nan, 1, 2, infinity]), floats([2, 2], [1, 2, 3, -infinity])],
    run: ([a, b]) => x.matmul(a!, b!),
    oracle: ([a, b]) => matrixProduct(a!, b!),
  },
];

/** Sums the product of all operands over every letter that the result lacks. */
function einsteinSum(equation: string, arrays: readonly NdArray[]): NdArray {
  const [left, result] = equation.replaceAll(" ", "").split("->");
  const terms = left!.split(",");
  const sizes = new Map<string, number>();
  terms.forEach((term, index) => {
    [...term].forEach((letter, axis) => {
      sizes.set(letter, arrays[index]!.shape[axis]!);
    });
  });
  const others = [...sizes.keys()].filter((letter) => !result!.includes(letter));
  const inner = build(
    others.map((letter) => sizes.get(letter)!),
    () => 0,
  );
  const innerPlaces: number[][] = [];
  build(inner.shape, (place) => innerPlaces.push([...place]));
  return build(
    [...result!].map((letter) => sizes.get(letter)!),
    (place) =>
      innerPlaces.reduce((sum, innerPlace) => {
        const indexOfLetter = (letter: string) =>
          result!.includes(letter)
            ? place[result!.indexOf(letter)]!
            : innerPlace[others.indexOf(letter)]!;
        return (
          sum +
          terms.reduce((p, term, index) => p * at(arrays[index]!, [...term].map(indexOfLetter)), 1)
        );
      }, 0),
  );
}

const einsumCases = (
  [
    [
      "ij,jk->ik",
      [
        [3, 4],
        [4, 2],
      ],
      "matmul",
    ],
    [
      "bij,bjk->bik",
      [
        [2, 3, 4],
        [2, 4, 2],
      ],
      "matmul",
    ],
    [
      "nhd,mhd->hnm",
      [
        [3, 2, 4],
        [5, 2, 4],
      ],
      "matmul",
    ],
    ["ij->ji", [[3, 4]], "none"],
    ["ij->", [[3, 4]], "sum"],
    ["ii->i", [[3, 3]], "none"],
    ["ii->", [[3, 3]], "sum"],
    ["iij->j", [[3, 3, 2]], "sum"],
    ["i,j->ij", [[3], [4]], "matmul"],
    ["i,i->", [[5], [5]], "matmul"],
    [
      "ij,ij->ij",
      [
        [3, 4],
        [3, 4],
      ],
      "matmul",
    ],
    [
      "ij,kj->ik",
      [
        [3, 4],
        [2, 4],
      ],
      "matmul",
    ],
    [
      "ij,jk,kl->il",
      [
        [2, 3],
        [3, 2],
        [2, 4],
      ],
      "matmul",
    ],
    [
      "abc,cd->abd",
      [
        [2, 3, 4],
        [4, 2],
      ],
      "matmul",
    ],
    ["ij,k->ik", [[2, 3], [4]], "matmul"],
    [",i->i", [[], [4]], "matmul"],
    ["abcdef,f->abcde", [[1, 2, 1, 3, 2, 2], [2]], "matmul"],
  ] as const
).map(
  ([equation, shapes, kernel], index): OperationCase => ({
    operation: "einsum",
    kernel,
    label: equation,
    operands: shapes.map((shape, which) => normals(shape, 10 * index + which + 1)),
    run: (tensors) => x.einsum(equation, ...tensors),
    oracle: (arrays) => einsteinSum(equation, arrays),
    tolerance: productTolerance,
    layouts: index === 1 || index === 2 ? allLayouts : ["contiguous"],
    differentiable: true,
  }),
);

const linearCases: readonly OperationCase[] = [
  [3, 4],
  [4],
  [2, 3, 4],
  [2, 1, 1, 2, 1, 4],
  [0, 4],
].map((shape, index) => ({
  operation: "linear",
  label: `[${shape}] by [5,4]`,
  operands: [normals(shape, index + 1), normals([5, 4], 9)],
  run: ([input, weight]) => x.linear(input!, weight!),
  oracle: ([input, weight]) => {
    const rows = input!.shape.slice(0, -1);
    return build([...rows, 5], (place) => {
      const outer = place.slice(0, -1);
      return [0, 1, 2, 3].reduce(
        (sum, k) => sum + at(input!, [...outer, k]) * at(weight!, [place.at(-1)!, k]),
        0,
      );
    });
  },
  tolerance: productTolerance,
  layouts: index === 0 ? allLayouts : ["contiguous"],
  differentiable: index < 4,
}));

const convolution =
  (hasBias: boolean): OperationCase["oracle"] =>
  ([input, weight, bias]) => {
    const width = weight!.shape[1]!;
    return build(input!.shape, ([b, c, t]) => {
      let sum = hasBias ? at(bias!, [c!]) : 0;
      for (let k = 0; k < width; k++) {
        const time = t! + k - (width - 1);
        if (time >= 0) sum += at(weight!, [c!, k]) * at(input!, [b!, c!, time]);
      }
      return sum;
    });
  };

const convolutionCases: readonly OperationCase[] = [
  {
    operation: "causalConv1d",
    label: "[2,3,5] by 3 taps",
    operands: [normals([2, 3, 5], 1), normals([3, 3], 2)],
    run: ([input, weight]) => x.causalConv1d(input!, weight!),
    oracle: convolution(false),
    tolerance: productTolerance,
    layouts: allLayouts,
    differentiable: true,
  },
  {
    operation: "causalConv1d",
    label: "with a bias, more taps than time",
    operands: [normals([1, 2, 3], 1), normals([2, 4], 2), normals([2], 3)],
    run: ([input, weight, bias]) => x.causalConv1d(input!, weight!, { bias: bias! }),
    oracle: convolution(true),
    tolerance: productTolerance,
    differentiable: true,
  },
  {
    operation: "causalConv1d",
    label: "no time",
    operands: [normals([2, 3, 0], 1), normals([3, 2], 2)],
    run: ([input, weight]) => x.causalConv1d(input!, weight!),
    oracle: convolution(false),
  },
];

const softmaxOf = (row: number[]): number[] => {
  const largest = row.some(Number.isNaN) ? nan : Math.max(...row);
  const parts = row.map((one) => Math.exp(one - largest));
  const total = parts.reduce((sum, one) => sum + one, 0);
  return parts.map((one) => one / total);
};
const logSoftmaxOf = (row: number[]): number[] => {
  const largest = row.some(Number.isNaN) ? nan : Math.max(...row);
  const total = row.reduce((sum, one) => sum + Math.exp(one - largest), 0);
  return row.map((one) => one - largest - Math.log(total));
};

const softmaxCases = (
  [
    ["softmax", x.softmax, softmaxOf],
    ["logSoftmax", x.logSoftmax, logSoftmaxOf],
  ] as const
).flatMap(([name, run, oracle]): OperationCase[] =>
  (
    [
      ["[2,3,4], last", normals([2, 3, 4], 1), -1],
      ["[2,3,4], first", normals([2, 3, 4], 2), 0],
      ["[7]", normals([7], 3), 0],
      ["[3,1]", normals([3, 1], 3), 1],
      ["rank 6", normals([1, 2, 1, 3, 2, 2], 4), 3],
      ["[2,700]", spread([2, 700], 5, -9, 9), 1],
      ["no element", normals([2, 0], 5), 1],
      ["large", floats([2, 3], [1e4, 1e4 - 1, -1e4, 88.8, 89.5, 90]), 1],
      [
        "NaN and infinities",
        floats(
          [4, 3],
          [1, nan, 2, -infinity, 1, 2, -infinity, -infinity, -infinity, infinity, 1, 2],
        ),
        1,
      ],
    ] as const
  ).map(([label, operand, axis], index) => ({
    operation: name,
    label,
    operands: [operand],
    run: ([input]) => run(input!, { axis }),
    oracle: ([input]) => mapRows(input!, axis, oracle),
    layouts: index < 2 ? allLayouts : ["contiguous"],
    differentiable: index < 5,
    tolerance: { absolute: 3e-6, relative: 1e-5 },
  })),
);

const layerNormOf =
  (epsilon: number): OperationCase["oracle"] =>
  ([input, weight, bias]) => {
    const normalized = mapRows(input!, -1, (row) => {
      const mean = row.reduce((a, b) => a + b, 0) / row.length;
      const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / row.length;
      return row.map((one) => (one - mean) / Math.sqrt(variance + epsilon));
    });
    return build(input!.shape, (place) => {
      const column = [place.at(-1)!];
      const scaled = at(normalized, place) * (weight === undefined ? 1 : at(weight, column));
      return scaled + (bias === undefined ? 0 : at(bias, column));
    });
  };
const rmsNormOf =
  (epsilon: number): OperationCase["oracle"] =>
  ([input, weight]) => {
    const normalized = mapRows(input!, -1, (row) => {
      const square = row.reduce((a, b) => a + b * b, 0) / row.length;
      return row.map((one) => one / Math.sqrt(square + epsilon));
    });
    return build(input!.shape, (place) => at(normalized, place) * at(weight!, [place.at(-1)!]));
  };

const normShapes = [[2, 3, 6], [6], [1, 2, 1, 1, 2, 6], [0, 6]];
const normCases: readonly OperationCase[] = [
  ...normShapes.map(
    (shape, index): OperationCase => ({
      operation: "layerNorm",
      label: `[${shape}]`,
      operands: [normals(shape, 1), normals([6], 2), normals([6], 3)],
      run: ([input, weight, bias]) => x.layerNorm(input!, { weight: weight!, bias: bias! }),
      oracle: layerNormOf(1e-5),
      layouts: index === 0 ? allLayouts : ["contiguous"],
      differentiable: true,
      tolerance: productTolerance,
    }),
  ),
  {
    operation: "layerNorm",
    label: "without weight and bias, another epsilon",
    operands: [normals([3, 5], 4)],
    run: ([input]) => x.layerNorm(input!, { epsilon: 0.1 }),
    oracle: layerNormOf(0.1),
    differentiable: true,
    tolerance: productTolerance,
  },
  {
    operation: "layerNorm",
    label: "NaN and infinities",
    operands: [floats([3, 3], [1, nan, 2, infinity, 1, 2, 1, 2, 3])],
    run: ([input]) => x.layerNorm(input!),
    oracle: layerNormOf(1e-5),
    tolerance: productTolerance,
  },
  ...normShapes.map(
    (shape, index): OperationCase => ({
      operation: "rmsNorm",
      label: `[${shape}]`,
      operands: [normals(shape, 1), normals([6], 2)],
      run: ([input, weight]) => x.rmsNorm(input!, weight!),
      oracle: rmsNormOf(1e-5),
      layouts: index === 0 ? allLayouts : ["contiguous"],
      differentiable: true,
      tolerance: productTolerance,
    }),
  ),
];

interface CrossEntropyRow {
  readonly label: string;
  readonly logits: Operand;
  readonly targets: Operand;
  readonly options?: x.CrossEntropyOptions;
}

const crossEntropyRows: readonly CrossEntropyRow[] = [
  { label: "mean", logits: normals([4, 5], 1), targets: integers([4], [0, 4, 2, 2]) },
  {
    label: "sum, with targets that do not count",
    logits: normals([2, 3, 4], 2),
    targets: integers([2, 3], [0, -100, 3, 1, -100, 2]),
    options: { reduction: "sum" },
  },
  {
    label: "none, smoothed, another ignored index",
    logits: normals([4, 3], 3),
    targets: integers([4], [0, 1, 2, 1]),
    options: { reduction: "none", labelSmoothing: 0.2, ignoreIndex: 1 },
  },
  {
    label: "mean, smoothed",
    logits: normals([4, 3], 4),
    targets: integers([4], [0, -100, 2, 1]),
    options: { labelSmoothing: 0.1 },
  },
  { label: "one row", logits: normals([3], 5), targets: integers([], [2]) },
];

const crossEntropyCases = crossEntropyRows.map(
  ({ label, logits, targets, options = {} }, index) => ({
    operation: "crossEntropy",
    kernel: "logSoftmax",
    label,
    operands: [logits, targets],
    run: ([a, b]: readonly x.Tensor[]) => x.crossEntropy(a!, b!, options),
    oracle: ([a, b]: readonly NdArray[]) => {
      const { reduction = "mean", ignoreIndex = -100, labelSmoothing = 0 } = options;
      const rows = mapRows(a!, -1, logSoftmaxOf);
      const losses = build(b!.shape, (place) => {
        const target = at(b!, place);
        if (target === ignoreIndex) return 0;
        const classes = a!.shape.at(-1)!;
        let spreadOut = 0;
        for (let k = 0; k < classes; k++) spreadOut -= at(rows, [...place, k]) / classes;
        return -at(rows, [...place, target]) * (1 - labelSmoothing) + spreadOut * labelSmoothing;
      });
      if (reduction === "none") return losses;
      const total = losses.values.reduce((sum, one) => sum + one, 0);
      const count = b!.values.filter((one) => one !== ignoreIndex).length;
      return build([], () => (reduction === "sum" ? total : total / count));
    },
    layouts: index < 2 ? allLayouts : (["contiguous"] as const),
    differentiable: true,
    tolerance: productTolerance,
  }),
) satisfies OperationCase[];

const dropoutCases: readonly OperationCase[] = [
  {
    operation: "dropout",
    kernel: "mul",
    label: "nothing dropped",
    operands: [normals([2, 3], 1)],
    run: ([input]) => x.add(x.dropout(input!, { probability: 0, seed: 1 }), x.mul(input!, 0)),
    oracle: ([input]) => input!,
    differentiable: true,
  },
  {
    operation: "dropout",
    kernel: "mul",
    label: "all dropped",
    operands: [normals([2, 3], 1)],
    run: ([input]) => x.dropout(input!, { probability: 1, seed: 1 }),
    oracle: ([input]) => mapEach(input!, () => 0),
    differentiable: true,
  },
];

const rotated =
  (interleaved: boolean): OperationCase["oracle"] =>
  ([input, cosine, sine, positions]) => {
    const half = cosine!.shape[1]!;
    return build(input!.shape, ([t, h, d]) => {
      if (d! >= 2 * half) return at(input!, [t!, h!, d!]);
      const pair = interleaved ? Math.floor(d! / 2) : d! % half;
      const isFirst = interleaved ? d! % 2 === 0 : d! < half;
      const first = at(input!, [t!, h!, interleaved ? 2 * pair : pair]);
      const second = at(input!, [t!, h!, interleaved ? 2 * pair + 1 : pair + half]);
      const place = [at(positions!, [t!]), pair];
      const [c, s] = [at(cosine!, place), at(sine!, place)];
      return isFirst ? first * c - second * s : first * s + second * c;
    });
  };

const rotaryCases: readonly OperationCase[] = [true, false].map((interleaved) => ({
  operation: "rotaryEmbedding",
  label: interleaved ? "interleaved" : "half and half, part of the head",
  operands: [
    normals([3, 2, interleaved ? 4 : 6], 1),
    normals([5, 2], 2),
    normals([5, 2], 3),
    integers([3], [0, 4, 2]),
  ],
  run: ([input, cosine, sine, positions]) =>
    x.rotaryEmbedding(input!, cosine!, sine!, positions!, { interleaved }),
  oracle: rotated(interleaved),
  layouts: allLayouts,
  differentiable: true,
  tracked: [0],
}));

/** Products, normalizations and losses. */
export const matrixTable: readonly OperationCase[] = [
  ...matmulCases,
  ...einsumCases,
  ...linearCases,
  ...convolutionCases,
  ...softmaxCases,
  ...normCases,
  ...crossEntropyCases,
  ...dropoutCases,
  ...rotaryCases,
];
