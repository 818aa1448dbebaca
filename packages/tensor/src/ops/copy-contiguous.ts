import { dtypeLayout } from "../dtype";
import type { KernelSource } from "../gpujs/kernel-source";
import { contiguousStrides, sizeOf } from "../shape";
import { Tensor } from "../tensor";

/** Reads a strided view cell by cell; the three fastest dimensions are the thread's. */
const gatherStrided: KernelSource = {
  name: "gather-strided",
  source: `function (source, start, strideX, strideY, strideZ) {
    return source[start + this.thread.x * strideX + this.thread.y * strideY + this.thread.z * strideZ];
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

function copyThroughGpujs(tensor: Tensor, output: Tensor): void {
  const { device, shape, strides } = tensor;
  if (tensor.size === 0) return;
  const inner = Math.min(3, shape.length);
  const outerShape = shape.slice(0, shape.length - inner);
  const cells = shape.slice(shape.length - inner).reverse();
  const cellStrides = strides.slice(shape.length - inner).reverse();
  const span = cells.reduce(
    (sum, size, axis) => sum + (size - 1) * Math.abs(cellStrides[axis] ?? 0),
    1,
  );
  // Dimensions that are walked backwards start inside the range that is read.
  const start = cells.reduce(
    (sum, size, axis) => sum + (size - 1) * Math.max(0, -(cellStrides[axis] ?? 0)),
    0,
  );
  const outerStrides = contiguousStrides(outerShape);
  const cellCount = sizeOf(cells);
  const [strideX = 0, strideY = 0, strideZ = 0] = cellStrides;
  for (let outer = 0; outer < sizeOf(outerShape); outer++) {
    let first = tensor.offset;
    outerShape.forEach((size, axis) => {
      const index = Math.floor(outer / (outerStrides[axis] ?? 1)) % size;
      first += index * (strides[axis] ?? 0);
    });
    device.launch(
      gatherStrided,
      [
        { slice: elementRange(tensor, first - start, span), sizes: [span] },
        start,
        strideX,
        strideY,
        strideZ,
      ],
      cells.length > 0 ? cells : [1],
      elementRange(output, outer * cellCount, cellCount),
    );
  }
}

/** `count` elements of the storage from element `first`, whatever the view's strides. */
function elementRange(tensor: Tensor, first: number, count: number) {
  const { blockBytes: bytes } = dtypeLayout(tensor.dtype);
  return {
    buffer: tensor.storage.buffer,
    dtype: tensor.dtype,
    byteOffset: first * bytes,
    byteLength: count * bytes,
  };
}
