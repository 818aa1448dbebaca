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
