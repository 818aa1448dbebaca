import type { Device, DeviceName } from "../device/device";
import { resolveDevice } from "../device/live-devices";
import { byteLengthOf, type DType } from "../dtype";
import { DTypeError, ShapeError } from "../errors";
import { assertShape, formatShape, type Shape, sizeOf } from "../shape";
import { Tensor } from "../tensor";
import { sliceOf } from "./operation";

/** Where a new tensor lives and what it holds. */
export interface CreationOptions {
  /**
   * A device, or the name of one that `init()` made. Default: the device that `init()` chose.
   */
  readonly device?: Device | DeviceName;
  /** Default `float32`. */
  readonly dtype?: DType;
}

/**
 * A tensor with the given elements, copied.
 *
 * @param values - `float32`, `int32`: one number per element, row-major. `float16`: one 16-bit
 * pattern per element. Block formats: the raw bytes.
 * @param shape - Sizes, outermost first.
 * @throws {ShapeError} when `values` has another length than `shape` needs.
 *
 * @example
 * ```ts
 * using identity = tensor([1, 0, 0, 1], [2, 2], { device });
 * ```
 */
export function tensor(
  values: ArrayLike<number>,
  shape: Shape,
  { device: where, dtype = "float32" }: CreationOptions = {},
): Tensor {
  const device = resolveDevice(where);
  assertShape("tensor", shape);
  const byteLength = byteLengthOf(dtype, shape);
  const expected = dtype.startsWith("q") ? byteLength : sizeOf(shape);
  if (values.length !== expected) {
    throw new ShapeError(
      `tensor: ${values.length} values given, but ${dtype} ${formatShape(shape)} takes ${expected}`,
      { given: values.length, expected, shape, dtype },
    );
  }
  return Tensor.from(device, dtype, shape, values);
}

/** A tensor of `shape` filled with `value`. */
export function full(
  shape: Shape,
  value: number,
  { device: where, dtype = "float32" }: CreationOptions = {},
): Tensor {
  if (dtype !== "float32" && dtype !== "int32") {
    throw new DTypeError(`full: ${dtype} stores packed values; use float32 or int32`, { dtype });
  }
  const device = resolveDevice(where);
  const result = Tensor.allocate(device, dtype, shape);
  try {
    device.fill(sliceOf(result), value);
  } catch (error) {
    result.dispose();
    throw error;
  }
  if (dtype === "int32") result.storage.setBounds({ minimum: value, maximum: value });
  return result;
}

/** A tensor of `shape` filled with 0. */
export function zeros(shape: Shape, options: CreationOptions = {}): Tensor {
  return full(shape, 0, options);
}

/** A tensor of `shape` whose content is undefined until it is written. */
export function empty(shape: Shape, { device, dtype = "float32" }: CreationOptions = {}): Tensor {
  return Tensor.allocate(resolveDevice(device), dtype, shape);
}

/**
 * The bytes of a contiguous tensor in place, to read a checkpoint straight into them, so that it is
 * never held twice. Little-endian, in the layout of the dtype.
 *
 * The view is valid until the next tensor is made on the device: making one can move memory.
 *
 * @throws {ShapeError} when the tensor is a view with gaps.
 * @throws {DeviceError} on `webgl` and `webgpu`, whose memory the host does not see.
 */
export function bytesOf(tensor: Tensor): Uint8Array {
  tensor.device.assertUsable();
  if (!tensor.isContiguous) {
    throw new ShapeError(
      `bytesOf: the tensor ${formatShape(tensor.shape)} is a view with gaps; call contiguous() first`,
      { shape: tensor.shape, strides: tensor.strides },
    );
  }
  return tensor.device.bytes(sliceOf(tensor));
}
