/**
 * A plain n-dimensional array of float64 in row-major order: the oracle of the operation tables.
 * It knows nothing of strides, views, dtypes or devices, and shares no code with the library.
 */
export interface NdArray {
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

/** Place of an element, one index per dimension. */
export type Place = readonly number[];

const product = (sizes: readonly number[]) => sizes.reduce((total, size) => total * size, 1);

/** Dimension `axis` of `rank`, counted from the end where negative. */
export const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** Every place of `shape`, in row-major order. */
function placesOf(shape: readonly number[]): Place[] {
  return Array.from({ length: product(shape) }, (_, flat) => {
    let rest = flat;
    const place = new Array<number>(shape.length);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      place[axis] = rest % shape[axis]!;
      rest = Math.floor(rest / shape[axis]!);
    }
    return place;
  });
}

/** The element at `place`. */
export function at({ shape, values }: NdArray, place: Place): number {
  return values[shape.reduce((flat, size, axis) => flat * size + place[axis]!, 0)]!;
}

/** An array whose elements are computed from their places. */
export function build(shape: readonly number[], element: (place: Place) => number): NdArray {
  return { shape, values: Float64Array.from(placesOf(shape), element) };
}

/** The function applied to every element. */
export function mapEach({ shape, values }: NdArray, f: (x: number) => number): NdArray {
  return { shape, values: values.map(f) };
}

/** The shape to which all shapes broadcast. */
export function broadcastShape(...shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = shapes.map((shape) => shape[axis - rank + shape.length] ?? 1);
    return sizes.find((size) => size !== 1) ?? 1;
  });
}

/** The array repeated to `shape`. */
export function broadcast(array: NdArray, shape: readonly number[]): NdArray {
  const added = shape.length - array.shape.length;
  return build(shape, (place) =>
    at(
      array,
      array.shape.map((size, axis) => (size === 1 ? 0 : place[axis + added]!)),
    ),
  );
}

/** The function applied to the elements of several arrays, broadcast together. */
export function zipEach(arrays: readonly NdArray[], f: (...xs: number[]) => number): NdArray {
  const shape = broadcastShape(...arrays.map((array) => array.shape));
  const repeated = arrays.map((array) => broadcast(array, shape));
  return build(shape, (place) => f(...repeated.map((array) => at(array, place))));
}

/** The dimensions in the order `axes`. */
export function permute(array: NdArray, axes: readonly number[]): NdArray {
  const shape = axes.map((axis) => array.shape[axis]!);
  return build(shape, (place) =>
    at(
      array,
      array.shape.map((_, axis) => place[axes.indexOf(axis)]!),
    ),
  );
}

/** The same elements under another shape. */
export function reshaped({ values }: NdArray, shape: readonly number[]): NdArray {
  return { shape, values };
}

/** The elements `indexes` of one dimension. */
export function pickAlong(array: NdArray, axis: number, indexes: readonly number[]): NdArray {
  const dimension = axisOf(axis, array.shape.length);
  const shape = array.shape.map((size, one) => (one === dimension ? indexes.length : size));
  return build(shape, (place) =>
    at(
      array,
      place.map((index, one) => (one === dimension ? indexes[index]! : index)),
    ),
  );
}

/** Settings of a reduction. */
export interface Reduction {
  readonly axis?: number | readonly number[];
  readonly keepDims?: boolean;
}

/** All elements that differ only in the reduced dimensions, folded to one. */
export function reduce(
  array: NdArray,
  { axis, keepDims = false }: Reduction,
  fold: (elements: number[]) => number,
): NdArray {
  const { shape } = array;
  const named = axis === undefined ? shape.map((_, one) => one) : [axis].flat();
  const axes = named.map((one) => axisOf(one, shape.length));
  const kept = shape.map((_, one) => one).filter((one) => !axes.includes(one));
  const keptShape = kept.map((one) => shape[one]!);
  const folded = placesOf(axes.map((one) => shape[one]!));
  const result = build(keptShape, (place) =>
    fold(
      folded.map((inner) =>
        at(
          array,
          shape.map((_, one) =>
            axes.includes(one) ? inner[axes.indexOf(one)]! : place[kept.indexOf(one)]!,
          ),
        ),
      ),
    ),
  );
  if (!keepDims) return result;
  return reshaped(
    result,
    shape.map((size, one) => (axes.includes(one) ? 1 : size)),
  );
}

/** A function of whole rows along one dimension, each of which gives a row (of any length). */
export function mapRows(
  array: NdArray,
  axis: number,
  f: (row: number[], outer: Place) => readonly number[],
): NdArray {
  const { shape } = array;
  const dimension = axisOf(axis, shape.length);
  const outerShape = shape.filter((_, one) => one !== dimension);
  const rows = new Map(
    placesOf(outerShape).map((outer) => {
      const row = Array.from({ length: shape[dimension]! }, (_, index) =>
        at(array, [...outer.slice(0, dimension), index, ...outer.slice(dimension)]),
      );
      return [outer.join(), f(row, outer)] as const;
    }),
  );
  const length = rows.values().next().value?.length ?? shape[dimension]!;
  const resultShape = shape.map((size, one) => (one === dimension ? length : size));
  return build(resultShape, (place) => {
    const outer = place.filter((_, one) => one !== dimension);
    return rows.get(outer.join())![place[dimension]!]!;
  });
}

/** Matrix product of the last two dimensions, the others broadcast; vectors as in NumPy. */
export function matrixProduct(left: NdArray, right: NdArray): NdArray {
  const a = left.shape.length === 1 ? reshaped(left, [1, ...left.shape]) : left;
  const b = right.shape.length === 1 ? reshaped(right, [...right.shape, 1]) : right;
  const batch = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const [m, k, n] = [a.shape.at(-2)!, a.shape.at(-1)!, b.shape.at(-1)!];
  const wholeA = broadcast(a, [...batch, m, k]);
  const wholeB = broadcast(b, [...batch, k, n]);
  const whole = build([...batch, m, n], (place) => {
    const [outer, row, column] = [place.slice(0, -2), place.at(-2)!, place.at(-1)!];
    let sum = 0;
    for (let inner = 0; inner < k; inner++) {
      sum += at(wholeA, [...outer, row, inner]) * at(wholeB, [...outer, inner, column]);
    }
    return sum;
  });
  const shape = [
    ...batch,
    ...(left.shape.length === 1 ? [] : [m]),
    ...(right.shape.length === 1 ? [] : [n]),
  ];
  return reshaped(whole, shape);
}

/** Error function by the series `2/√π e^(-x²) Σ 2ⁿ x²ⁿ⁺¹ / (2n+1)!!`, whose terms are all positive. */
export function erfOf(x: number): number {
  if (Number.isNaN(x) || Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; n < 200; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}
