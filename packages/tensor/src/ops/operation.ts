import { needsRecord, record } from "../autograd/record";
import { SavedTensor } from "../autograd/saved-tensor";
import { type BufferSlice, commonDevice, type Device } from "../device/device";
import { byteLengthOf, type DType, dtypeLayout } from "../dtype";
import { AutogradError, ShapeError } from "../errors";
import type { ArrayArgument, KernelArgument, KernelSource } from "../gpujs/kernel-source";
import type { IntegerBounds } from "../integer-bounds";
import { formatShape, type Shape, sameShape, sizeOf } from "../shape";
import { Tensor } from "../tensor";
import { copyContiguous } from "./copy-contiguous";
import type { OperationKernels } from "./operation-kernels";

/** Shape and dtype of a result, known before it is computed. */
export interface TensorSpec {
  readonly dtype: DType;
  readonly shape: Shape;
  /** What is known of an int32 result before it is computed. */
  readonly bounds?: IntegerBounds | undefined;
}

/** What a gpu.js definition works with. All inputs are contiguous. */
export interface GpujsContext<
  Attributes,
  Inputs extends readonly Tensor[] = readonly Tensor[],
  Outputs extends readonly Tensor[] = readonly Tensor[],
> {
  readonly inputs: Inputs;
  readonly outputs: Outputs;
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

/** What the gradient of an operation works with. */
export interface GradientContext<
  Attributes,
  Inputs extends readonly Tensor[] = readonly Tensor[],
  Outputs extends readonly Tensor[] = readonly Tensor[],
> {
  /** The operands, if the gradient saves them; else empty. */
  readonly inputs: Inputs;
  /** The results, if the gradient saves them; else empty. */
  readonly outputs: Outputs;
  /** Shapes of the operands, saved or not. */
  readonly inputShapes: readonly Shape[];
  readonly attributes: Attributes;
  /** Gradient of the first result. */
  readonly outputGradient: Tensor;
  /** Gradients of all results, `undefined` where none arrived. */
  readonly outputGradients: readonly (Tensor | undefined)[];
  /** Which operands need a gradient; others may be left `undefined`. */
  readonly needs: readonly boolean[];
}

/** How gradients flow through an operation. */
export interface Gradient<
  Attributes,
  Inputs extends readonly Tensor[] = readonly Tensor[],
  Outputs extends readonly Tensor[] = readonly Tensor[],
> {
  /** What the backward pass reads; the rest can be freed before it. */
  readonly saves: "inputs" | "outputs" | "both" | "neither";
  /**
   * Gradients of the operands, in their shapes, computed by operations. Runs in a scope of its
   * own, with recording off.
   */
  compute(context: GradientContext<Attributes, Inputs, Outputs>): readonly (Tensor | undefined)[];
}

/** An operation: what it takes, what it gives, its definition in gpu.js, and its gradient. */
export interface Operation<
  Attributes,
  Inputs extends readonly Tensor[] = readonly Tensor[],
  Outputs extends readonly Tensor[] = readonly Tensor[],
> {
  /** Unique name, under which devices register hand-written kernels. */
  readonly name: string;
  /** Checks the operands and says what comes out. Throws before anything changes. */
  infer(inputs: Inputs, attributes: Attributes): readonly TensorSpec[];
  /** The definition that runs on every device. */
  gpujs(context: GpujsContext<Attributes, Inputs, Outputs>): void;
  /**
   * `none` where results are not differentiable (indexes, comparisons), `unsupported` where the
   * gradient is not written: tracked operands are then refused instead of losing their gradient.
   */
  readonly gradient: Gradient<Attributes, Inputs, Outputs> | "none" | "unsupported";
  /** Kernels that the operation brings with it; the devices of this package register their own. */
  readonly kernels?: OperationKernels;
}

/** A hand-written kernel, which must equal the gpu.js definition within its stated bound. */
export interface Implementation {
  /** Whether the kernel takes operands of this layout and dtype. */
  accepts(inputs: readonly Tensor[], attributes: unknown): boolean;
  /** Computes `outputs`, whose memory is reserved and undefined. */
  run(inputs: readonly Tensor[], outputs: readonly Tensor[], attributes: unknown): void;
}

/**
 * Runs `operation` by the device's hand-written kernel where it has one, else by gpu.js, and
 * records it for the backward pass where an operand is tracked.
 */
export function runOperation<
  Attributes,
  Inputs extends readonly Tensor[],
  Outputs extends readonly Tensor[],
>(
  operation: Operation<Attributes, Inputs, Outputs>,
  inputs: Inputs,
  attributes: Attributes,
): Outputs {
  const device = commonDevice(operation.name, inputs);
  const specs = operation.infer(inputs, attributes);
  const isRecorded = operation.gradient !== "none" && needsRecord(inputs);
  if (isRecorded && operation.gradient === "unsupported") throw noGradientError(operation.name);
  const outputs: Tensor[] = [];
  try {
    for (const { dtype, shape, bounds } of specs) {
      const output = Tensor.allocate(device, dtype, shape);
      output.storage.setBounds(bounds);
      outputs.push(output);
    }
    compute(operation, device, inputs, outputs as unknown as Outputs, attributes);
    if (isRecorded) recordGradient(operation, inputs, outputs as unknown as Outputs, attributes);
    return outputs as unknown as Outputs;
  } catch (error) {
    for (const output of outputs) output.dispose();
    throw error;
  }
}

/** As {@link runOperation}, for the many operations with one result. */
export function runSingle<Attributes, Inputs extends readonly Tensor[]>(
  operation:
    | Operation<Attributes, Inputs, readonly Tensor[]>
    | Operation<Attributes, Inputs, [Tensor]>,
  inputs: Inputs,
  attributes: Attributes,
): Tensor {
  const [output] = runOperation(
    operation as Operation<Attributes, Inputs, [Tensor]>,
    inputs,
    attributes,
  );
  return output;
}

/**
 * As {@link runOperation}, with the results written over existing contiguous tensors, which may be
 * operands of an elementwise operation. Nothing is recorded.
 *
 * @throws {ShapeError} when a target has not the shape and dtype of its result, or has gaps.
 */
export function runInto<
  Attributes,
  Inputs extends readonly Tensor[],
  Outputs extends readonly Tensor[],
>(
  operation: Operation<Attributes, Inputs, Outputs>,
  inputs: Inputs,
  attributes: Attributes,
  targets: Outputs,
): void {
  const device = commonDevice(operation.name, [...inputs, ...targets]);
  operation.infer(inputs, attributes).forEach((spec, index) => {
    const target = targets[index];
    const fits = target?.isContiguous && target.dtype === spec.dtype;
    if (target !== undefined && fits && sameShape(target.shape, spec.shape)) return;
    throw new ShapeError(
      `${operation.name}: target ${index} must be a contiguous ${spec.dtype} ${formatShape(spec.shape)}`,
      { operation: operation.name, index, expected: spec.shape, given: target?.shape },
    );
  });
  compute(operation, device, inputs, targets, attributes);
  for (const { storage } of targets) storage.version++;
}

function compute<Attributes, Inputs extends readonly Tensor[], Outputs extends readonly Tensor[]>(
  operation: Operation<Attributes, Inputs, Outputs>,
  device: Device,
  inputs: Inputs,
  outputs: Outputs,
  attributes: Attributes,
): void {
  // Kernels may count on work to do.
  if (outputs.every(({ size }) => size === 0)) return;
  const temporaries: Tensor[] = [];
  try {
    const implementation = device.implementationOf(operation.name, operation.kernels);
    let operands = inputs;
    let isAccepted = implementation?.accepts(operands, attributes) ?? false;
    if (!isAccepted) {
      operands = inputs.map((input) => asContiguous(input, temporaries)) as unknown as Inputs;
      isAccepted = implementation?.accepts(operands, attributes) ?? false;
    }
    if (implementation !== undefined && isAccepted) {
      implementation.run(operands, outputs, attributes);
      device.onLaunch?.({ operation: operation.name, implementation: device.kernels });
    } else {
      operation.gpujs(contextOf(device, operands, outputs, attributes, temporaries));
      device.onLaunch?.({ operation: operation.name, implementation: "gpujs" });
    }
  } finally {
    for (const temporary of temporaries) temporary.dispose();
  }
}

function recordGradient<
  Attributes,
  Inputs extends readonly Tensor[],
  Outputs extends readonly Tensor[],
>(
  operation: Operation<Attributes, Inputs, Outputs>,
  inputs: Inputs,
  outputs: Outputs,
  attributes: Attributes,
): void {
  const { name, gradient } = operation;
  if (gradient === "none" || gradient === "unsupported") return;
  const savesInputs = gradient.saves === "inputs" || gradient.saves === "both";
  const savesOutputs = gradient.saves === "outputs" || gradient.saves === "both";
  const savedInputs = savesInputs ? inputs.map((input) => new SavedTensor(input)) : [];
  const savedOutputs = savesOutputs ? outputs.map((output) => new SavedTensor(output)) : [];
  const inputShapes = inputs.map(({ shape }) => shape);
  record({
    operation: name,
    inputs,
    outputs,
    saved: [...savedInputs, ...savedOutputs],
    compute: (outputGradients, needs) => {
      const outputGradient = outputGradients[0] ?? outputGradients.find((one) => one !== undefined);
      if (outputGradient === undefined) return [];
      return gradient.compute({
        inputs: savedInputs.map((saved) => saved.restore(name)) as unknown as Inputs,
        outputs: savedOutputs.map((saved) => saved.restore(name)) as unknown as Outputs,
        inputShapes,
        attributes,
        outputGradient,
        outputGradients,
        needs,
      });
    },
  });
}

function noGradientError(operation: string): AutogradError {
  return new AutogradError(
    `${operation}: it has no gradient; use noGrad, or detach() its operands`,
    { operation },
  );
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

function contextOf<Attributes, Inputs extends readonly Tensor[], Outputs extends readonly Tensor[]>(
  device: Device,
  inputs: Inputs,
  outputs: Outputs,
  attributes: Attributes,
  temporaries: Tensor[],
): GpujsContext<Attributes, Inputs, Outputs> {
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
