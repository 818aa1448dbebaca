import type { DType } from "../dtype";
import { DeviceError, DTypeError, OutOfRangeError, ShapeError } from "../errors";
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
 * Checks that every index is in range, so that no kernel reads out of bounds: element by element
 * where the host can read the device, else by the bounds that the tensor has carried since it was
 * written or computed.
 *
 * @throws {OutOfRangeError} unless each is an integer from 0 to below `limit`.
 * @throws {DeviceError} when nothing is known of them on a device that cannot be read at once.
 */
export function assertIndexes(
  operation: string,
  what: string,
  indexes: Tensor,
  limit: number,
): void {
  assertDType(operation, `the ${what} tensor`, indexes, "int32");
  if (indexes.size === 0) return;
  const { device, storage } = indexes;
  const { bounds } = storage;
  const isWithin = (index: number) => index >= 0 && index < limit;
  if (bounds !== undefined && isWithin(bounds.minimum) && isWithin(bounds.maximum)) return;
  if (device.access === "asynchronous" && bounds === undefined) {
    throw new DeviceError(
      `${operation}: the range of the ${what} tensor is not known on ${device.name}; read it with data() and make it again with tensor()`,
      { operation, device: device.name, shape: indexes.shape },
    );
  }
  const candidates =
    device.access === "asynchronous" && bounds !== undefined
      ? [bounds.minimum, bounds.maximum]
      : indexes.dataSync();
  for (const index of candidates) {
    if (isWithin(index)) continue;
    throw new OutOfRangeError(
      `${operation}: ${what} ${index} is out of range; use 0 to ${limit - 1}`,
      { operation, index, limit },
    );
  }
}
