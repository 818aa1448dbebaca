import type { Device, DeviceName } from "../device/device";
import { resolveDevice } from "../device/live-devices";
import { byteLengthOf, type DType, isBlockDType } from "../dtype";
import { DTypeError, OutOfRangeError, ShapeError } from "../errors";
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

/** Numbers or truth values in nested arrays of equal lengths. */
export type NestedArray = number | boolean | readonly NestedArray[];

/**
 * A tensor with the elements of nested arrays, copied; they carry its shape.
 *
 * @param values - Numbers or truth values, rows of equal length.
 * @param options - Where it lives. The dtype of truth values is `bool`, else `float32`.
 * @throws {ShapeError} when rows differ in length.
 *
 * @example
 * ```ts
 * using identity = tensor([[1, 0], [0, 1]], { device });
 * ```
 */
export function tensor(values: NestedArray, options?: CreationOptions): Tensor;
/**
 * A tensor with the given elements, copied.
 *
 * @param values - One number per element in row-major order (`float32`, `int32`, `bool`), one 16-bit
 * pattern per element (`float16`, `bfloat16`), or the raw bytes (block formats).
 * @param shape - Sizes, outermost first.
 * @param options - Where it lives and as what. Default dtype `float32`.
 * @throws {ShapeError} when `values` has another length than `shape` needs.
 *
 * @example
 * ```ts
 * using identity = tensor(new Float32Array([1, 0, 0, 1]), [2, 2], { device });
 * ```
 */
export function tensor(values: ArrayLike<number>, shape: Shape, options?: CreationOptions): Tensor;
export function tensor(
  values: NestedArray | ArrayLike<number>,
  shapeOrOptions: Shape | CreationOptions = {},
  options: CreationOptions = {},
): Tensor {
  if (Array.isArray(shapeOrOptions)) {
    return fromFlat(values as ArrayLike<number>, shapeOrOptions, options);
  }
  const nested = flattenNested(values as NestedArray);
  const { dtype = nested.isBoolean ? "bool" : "float32", ...rest } =
    shapeOrOptions as CreationOptions;
  return fromFlat(nested.values, nested.shape, { ...rest, dtype });
}

/** Shape and elements of nested arrays. @throws {ShapeError} when rows differ in length. */
function flattenNested(nested: NestedArray): {
  values: number[];
  shape: number[];
  isBoolean: boolean;
} {
  const shape: number[] = [];
  let first = nested;
  while (Array.isArray(first)) {
    shape.push(first.length);
    first = (first as readonly NestedArray[])[0] ?? 0;
  }
  const values: number[] = [];
  const visit = (value: NestedArray, depth: number): void => {
    if (typeof value === "number" || typeof value === "boolean") {
      if (depth === shape.length) {
        values.push(Number(value));
        return;
      }
    } else if (value.length === shape[depth]) {
      for (const entry of value) visit(entry, depth + 1);
      return;
    }
    throw new ShapeError(
      `tensor: the nested arrays are ragged at depth ${depth}; give every row the length of the first, ${formatShape(shape)}`,
      { shape, depth },
    );
  };
  visit(nested, 0);
  return { values, shape, isBoolean: typeof first === "boolean" };
}

function fromFlat(
  values: ArrayLike<number>,
  shape: Shape,
  { device: where, dtype = "float32" }: CreationOptions,
): Tensor {
  const device = resolveDevice(where);
  assertShape("tensor", shape);
  const expected = isBlockDType(dtype) ? byteLengthOf(dtype, shape) : sizeOf(shape);
  if (values.length !== expected) {
    throw new ShapeError(
      `tensor: ${values.length} values given, but ${dtype} ${formatShape(shape)} takes ${expected}`,
      { given: values.length, expected, shape, dtype },
    );
  }
  const stored = dtype === "bool" ? Array.from(values, (value) => Number(value !== 0)) : values;
  return Tensor.from(device, dtype, shape, stored);
}

/** A tensor of `shape` filled with `value`. */
export function full(
  shape: Shape,
  value: number,
  { device: where, dtype = "float32" }: CreationOptions = {},
): Tensor {
  if (dtype !== "float32" && dtype !== "int32" && dtype !== "bool") {
    throw new DTypeError(`full: ${dtype} stores packed values; use float32, int32 or bool`, {
      dtype,
    });
  }
  const device = resolveDevice(where);
  const result = Tensor.allocate(device, dtype, shape);
  try {
    device.fill(sliceOf(result), dtype === "bool" ? Number(value !== 0) : value);
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

/** A tensor of `shape` filled with 1. */
export function ones(shape: Shape, options: CreationOptions = {}): Tensor {
  return full(shape, 1, options);
}

/** A tensor of `shape` whose content is undefined until it is written. */
export function empty(shape: Shape, { device, dtype = "float32" }: CreationOptions = {}): Tensor {
  return Tensor.allocate(resolveDevice(device), dtype, shape);
}

/**
 * Numbers from `start` (included) to `stop` (excluded), `step` apart, as float32 by default.
 *
 * @throws {OutOfRangeError} when `step` is 0 or a number is not finite.
 */
export function arange(
  start: number,
  stop: number,
  step: number,
  options: CreationOptions,
): Tensor {
  if (![start, stop, step].every(Number.isFinite) || step === 0) {
    throw new OutOfRangeError(
      `arange: ${start} to ${stop} by ${step} does not end; use finite numbers and a step other than 0`,
      { start, stop, step },
    );
  }
  const count = Math.max(0, Math.ceil((stop - start) / step));
  const values = Array.from({ length: count }, (_, index) => start + index * step);
  return fromFlat(values, [count], options);
}

/**
 * `count` numbers evenly apart from `start` to `stop`, both included.
 *
 * @throws {OutOfRangeError} when a bound is not finite.
 */
export function linspace(
  start: number,
  stop: number,
  count: number,
  options: CreationOptions = {},
): Tensor {
  assertShape("linspace", [count]);
  if (!Number.isFinite(start) || !Number.isFinite(stop)) {
    throw new OutOfRangeError(`linspace: ${start} to ${stop} is not a range; use finite bounds`, {
      start,
      stop,
    });
  }
  const step = count > 1 ? (stop - start) / (count - 1) : 0;
  // The second half is counted from the end, so that both ends are exact.
  const values = Array.from({ length: count }, (_, index) =>
    index < count / 2 ? start + index * step : stop - (count - 1 - index) * step,
  );
  if (count === 1) values[0] = start;
  return fromFlat(values, [count], options);
}

/** The identity matrix `[size, size]`. */
export function eye(size: number, options: CreationOptions = {}): Tensor {
  assertShape("eye", [size]);
  const values = new Float32Array(size * size);
  for (let index = 0; index < size; index++) values[index * size + index] = 1;
  return fromFlat(values, [size, size], options);
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
