import { isBlockDType } from "../dtype";
import type { KernelFactory } from "../gpujs/kernel-factory";
import type { KernelArgument, KernelSource } from "../gpujs/kernel-source";
import { contiguous } from "../ops/contiguous";
import { sliceOf } from "../ops/operation";
import type { Tensor, TensorData } from "../tensor";
import { type BufferSlice, Device } from "./device";
import { elementsIn } from "./host-elements";

/** A device whose memory the host sees: tensors are read and written in place. */
export abstract class HostDevice extends Device {
  readonly access = "in-place";
  readonly #factory: KernelFactory;

  /** @internal */
  constructor(factory: KernelFactory) {
    super();
    this.#factory = factory;
  }

  override write(slice: BufferSlice, values: ArrayLike<number>): void {
    elementsIn(this.bytes(slice), slice.dtype).set(values);
  }

  override fill(slice: BufferSlice, value: number): void {
    elementsIn(this.bytes(slice), slice.dtype).fill(value);
  }

  override copyRuns(
    source: BufferSlice,
    target: BufferSlice,
    runLength: number,
    starts: readonly number[],
  ): void {
    const from = elementsIn(this.bytes(source), source.dtype);
    const to = elementsIn(this.bytes(target), target.dtype);
    starts.forEach((start, run) => {
      to.set(from.subarray(run * runLength, (run + 1) * runLength), start);
    });
  }

  override async read(tensor: Tensor): Promise<TensorData> {
    return this.readSync(tensor);
  }

  override readSync(tensor: Tensor): TensorData {
    this.assertUsable();
    using dense = contiguous(tensor);
    const copy = this.bytes(sliceOf(dense)).slice();
    return isBlockDType(tensor.dtype) ? copy : elementsIn(copy, tensor.dtype);
  }

  override launch(
    source: KernelSource,
    kernelArguments: readonly KernelArgument[],
    output: readonly number[],
    target: BufferSlice,
  ): void {
    this.#factory.run(source, kernelArguments, output, (slice) => this.bytes(slice), target);
  }

  protected override release(): void {
    this.#factory.dispose();
  }
}
