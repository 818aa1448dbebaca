import { dtypeLayout } from "../dtype";
import { type KernelSource, maxIndex } from "../gpujs/kernel-source";
import { type Shape, sizeOf } from "../shape";
import { Tensor } from "../tensor";

/** Reads a strided view cell by cell; the three fastest dimensions are the thread's. */
const gatherStrided: KernelSource = {
  name: "gather-strided",
  source: `function (source, first, strideX, strideY, strideZ) {
    return source[
      first + this.thread.x * strideX + this.thread.y * strideY + this.thread.z * strideZ
    ];
  }`,
  parameters: ["array", "integer", "integer", "integer", "integer"],
};

/** Operation name of {@link copyContiguous} in the device's table of kernels. */
export const contiguousName = "contiguous";

/** A fresh row-major copy of a plain tensor, whatever its strides. */
export function copyContiguous(tensor: Tensor): Tensor {
  const { device, dtype, shape } = tensor;
  const output = Tensor.allocate(device, dtype, shape);
  output.storage.setBounds(tensor.storage.bounds);
  const implementation = device.implementationOf(contiguousName);
  if (implementation?.accepts([tensor], undefined)) {
    implementation.run([tensor], [output], undefined);
    device.onLaunch?.({ operation: contiguousName, implementation: device.kernels });
    return output;
  }
  copyThroughGpujs(tensor, output);
  device.onLaunch?.({ operation: contiguousName, implementation: "gpujs" });
  return output;
}

/** Part of a view whose cells lie one after another in the copy. */
interface Box {
  readonly shape: readonly number[];
  /** First element of the view, in its storage. */
  readonly from: number;
  /** First element of the copy. */
  readonly to: number;
}

function copyThroughGpujs(tensor: Tensor, output: Tensor): void {
  const { shape, offset } = tensor;
  if (tensor.size > 0) copyBox(tensor, output, { shape, from: offset, to: 0 });
}

/**
 * Copies a box by one launch when it has at most three dimensions and its elements lie within what
 * gpu.js indexes exactly; otherwise along its slowest dimension, one index or one half at a time.
 */
function copyBox(tensor: Tensor, output: Tensor, box: Box): void {
  const { strides } = tensor;
  const { low, span } = extentOf(box.shape, strides);
  const axis = box.shape.findIndex((size) => size > 1);
  const rank = axis === -1 ? 0 : box.shape.length - axis;
  if (rank <= 3 && span < maxIndex) {
    launchBox(tensor, output, box, { first: box.from + low, span });
    return;
  }
  const size = box.shape[axis] ?? 1;
  const inner = sizeOf(box.shape.slice(axis + 1));
  const isTooDeep = rank > 3;
  const step = isTooDeep ? 1 : Math.ceil(size / 2);
  for (let index = 0; index < size; index += step) {
    const count = Math.min(step, size - index);
    copyBox(tensor, output, {
      shape: box.shape.map((current, other) => (other === axis ? count : current)),
      from: box.from + index * (strides[axis] ?? 0),
      to: box.to + index * inner,
    });
  }
}

/** The lowest element of a view, from its first, and how far the highest is; strides may be negative. */
function extentOf(shape: Shape, strides: readonly number[]): { low: number; span: number } {
  let low = 0;
  let high = 0;
  shape.forEach((size, axis) => {
    const reach = (size - 1) * (strides[axis] ?? 0);
    if (reach < 0) low += reach;
    else high += reach;
  });
  return { low, span: high - low + 1 };
}

function launchBox(
  tensor: Tensor,
  output: Tensor,
  { shape, from, to }: Box,
  { first, span }: { readonly first: number; readonly span: number },
): void {
  const cells = shape.slice(-3).reverse();
  const [strideX = 0, strideY = 0, strideZ = 0] = tensor.strides.slice(-3).reverse();
  tensor.device.launch(
    gatherStrided,
    [
      { slice: elementRange(tensor, first, span), sizes: [span] },
      from - first,
      strideX,
      strideY,
      strideZ,
    ],
    cells.length > 0 ? cells : [1],
    elementRange(output, to, sizeOf(shape)),
  );
}

/** `count` elements of the storage from element `first`, whatever the view's strides. */
function elementRange(tensor: Tensor, first: number, count: number) {
  const bytes = dtypeLayout(tensor.dtype).blockBytes;
  return {
    buffer: tensor.storage.buffer,
    dtype: tensor.dtype,
    byteOffset: first * bytes,
    byteLength: count * bytes,
  };
}
