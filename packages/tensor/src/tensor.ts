import type { Device, DeviceName } from "./device/device";
import { resolveDevice } from "./device/live-devices";
import { byteLengthOf, type DType, isBlockDType } from "./dtype";
import { DisposedError, DTypeError, OutOfRangeError, ShapeError } from "./errors";
import { registerTensor, unregisterTensor } from "./lifetime";
import {
  assertShape,
  contiguousStrides,
  formatShape,
  isContiguous,
  resolveAxis,
  type Shape,
  sizeOf,
} from "./shape";
import { type IntegerBounds, Storage } from "./storage";

/** What reading a tensor gives: one number per element, or raw bytes for the packed formats. */
export type TensorData = Float32Array | Int32Array | Uint16Array | Uint8Array;

interface TensorParts {
  readonly storage: Storage;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly offset: number;
}

/**
 * An n-dimensional array on a device.
 *
 * A tensor is a view of a storage: shape, strides and an offset. `reshape`, `permute`,
 * `transpose` and `slice` share the storage and copy nothing. Memory is freed by `dispose()`, by
 * `using`, or by leaving {@link tidy}.
 *
 * @example
 * ```ts
 * using matrix = tensor([1, 2, 3, 4, 5, 6], [2, 3], { device });
 * using columns = matrix.transpose(0, 1); // [3, 2], no copy
 * console.log(await columns.data()); // Float32Array [1, 4, 2, 5, 3, 6]
 * ```
 */
export class Tensor implements Disposable {
  /** Sizes, outermost first. */
  readonly shape: Shape;
  /** Distance between neighbours along each dimension, in elements. */
  readonly strides: readonly number[];
  /** First element within the storage, in elements. */
  readonly offset: number;
  readonly dtype: DType;
  readonly #storage: Storage;
  #disposed = false;

  private constructor({ storage, dtype, shape, strides, offset }: TensorParts) {
    this.shape = shape;
    this.strides = strides;
    this.offset = offset;
    this.dtype = dtype;
    this.#storage = storage;
    storage.retain();
    registerTensor(this, storage);
  }

  /** A contiguous tensor over fresh memory whose content is undefined. @internal */
  static allocate(device: Device, dtype: DType, shape: Shape): Tensor {
    assertShape("tensor", shape);
    const storage = new Storage(device, byteLengthOf(dtype, shape), dtype);
    return new Tensor({ storage, dtype, shape, strides: contiguousStrides(shape), offset: 0 });
  }

  /** A contiguous tensor that holds a copy of `values`. @internal */
  static from(device: Device, dtype: DType, shape: Shape, values: ArrayLike<number>): Tensor {
    const result = Tensor.allocate(device, dtype, shape);
    try {
      const { buffer } = result.storage;
      const byteLength = byteLengthOf(dtype, shape);
      device.write({ buffer, dtype, byteOffset: 0, byteLength }, values);
    } catch (error) {
      result.dispose();
      throw error;
    }
    if (dtype === "int32") result.storage.setBounds(boundsOf(values));
    return result;
  }

  get device(): Device {
    return this.#storage.device;
  }

