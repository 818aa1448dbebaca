import { type BufferSlice, commonDevice, type Device } from "../device/device";
import { byteLengthOf, type DType, dtypeLayout } from "../dtype";
import type { ArrayArgument, KernelArgument, KernelSource } from "../gpujs/kernel-source";
import { type Shape, sizeOf } from "../shape";
import type { IntegerBounds } from "../storage";
import { Tensor } from "../tensor";
import { copyContiguous } from "./copy-contiguous";

/** Shape and dtype of a result, known before it is computed. */
interface TensorSpec {
  readonly dtype: DType;
  readonly shape: Shape;
  /** What is known of an int32 result before it is computed. */
  readonly bounds?: IntegerBounds;
}

/** What a gpu.js definition works with. All inputs are contiguous. */
export interface GpujsContext<Attributes> {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly attributes: Attributes;
  /** Runs `source` once for each cell of `cells` (fastest first) and stores the cells in `target`. */
  launch(
    source: KernelSource,
    kernelArguments: readonly KernelArgument[],
    cells: readonly number[],
    target: BufferSlice,
  ): void;
  /** A float32 tensor that lives until the definition returns. */
  temporary(shape: Shape): Tensor;
}

/** An operation: what it takes, what it gives, and its definition in gpu.js. */
export interface Operation<Attributes> {
  /** Unique name, under which devices register hand-written kernels. */
  readonly name: string;
  /** Checks the operands and says what comes out. Throws before anything changes. */
  infer(inputs: readonly Tensor[], attributes: Attributes): readonly TensorSpec[];
  /** The definition that runs on every device. */
  gpujs(context: GpujsContext<Attributes>): void;
}

/** A hand-written kernel, which must equal the gpu.js definition within its stated bound. */
export interface Implementation {
  /** Whether the kernel takes operands of this layout and dtype. */
  accepts(inputs: readonly Tensor[], attributes: unknown): boolean;
  /** Computes `outputs`, whose memory is reserved and undefined. */
  run(inputs: readonly Tensor[], outputs: readonly Tensor[], attributes: unknown): void;
}

/** Runs `operation` by the device's hand-written kernel where it has one, else by gpu.js. */
export function runOperation<Attributes>(
  operation: Operation<Attributes>,
  inputs: readonly Tensor[],
  attributes: Attributes,
): Tensor[] {
  const device = commonDevice(operation.name, inputs);
  const specs = operation.infer(inputs, attributes);
  const temporaries: Tensor[] = [];
  const outputs: Tensor[] = [];
  try {
    const implementation = device.implementationOf(operation.name);
    let operands = inputs;
    let isAccepted = implementation?.accepts(operands, attributes) ?? false;
    if (!isAccepted) {
      operands = inputs.map((input) => asContiguous(input, temporaries));
      isAccepted = implementation?.accepts(operands, attributes) ?? false;
    }
    for (const { dtype, shape, bounds } of specs) {
      const output = Tensor.allocate(device, dtype, shape);
      output.storage.setBounds(bounds);
      outputs.push(output);
    }
    if (implementation !== undefined && isAccepted) {
      implementation.run(operands, outputs, attributes);
      device.onLaunch?.({ operation: operation.name, implementation: device.kernels });
    } else {
      operation.gpujs(contextOf(device, operands, outputs, attributes, temporaries));
      device.onLaunch?.({ operation: operation.name, implementation: "gpujs" });
    }
    return outputs;
  } catch (error) {
    for (const output of outputs) output.dispose();
    throw error;
  } finally {
    for (const temporary of temporaries) temporary.dispose();
  }
}

/** As {@link runOperation}, for the many operations with one result. */
export function runSingle<Attributes>(
  operation: Operation<Attributes>,
  inputs: readonly Tensor[],
  attributes: Attributes,
): Tensor {
  const [output] = runOperation(operation, inputs, attributes);
  return output as Tensor;
}

/** The elements of a contiguous tensor as a slice of its buffer. */
export function sliceOf(tensor: Tensor): BufferSlice {
  const { blockSize, blockBytes } = dtypeLayout(tensor.dtype);
  return {
    buffer: tensor.storage.buffer,
    dtype: tensor.dtype,
    byteOffset: (tensor.offset / blockSize) * blockBytes,
    byteLength: byteLengthOf(tensor.dtype, tensor.shape),
  };
}

/** Part of a contiguous plain tensor: `count` elements from element `start`. */
export function partOf(tensor: Tensor, start: number, count: number): BufferSlice {
  const { blockBytes } = dtypeLayout(tensor.dtype);
  const whole = sliceOf(tensor);
  const byteOffset = whole.byteOffset + start * blockBytes;
  return { ...whole, byteOffset, byteLength: count * blockBytes };
}

/** A kernel argument: the tensor, indexed by `sizes` (fastest first; default flat). */
export function asArgument(
  tensor: Tensor,
  sizes: readonly number[] = [tensor.size],
): ArrayArgument {
  return { slice: sliceOf(tensor), sizes };
}

/** Sizes of a tensor seen as rows of its last dimension. */
export function rowsOf(shape: Shape): { rows: number; columns: number } {
  const columns = shape.at(-1) ?? 1;
  return { columns, rows: sizeOf(shape.slice(0, -1)) };
}

function asContiguous(tensor: Tensor, temporaries: Tensor[]): Tensor {
  if (tensor.isContiguous) return tensor;
  const copy = copyContiguous(tensor);
  temporaries.push(copy);
  return copy;
}

function contextOf<Attributes>(
  device: Device,
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
  attributes: Attributes,
  temporaries: Tensor[],
): GpujsContext<Attributes> {
  return {
    inputs,
    outputs,
    attributes,
    launch: (source, kernelArguments, cells, target) =>
      device.launch(source, kernelArguments, cells, target),
    temporary: (shape) => {
      const tensor = Tensor.allocate(device, "float32", shape);
      temporaries.push(tensor);
      return tensor;
    },
  };
}
