import { elementsIn } from "../device/host-elements";
import { dtypeLayout } from "../dtype";
import { contiguousStrides, type Shape, sizeOf } from "../shape";
import { Tensor } from "../tensor";

/** A box of elements: where it starts in each dimension, and how far it goes. */
interface Block {
  readonly starts: readonly number[];
  readonly counts: Shape;
}

/** What is shown of a tensor: all of it, or the first and last elements of each long dimension. */
export interface ExcerptPlan {
  /** Sizes of what is shown. */
  readonly shape: Shape;
  /** Whether elements are left out in the middle of a dimension. */
  readonly isCut: readonly boolean[];
  /** Each box of the tensor that is shown, with its place in the excerpt. */
  readonly blocks: readonly { readonly source: Block; readonly target: Block }[];
}

/** @param edgeItems - Elements shown at each end of a dimension; `Infinity` shows all. */
export function planExcerpt(shape: Shape, edgeItems: number): ExcerptPlan {
  const isCut = shape.map((size) => size > 2 * edgeItems);
  const shown = shape.map((size, axis) => (isCut[axis] ? 2 * edgeItems : size));
  const ends = shape.reduce<boolean[][]>(
    (corners, _, axis) =>
      corners.flatMap((corner) =>
        (isCut[axis] ? [false, true] : [false]).map((isEnd) => [...corner, isEnd]),
      ),
    [[]],
  );
  const blocks = ends.map((corner) => {
    const counts = shown.map((size, axis) => (isCut[axis] ? edgeItems : size));
    const startsIn = (sizes: Shape) =>
      sizes.map((size, axis) => (corner[axis] ? size - edgeItems : 0));
    return {
      source: { starts: startsIn(shape), counts },
      target: { starts: startsIn(shown), counts },
    };
  });
  return { shape: shown, isCut, blocks };
}

/**
 * Reads an excerpt from memory that the host sees: neither a kernel runs, nor is the rest copied.
 *
 * @returns One number per element shown, row-major; half precision as its 16-bit pattern.
 */
export function readInPlace(tensor: Tensor, plan: ExcerptPlan): Float64Array {
  const { blockBytes } = dtypeLayout(tensor.dtype);
  const parts = plan.blocks.map(({ source }) => {
    const positions = positionsOf(source, tensor.strides, tensor.offset);
    const first = positions.reduce((least, position) => Math.min(least, position), Infinity);
    const last = positions.reduce((most, position) => Math.max(most, position), 0);
    if (positions.length === 0) return [];
    const bytes = tensor.device.bytes({
      buffer: tensor.storage.buffer,
      dtype: tensor.dtype,
      byteOffset: first * blockBytes,
      byteLength: (last - first + 1) * blockBytes,
    });
    const elements = elementsIn(bytes, tensor.dtype);
    return positions.map((position) => elements[position - first] ?? 0);
  });
  return assemble(plan, parts);
}

/** As {@link readInPlace}, from memory that must be copied to be seen: box by box. */
export async function readCopies(tensor: Tensor, plan: ExcerptPlan): Promise<Float64Array> {
  const parts = plan.blocks.map(async ({ source }) => {
    using view = viewOf(tensor, source);
    return view.data();
  });
  return assemble(plan, await Promise.all(parts));
}

/** As {@link readCopies}, at once. @throws {DeviceError} where the device cannot. */
export function readCopiesSync(tensor: Tensor, plan: ExcerptPlan): Float64Array {
  const parts = plan.blocks.map(({ source }) => {
    using view = viewOf(tensor, source);
    return view.dataSync();
  });
  return assemble(plan, parts);
}

function viewOf(tensor: Tensor, { starts, counts }: Block): Tensor {
  const { storage, dtype, strides } = tensor;
  const offset = starts.reduce(
    (sum, start, axis) => sum + start * (strides[axis] ?? 0),
    tensor.offset,
  );
  return Tensor.over({ storage, dtype, strides, offset, shape: counts });
}

function assemble(plan: ExcerptPlan, parts: readonly ArrayLike<number>[]): Float64Array {
  const values = new Float64Array(sizeOf(plan.shape));
  const strides = contiguousStrides(plan.shape);
  plan.blocks.forEach(({ target }, index) => {
    positionsOf(target, strides, 0).forEach((position, element) => {
      values[position] = parts[index]?.[element] ?? 0;
    });
  });
  return values;
}

/** Where the elements of a box lie, in row-major order. */
function positionsOf(
  { starts, counts }: Block,
  strides: readonly number[],
  offset: number,
): number[] {
  return counts.reduce<number[]>(
    (positions, count, axis) => {
      const stride = strides[axis] ?? 0;
      const start = starts[axis] ?? 0;
      const steps = Array.from({ length: count }, (_, index) => (start + index) * stride);
      return positions.flatMap((position) => steps.map((step) => position + step));
    },
    [offset],
  );
}
