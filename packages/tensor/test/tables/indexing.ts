import * as x from "../../src/index";
import { at, axisOf, build, mapRows, type NdArray } from "../support/ndarray";
import {
  allLayouts,
  floats,
  integers,
  type Layout,
  normals,
  type Operand,
  type OperationCase,
  randomIntegers,
  truths,
} from "./operation-case";

const { POSITIVE_INFINITY: infinity, NaN: nan } = Number;

function gatherCase(
  label: string,
  input: Operand,
  axis: number,
  index: Operand,
  layouts: readonly Layout[] = ["contiguous"],
): OperationCase {
  const dimension = axisOf(axis, input.shape.length);
  return {
    operation: "gather",
    label,
    operands: [input, index],
    run: ([data, places]) => x.gather(data!, axis, places!),
    oracle: ([data, places]) =>
      build(places!.shape, (place) =>
        at(
          data!,
          place.map((one, which) => (which === dimension ? at(places!, place) : one)),
        ),
      ),
    dtypes: [input.dtype],
    tolerance: {},
    layouts,
    differentiable: input.dtype === "float32" && input.values.every(Number.isFinite),
  };
}

function takeCase(
  label: string,
  input: Operand,
  indices: Operand,
  axis: number,
  layouts: readonly Layout[] = ["contiguous"],
): OperationCase {
  const dimension = axisOf(axis, input.shape.length);
  return {
    operation: "take",
    label,
    operands: [input, indices],
    run: ([data, places]) => x.take(data!, places!, { axis }),
    oracle: ([data, places]) => {
      const { shape } = data!;
      const rank = places!.shape.length;
      const result = [
        ...shape.slice(0, dimension),
        ...places!.shape,
        ...shape.slice(dimension + 1),
      ];
      return build(result, (place) =>
        at(data!, [
          ...place.slice(0, dimension),
          at(places!, place.slice(dimension, dimension + rank)),
          ...place.slice(dimension + rank),
        ]),
      );
    },
    dtypes: [input.dtype],
    tolerance: {},
    layouts,
    differentiable: input.dtype === "float32" && input.values.every(Number.isFinite),
  };
}

function scatterCase(
  label: string,
  input: Operand,
  axis: number,
  index: Operand,
  source: Operand,
  layouts: readonly Layout[] = ["contiguous"],
): OperationCase {
  const dimension = axisOf(axis, input.shape.length);
  return {
    operation: "scatterAdd",
    label,
    operands: [input, index, source],
    run: ([data, places, added]) => x.scatterAdd(data!, axis, places!, added!),
    oracle: ([data, places, added]) => {
      const totals = new Map<string, number>();
      build(places!.shape, (place) => {
        const target = place.map((one, which) => (which === dimension ? at(places!, place) : one));
        totals.set(target.join(), (totals.get(target.join()) ?? 0) + at(added!, place));
        return 0;
      });
      return build(data!.shape, (place) => at(data!, place) + (totals.get(place.join()) ?? 0));
    },
    dtypes: [input.dtype],
    layouts,
    differentiable: input.dtype === "float32",
  };
}

/** Whether a small change keeps the order, so that there is a gradient to compare with. */
function isSmooth({ dtype, values }: Operand): boolean {
  const isDistinct = new Set(values).size === values.length;
  return dtype === "float32" && isDistinct && values.length < 50 && values.every(Number.isFinite);
}

/** The order of a row: NaN last (first where descending), equal elements as they come. */
function orderOf(row: readonly number[], isDescending: boolean): number[] {
  const sign = isDescending ? -1 : 1;
  return row
    .map((_, index) => index)
    .sort((i, j) => {
      const [a, b] = [row[i]!, row[j]!];
      if (Number.isNaN(a) || Number.isNaN(b)) {
        return Number(Number.isNaN(a)) - Number(Number.isNaN(b)) || i - j;
      }
      if (a === b) return i - j;
      return sign * (a < b ? -1 : 1);
    });
}

function sortCases(
  label: string,
  input: Operand,
  options: x.SortOptions,
  layouts: readonly Layout[] = ["contiguous"],
): OperationCase[] {
  const { axis = -1, descending = false } = options;
  const indices = (data: NdArray) => mapRows(data, axis, (row) => orderOf(row, descending));
  const values = (data: NdArray) =>
    mapRows(data, axis, (row) => orderOf(row, descending).map((index) => row[index]!));
  return [
    {
      operation: "sort",
      label,
      operands: [input],
      run: ([data]) => {
        const sorted = x.sort(data!, options);
        return [sorted.values, sorted.indices];
      },
      oracle: ([data]) => [values(data!), indices(data!)],
      dtypes: [input.dtype, "int32"],
      tolerance: {},
      layouts,
      differentiable: isSmooth(input),
    },
    {
      operation: "argsort",
      kernel: "sort",
      label,
      operands: [input],
      run: ([data]) => x.argsort(data!, options),
      oracle: ([data]) => indices(data!),
      dtypes: ["int32"],
      layouts,
    },
  ];
}

function topKCase(
  label: string,
  input: Operand,
  k: number,
  layouts: readonly Layout[] = ["contiguous"],
): OperationCase {
  const first = (row: number[]) => orderOf(row, true).slice(0, k);
  return {
    operation: "topK",
    label,
    operands: [input],
    run: ([data]) => {
      const found = x.topK(data!, k);
      return [found.values, found.indices];
    },
    oracle: ([data]) => [
      mapRows(data!, -1, (row) => first(row).map((index) => row[index]!)),
      mapRows(data!, -1, first),
    ],
    dtypes: ["float32", "int32"],
    tolerance: {},
    layouts,
    differentiable: isSmooth(input),
  };
}

