import { type GraphEdge, GraphNode, type ViewChange } from "./autograd/graph";
import { isRecording } from "./autograd/recording";
import type { Device, DeviceName } from "./device/device";
import { resolveDevice } from "./device/live-devices";
import { byteLengthOf, type DType, isBlockDType } from "./dtype";
import { DisposedError, DTypeError, OutOfRangeError, ShapeError } from "./errors";
import { boundsOf } from "./integer-bounds";
import { graphAttached, registerTensor, unregisterTensor } from "./lifetime";
import { describe, formatNow } from "./printing/format";
import {
  assertShape,
  contiguousStrides,
  formatShape,
  inferShape,
  isContiguous,
  resolveAxis,
  type Shape,
  sizeOf,
  viewStrides,
} from "./shape";
import { Storage } from "./storage";

/** Under this name, Node's `console.log` and `util.inspect` find how an object wants to be shown. */
const inspectInNode = Symbol.for("nodejs.util.inspect.custom");

/** What reading a tensor gives: one number per element, or raw bytes for the packed formats. */
export type TensorData = Float32Array | Int32Array | Uint16Array | Uint8Array;

/** A view of a storage. @internal */
export interface TensorParts {
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
  #graph: GraphEdge | undefined;
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

  /** A tensor over memory that others may view too. @internal */
  static over(parts: TensorParts): Tensor {
    return new Tensor(parts);
  }

  get device(): Device {
    return this.#storage.device;
  }

  /** The recorded operation that made this tensor. @internal */
  get graph(): GraphEdge | undefined {
    return this.#graph;
  }

  /** Makes this tensor the result of a recorded operation. @internal */
  attachGraph(edge: GraphEdge): void {
    edge.node.retain();
    this.#graph?.node.release();
    this.#graph = edge;
    graphAttached(this);
  }

  /** Whether gradients flow to this tensor: it is tracked, or computed from one that is. */
  get requiresGrad(): boolean {
    return this.#graph !== undefined;
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
    this.#assertLive("tensor");
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
    const resolved = inferShape(this.shape, shape);
    const strides = viewStrides(this.shape, this.strides, resolved);
    if (strides === undefined) {
      throw new ShapeError(
        `reshape: the view ${formatShape(this.shape)} cannot be seen as ${formatShape(resolved)} without a copy; use reshape(tensor, shape), or contiguous(tensor) first`,
        { shape: this.shape, strides: this.strides },
      );
    }
    return this.#view({ kind: "reshape" }, resolved, strides, this.offset);
  }

  /** Without the dimensions of size 1: all of them, or those of `axes`. No copy. */
  squeeze(axes?: number | readonly number[]): Tensor {
    const named = typeof axes === "number" ? [axes] : axes;
    const removed = named?.map((axis) => resolveAxis("squeeze", axis, this.rank));
    for (const axis of removed ?? []) {
      if (this.shape[axis] === 1) continue;
      throw new ShapeError(
        `squeeze: dimension ${axis} of ${formatShape(this.shape)} has more than one element; name dimensions of size 1`,
        { axis, shape: this.shape },
      );
    }
    return this.reshape(
      this.shape.filter((size, axis) => (removed ? !removed.includes(axis) : size !== 1)),
    );
  }

