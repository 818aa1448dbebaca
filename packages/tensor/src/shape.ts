import { OutOfRangeError, ShapeError } from "./errors";

/** Sizes of a tensor, outermost dimension first; `[]` is a scalar. */
export type Shape = readonly number[];

/** Number of elements of `shape`. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Row-major strides of `shape`, in elements. */
export function contiguousStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis] ?? 1;
  }
  return strides;
}

/** Whether `strides` are the row-major ones of `shape`, dimensions of size 1 aside. */
export function isContiguous(shape: Shape, strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] ?? 1;
    if (size === 0) return true;
    if (size !== 1 && strides[axis] !== expected) return false;
    expected *= size;
  }
  return true;
}

/** A shape as text: `[2, 3]`. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** Whether two shapes are the same. */
export function sameShape(left: Shape, right: Shape): boolean {
  return left.length === right.length && left.every((size, axis) => size === right[axis]);
}

/** Checks that every size is a non-negative integer. */
export function assertShape(operation: string, shape: Shape): void {
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw new ShapeError(
      `${operation}: ${formatShape(shape)} is not a shape; use integers of 0 or more`,
      { shape },
    );
  }
}

/** Resolves a possibly negative axis against `rank`. */
export function resolveAxis(operation: string, axis: number, rank: number): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || resolved < 0 || resolved >= rank) {
    throw new OutOfRangeError(
      `${operation}: axis ${axis} is outside a tensor of rank ${rank}; use ${-rank} to ${rank - 1}`,
      { axis, rank },
    );
  }
  return resolved;
}

/**
 * The shape that two operands broadcast to, by NumPy's rules: aligned at the last dimension,
 * a dimension of size 1 repeats.
 */
export function broadcastShapes(operation: string, left: Shape, right: Shape): number[] {
  const rank = Math.max(left.length, right.length);
  const result = new Array<number>(rank);
  for (let fromEnd = 1; fromEnd <= rank; fromEnd++) {
    const leftSize = left.at(-fromEnd) ?? 1;
    const rightSize = right.at(-fromEnd) ?? 1;
    if (leftSize !== rightSize && leftSize !== 1 && rightSize !== 1) {
      throw new ShapeError(
        `${operation}: shapes ${formatShape(left)} and ${formatShape(right)} do not broadcast; dimension -${fromEnd} must be equal or 1`,
        { left, right },
      );
    }
    result[rank - fromEnd] = leftSize === 1 ? rightSize : leftSize;
  }
  return result;
}

/**
 * Strides under which a view of `shape` and `strides` reads as `target`, or `undefined` when that
 * takes a copy. Both shapes have the same number of elements.
 */
export function viewStrides(
  shape: Shape,
  strides: readonly number[],
  target: Shape,
): number[] | undefined {
  if (sizeOf(shape) === 0 || isContiguous(shape, strides)) return contiguousStrides(target);
  const result = new Array<number>(target.length).fill(0);
  let from = 0;
  let to = 0;
  while (from < shape.length && to < target.length) {
    // The shortest groups of dimensions that hold the same number of elements.
    let [fromEnd, toEnd] = [from + 1, to + 1];
    let [have, want] = [shape[from] ?? 1, target[to] ?? 1];
    while (have !== want) {
      if (have < want) have *= shape[fromEnd++] ?? 1;
      else want *= target[toEnd++] ?? 1;
    }
    const group = shape.slice(from, fromEnd);
    const groupStrides = strides.slice(from, fromEnd);
    const kept = group.flatMap((size, axis) =>
      size === 1 ? [] : [{ size, stride: groupStrides[axis] ?? 0 }],
    );
    const isOneRun = kept.every(
      ({ stride }, axis) =>
        axis + 1 === kept.length ||
        stride === (kept[axis + 1]?.stride ?? 0) * (kept[axis + 1]?.size ?? 1),
    );
    if (!isOneRun) return undefined;
    let stride = kept.at(-1)?.stride ?? 1;
    for (let axis = toEnd - 1; axis >= to; axis--) {
      result[axis] = stride;
      stride *= target[axis] ?? 1;
    }
    from = fromEnd;
    to = toEnd;
  }
  return result;
}

/**
 * `target` with its one size of -1 replaced, so that it holds as many elements as `source`.
 *
 * @throws {ShapeError} when it cannot.
 */
export function inferShape(source: Shape, target: Shape): number[] {
  const total = sizeOf(source);
  const known = target.filter((size) => size !== -1);
  const missing = target.length - known.length;
  const rest = sizeOf(known);
  const inferred = missing === 1 && rest > 0 ? total / rest : 0;
  const resolved = target.map((size) => (size === -1 ? inferred : size));
  if (missing > 1 || !Number.isInteger(inferred) || sizeOf(resolved) !== total) {
    throw new ShapeError(
      `reshape: ${formatShape(source)} holds ${total} elements, which ${formatShape(target)} does not`,
      { from: source, to: target },
    );
  }
  assertShape("reshape", resolved);
  return resolved;
}