const embeddingCases: readonly OperationCase[] = [[4], [2, 3], [], [0]].map((shape, index) => ({
  operation: "embedding",
  label: `[${shape}] of [6,4]`,
  operands: [normals([6, 4], 1), randomIntegers(shape, index + 2, 0, 6)],
  run: ([table, ids]) => x.embedding(table!, ids!),
  oracle: ([table, ids]) =>
    build([...shape, 4], (place) => at(table!, [at(ids!, place.slice(0, -1)), place.at(-1)!])),
  tolerance: {},
  layouts: index === 1 ? allLayouts : ["contiguous"],
  differentiable: true,
}));

const cube = normals([2, 3, 4], 1);
const rank6 = normals([1, 2, 1, 3, 2, 2], 2);
const specials = floats([2, 4], [nan, infinity, -infinity, 1, -0, nan, 2, infinity]);
const ties = floats([3, 5], [1, 3, 3, 2, 3, 0, 0, 0, 0, 0, -1, 5, -1, 5, -1]);

/** What is addressed by indexes, or puts elements into order. */
export const indexingTable: readonly OperationCase[] = [
  gatherCase("along the last", cube, -1, randomIntegers([2, 3, 6], 3, 0, 4), allLayouts),
  gatherCase("along the first", cube, 0, randomIntegers([5, 3, 4], 4, 0, 2), allLayouts),
  gatherCase("a smaller index", cube, 1, randomIntegers([1, 4, 2], 5, 0, 3)),
  gatherCase("rank 1", normals([5], 1), 0, integers([3], [4, 0, 4])),
  gatherCase("rank 6", rank6, 3, randomIntegers([1, 2, 1, 2, 2, 1], 6, 0, 3)),
  gatherCase("nothing", cube, 1, integers([2, 0, 4], [])),
  gatherCase("NaN and infinities", specials, 1, integers([2, 3], [0, 1, 2, 3, 0, 1])),
  gatherCase("int32", randomIntegers([2, 5], 1, -9, 9), 1, integers([2, 2], [0, 4, 1, 1])),
  gatherCase("bool", truths([2, 5], 1), 1, integers([2, 2], [0, 4, 1, 1])),
  takeCase("rows", cube, integers([3], [1, 0, 1]), 0, allLayouts),
  takeCase(
    "a matrix of indices in the middle",
    cube,
    randomIntegers([2, 2], 3, 0, 3),
    1,
    allLayouts,
  ),
  takeCase("a scalar index, last dimension", cube, integers([], [2]), -1),
  takeCase("rank 6", rank6, integers([2], [2, 1]), 3),
  takeCase("nothing", cube, integers([0], []), 1),
  takeCase("int32", randomIntegers([4, 2], 1, -9, 9), integers([3], [3, 3, 0]), 0),
  takeCase("NaN and infinities", specials, integers([2], [1, 0]), 0),
  scatterCase(
    "along the last, equal indexes",
    normals([2, 4], 1),
    -1,
    integers([2, 5], [0, 1, 1, 3, 0, 2, 2, 2, 2, 2]),
    normals([2, 5], 2),
    allLayouts,
  ),
  scatterCase(
    "along the first, a smaller index",
    normals([3, 4, 2], 1),
    0,
    randomIntegers([2, 3, 2], 2, 0, 3),
    normals([2, 3, 2], 3),
  ),
  scatterCase("nothing", normals([2, 3], 1), 1, integers([2, 0], []), normals([2, 0], 2)),
  scatterCase(
    "int32",
    randomIntegers([4], 1, 0, 9),
    0,
    integers([3], [3, 3, 1]),
    randomIntegers([3], 2, 1, 5),
  ),
  scatterCase(
    "rank 6",
    rank6,
    3,
    randomIntegers([1, 2, 1, 4, 2, 2], 7, 0, 3),
    normals([1, 2, 1, 4, 2, 2], 8),
  ),
  ...sortCases("[2,3,4], last", cube, {}, allLayouts),
  ...sortCases("[2,3,4], middle, descending", cube, { axis: 1, descending: true }, allLayouts),
  ...sortCases("rank 6", rank6, { axis: 3 }),
  ...sortCases("equal elements", ties, {}),
  ...sortCases("equal elements, descending", ties, { descending: true }),
  ...sortCases("int32", randomIntegers([3, 6], 4, -3, 4), {}),
  ...sortCases("NaN and infinities", specials, {}),
  ...sortCases("no element", normals([0, 3], 1), {}),
  ...sortCases("[2,300]", normals([2, 300], 4), {}),
  topKCase("[2,3,4]", cube, 2, allLayouts),
  topKCase("all", normals([5], 2), 5),
  topKCase("equal elements", ties, 4),
  topKCase(
    "infinities",
    floats([2, 4], [1, infinity, -infinity, infinity, -infinity, -infinity, 0, 1]),
    3,
  ),
  topKCase("rank 6", rank6, 1),
  topKCase("[3,700]", normals([3, 700], 3), 9),
  topKCase("no row", normals([0, 4], 3), 4),
  ...embeddingCases,
];