  /** Number of dimensions. */
  get rank(): number {
    return this.shape.length;
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /** Whether the elements lie in row-major order without gaps. */
  get isContiguous(): boolean {
    return isContiguous(this.shape, this.strides);
  }

  get isDisposed(): boolean {
    return this.#disposed;
  }

  /** The memory behind this tensor. @throws {DisposedError} after `dispose()`. @internal */
  get storage(): Storage {
    if (this.#disposed) {
      throw new DisposedError(
        `tensor ${formatShape(this.shape)} was disposed; keep it alive until its last use`,
        { shape: this.shape, dtype: this.dtype },
      );
    }
    return this.#storage;
  }

  /** Size of dimension `axis`, which may be negative. */
  dimension(axis: number): number {
    return this.shape[resolveAxis("dimension", axis, this.rank)] ?? 1;
  }

  /**
   * The same elements under another shape. One size may be -1: it is inferred.
   *
   * @throws {ShapeError} when the sizes differ, or when the tensor is a view whose elements are
   * not in row-major order: make it `contiguous` first.
   */
  reshape(shape: Shape): Tensor {
    const resolved = inferSize(this, shape);
    if (!this.isContiguous) {
      throw new ShapeError(
        `reshape: the tensor ${formatShape(this.shape)} is a view with gaps; call contiguous() first`,
        { shape: this.shape, strides: this.strides },
      );
    }
    return this.#view(resolved, contiguousStrides(resolved), this.offset);
  }

  /** The dimensions in the order `axes`, without a copy. */
  permute(axes: readonly number[]): Tensor {
    const order = axes.map((axis) => resolveAxis("permute", axis, this.rank));
    if (order.length !== this.rank || new Set(order).size !== this.rank) {
      throw new ShapeError(
        `permute: [${axes.join(", ")}] does not name each of the ${this.rank} dimensions once`,
        { axes, shape: this.shape },
      );
    }
    this.#assertPlain("permute");
    const shape = order.map((axis) => this.shape[axis] ?? 1);
    const strides = order.map((axis) => this.strides[axis] ?? 0);
    return this.#view(shape, strides, this.offset);
  }

  /** Dimensions `first` and `second` exchanged, without a copy. */
  transpose(first = -2, second = -1): Tensor {
    const axes = this.shape.map((_, axis) => axis);
    const left = resolveAxis("transpose", first, this.rank);
    const right = resolveAxis("transpose", second, this.rank);
    axes[left] = right;
    axes[right] = left;
    return this.permute(axes);
  }

  /**
   * Elements `start` (included) to `end` (excluded) of dimension `axis`, without a copy.
   *
   * @throws {OutOfRangeError} when the range leaves the dimension.
   */
  slice(axis: number, start: number, end: number): Tensor {
    const resolved = resolveAxis("slice", axis, this.rank);
    const size = this.shape[resolved] ?? 1;
    const isRange = Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end;
    if (!isRange || end > size) {
      throw new OutOfRangeError(
        `slice: ${start} to ${end} is outside dimension ${resolved} of ${formatShape(this.shape)}`,
        { axis, start, end, shape: this.shape },
      );
    }
    this.#assertPlain("slice");
    const shape = this.shape.map((current, index) => (index === resolved ? end - start : current));
    return this.#view(shape, this.strides, this.offset + start * (this.strides[resolved] ?? 0));
  }

  /**
   * The tensor repeated to `shape` by NumPy's broadcasting rules, without a copy: repeated
   * dimensions have stride 0.
   */
  broadcastTo(shape: Shape): Tensor {
    const added = shape.length - this.rank;
    const strides = shape.map((size, axis) => {
      const own = axis < added ? 1 : (this.shape[axis - added] ?? 1);
      if (own === size) return axis < added ? 0 : (this.strides[axis - added] ?? 0);
      if (own === 1) return 0;
      throw new ShapeError(
        `broadcastTo: ${formatShape(this.shape)} does not repeat to ${formatShape(shape)}`,
        { from: this.shape, to: shape },
      );
    });
    if (added < 0) {
      throw new ShapeError(
        `broadcastTo: ${formatShape(this.shape)} has more dimensions than ${formatShape(shape)}`,
        { from: this.shape, to: shape },
      );
    }
    this.#assertPlain("broadcastTo");
    return this.#view(shape, strides, this.offset);
  }

  /**
   * A copy of the elements in row-major order: `Float32Array` for float32, `Int32Array` for int32,
   * the stored 16-bit patterns for float16, raw bytes for the block formats.
   */
  async data(): Promise<TensorData> {
    return this.device.read(this);
  }

  /**
   * As {@link data}, at once.
   *
   * @throws {DeviceError} on `webgpu`, whose memory cannot be read without waiting.
   */
  dataSync(): TensorData {
    return this.device.readSync(this);
  }

  /**
   * A copy on another device, or on the same one.
   *
   * @param device - A device, or the name of one that `init()` made.
   * @returns A contiguous tensor of the same shape and dtype.
   *
   * @example
   * ```ts
   * using fast = await weights.to("webgpu");
   * ```
   */
  async to(device: Device | DeviceName): Promise<Tensor> {
    const target = resolveDevice(device);
    const values = await this.data();
    target.assertUsable();
    return Tensor.from(target, this.dtype, this.shape, values);
  }

  /** Frees the memory if no other view shares it. Safe to call twice. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    unregisterTensor(this, this.#storage);
    this.#storage.release();
  }

  /** As `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #view(shape: Shape, strides: readonly number[], offset: number): Tensor {
    return new Tensor({ storage: this.storage, dtype: this.dtype, shape, strides, offset });
  }

  #assertPlain(operation: string): void {
    if (!isBlockDType(this.dtype)) return;
    throw new DTypeError(
      `${operation}: a ${this.dtype} tensor is packed and cannot be viewed; use its rows through linear or embedding`,
      { dtype: this.dtype },
    );
  }
}

/** The smallest and the largest of `values`; 0 to 0 when there are none. */
function boundsOf(values: ArrayLike<number>): IntegerBounds {
  let minimum = Math.trunc(values[0] ?? 0);
  let maximum = minimum;
  for (let index = 1; index < values.length; index++) {
    const value = Math.trunc(values[index] ?? 0);
    if (value < minimum) minimum = value;
    if (value > maximum) maximum = value;
  }
  return { minimum, maximum };
}

function inferSize(source: Tensor, shape: Shape): number[] {
  const known = shape.filter((size) => size !== -1);
  const missing = shape.length - known.length;
  const rest = sizeOf(known);
  const inferred = missing === 1 && rest > 0 ? source.size / rest : 0;
  const resolved = shape.map((size) => (size === -1 ? inferred : size));
  if (missing > 1 || !Number.isInteger(inferred) || sizeOf(resolved) !== source.size) {
    throw new ShapeError(
      `reshape: ${formatShape(source.shape)} holds ${source.size} elements, which ${formatShape(shape)} does not`,
      { from: source.shape, to: shape },
    );
  }
  assertShape("reshape", resolved);
  return resolved;
}
