import type { DType } from "../dtype";
import { DTypeError, OutOfRangeError, ShapeError } from "../errors";
import { formatShape } from "../shape";
import type { Tensor } from "../tensor";

/** @throws {DTypeError} unless `tensor` has one of `dtypes`. */
export function assertDType(
  operation: string,
  operand: string,
  tensor: Tensor,
  ...dtypes: readonly DType[]
): void {
  if (dtypes.includes(tensor.dtype)) return;
  throw new DTypeError(
    `${operation}: ${operand} is ${tensor.dtype}; it must be ${dtypes.join(" or ")}`,
    { operation, operand, dtype: tensor.dtype, accepted: dtypes },
  );
}

/** @throws {ShapeError} unless `condition` holds. `expectation` says what the shapes must be. */
export function assertShapes(
  operation: string,
  condition: boolean,
  expectation: string,
  ...tensors: readonly Tensor[]
): asserts condition {
  if (condition) return;
  const shapes = tensors.map((tensor) => tensor.shape);
  throw new ShapeError(
    `${operation}: shapes ${shapes.map(formatShape).join(", ")} do not fit; ${expectation}`,
    { operation, shapes },
  );
}

/**
 * Checks every index on the host, so that no kernel reads out of bounds.
 *
 * @throws {OutOfRangeError} unless each is an integer from 0 to below `limit`.
 */
export function assertIndexes(
  operation: string,
  what: string,
  indexes: Tensor,
  limit: number,
): void {
  assertDType(operation, `the ${what} tensor`, indexes, "int32");
  for (const index of indexes.dataSync()) {
    if (index >= 0 && index < limit) continue;
    throw new OutOfRangeError(
      `${operation}: ${what} ${index} is out of range; use 0 to ${limit - 1}`,
      { operation, index, limit },
    );
  }
}