  /** With a dimension of size 1 before dimension `axis`; -1 adds it at the end. No copy. */
  expandDims(axis: number): Tensor {
    const position = resolveAxis("expandDims", axis, this.rank + 1);
    return this.reshape([...this.shape.slice(0, position), 1, ...this.shape.slice(position)]);
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
    return this.#view({ kind: "permute", axes: order }, shape, strides, this.offset);
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
   * Elements `start` (included) to `end` (excluded) of dimension `axis`, each `step`-th, without a
   * copy. Negative numbers count from the end of the dimension, as in Python; a negative `step`
   * walks backwards.
   *
   * @param start - Default: the first element, or the last where `step` is negative.
   * @param end - Default: to the end of the dimension in the direction of `step`.
   * @throws {OutOfRangeError} when the range leaves the dimension or `step` is 0.
   *
   * @example
   * ```ts
   * matrix.slice(0, 1, 3);                        // rows 1 and 2
   * matrix.slice(1, undefined, undefined, -1);    // columns in reverse
   * ```
   */
  slice(axis: number, start?: number, end?: number, step = 1): Tensor {
    const resolved = resolveAxis("slice", axis, this.rank);
    const size = this.shape[resolved] ?? 1;
    const isForward = step > 0;
    const first =
      start === undefined ? (isForward ? 0 : size - 1) : start < 0 ? start + size : start;
    const last = end === undefined ? (isForward ? size : -1) : end < 0 ? end + size : end;
    const areIntegers = [first, last, step].every(Number.isInteger);
    const count = Math.max(0, Math.ceil((last - first) / step));
    const isInside = isForward
      ? first >= 0 && last <= size && first <= last
      : last >= -1 && first < Math.max(size, 1) && last <= first;
    if (!areIntegers || step === 0 || !isInside) {
      throw new OutOfRangeError(
        `slice: ${start} to ${end} by ${step} is outside dimension ${resolved} of ${formatShape(this.shape)}; use 0 to ${size} and a step other than 0`,
        { axis, start, end, step, shape: this.shape },
      );
    }
    return this.sliceSteps(resolved, first, count, step);
  }

  /** `count` elements of dimension `axis`, from `start` on, `step` apart; all checked. @internal */
  sliceSteps(axis: number, start: number, count: number, step: number): Tensor {
    this.#assertPlain("slice");
    const stride = this.strides[axis] ?? 0;
    const shape = this.shape.map((size, index) => (index === axis ? count : size));
    const strides = this.strides.map((value, index) => (index === axis ? value * step : value));
    // A view without elements must not start behind the storage, where there may be no memory.
    const offset = sizeOf(shape) === 0 ? this.offset : this.offset + start * stride;
    return this.#view({ kind: "slice", axis, start, step }, shape, strides, offset);
  }

  /** The elements `[..., i, i]` of the last two dimensions, as `[..., min(M, N)]`, without a copy. */
  diagonal(): Tensor {
    if (this.rank < 2) {
      throw new ShapeError(
        `diagonal: ${formatShape(this.shape)} has fewer than two dimensions; use a matrix`,
        { shape: this.shape },
      );
    }
    this.#assertPlain("diagonal");
    const length = Math.min(this.dimension(-2), this.dimension(-1));
    const stride = (this.strides.at(-2) ?? 0) + (this.strides.at(-1) ?? 0);
    return this.#view(
      { kind: "diagonal" },
      [...this.shape.slice(0, -2), length],
      [...this.strides.slice(0, -2), stride],
      this.offset,
    );
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
    return this.#view({ kind: "broadcast" }, [...shape], strides, this.offset);
  }

  /** The same elements, cut off from the graph: no gradient flows back through the result. */
  detach(): Tensor {
    this.#assertLive("detach");
    return new Tensor({
      storage: this.storage,
      dtype: this.dtype,
      shape: this.shape,
      strides: this.strides,
      offset: this.offset,
    });
  }

  /** Another handle of the same value, graph included. @internal */
  alias(): Tensor {
    const alias = this.detach();
    if (this.#graph !== undefined) alias.attachGraph(this.#graph);
    return alias;
  }

  /**
   * A copy of the elements in row-major order: `Float32Array` for float32, `Int32Array` for int32,
   * the stored 16-bit patterns for float16, raw bytes for the block formats.
   */
  async data(): Promise<TensorData> {
    this.#assertLive("data");
    return this.device.read(this);
  }

  /**
   * As {@link data}, at once.
   *
   * @throws {DeviceError} on `webgpu`, whose memory cannot be read without waiting.
   */
  dataSync(): TensorData {
    this.#assertLive("dataSync");
    return this.device.readSync(this);
  }

  /**
   * A copy on another device, or on the same one. No gradient flows through it.
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
    this.#graph?.node.release();
    this.#graph = undefined;
  }

  /** As `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /**
   * The elements in aligned columns, then shape, dtype and device. Never throws: what cannot be read
   * now, as on `webgpu`, is left out. {@link format} waits for it, and takes options.
   */
  toString(): string {
    return formatNow(this);
  }

  /** What `console.log` shows in Node. @internal */
  [inspectInNode](depth: number): string {
    return depth < 0 ? describe(this, "...") : formatNow(this);
  }

  #assertLive(operation: string): void {
    if (!this.#disposed) return;
    throw new DisposedError(
      `${operation}: tensor ${formatShape(this.shape)} was disposed; keep it alive until its last use`,
      { operation, shape: this.shape, dtype: this.dtype },
    );
  }

  #view(change: ViewChange, shape: Shape, strides: readonly number[], offset: number): Tensor {
    this.#assertLive(change.kind === "broadcast" ? "broadcastTo" : change.kind);
    const view = new Tensor({ storage: this.storage, dtype: this.dtype, shape, strides, offset });
    if (this.#graph !== undefined && isRecording()) {
      const node = new GraphNode({
        operation: change.kind,
        rule: { kind: "view", change },
        inputs: [this.#graph],
        inputShapes: [this.shape],
      });
      view.attachGraph({ node, output: 0 });
    }
    return view;
  }

  #assertPlain(operation: string): void {
    if (!isBlockDType(this.dtype)) return;
    throw new DTypeError(
      `${operation}: a ${this.dtype} tensor is packed and cannot be viewed; use its rows through linear or embedding`,
      { dtype: this.dtype },
    );
  }
}
