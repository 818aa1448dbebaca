import type { DType } from "../dtype";
import { AutogradError } from "../errors";
import { formatShape, type Shape } from "../shape";
import type { Storage } from "../storage";
import { Tensor } from "../tensor";

/**
 * A value that a backward pass will read: it keeps the memory alive after the tensor itself is
 * disposed, belongs to no scope, and notices when the memory was written meanwhile.
 */
export class SavedTensor {
  readonly #storage: Storage;
  readonly #version: number;
  readonly #dtype: DType;
  readonly #shape: Shape;
  readonly #strides: readonly number[];
  readonly #offset: number;

  constructor(tensor: Tensor) {
    this.#storage = tensor.storage;
    this.#version = tensor.storage.version;
    this.#dtype = tensor.dtype;
    this.#shape = tensor.shape;
    this.#strides = tensor.strides;
    this.#offset = tensor.offset;
    this.#storage.retain();
  }

  /** The value as a tensor of the open scope. @throws {AutogradError} when it was overwritten. */
  restore(operation: string): Tensor {
    if (this.#storage.version !== this.#version) {
      throw new AutogradError(
        `backward: a tensor ${formatShape(this.#shape)} that ${operation} needs was changed in place after it was used; assign to it after the backward pass`,
        { operation, shape: this.#shape },
      );
    }
    return Tensor.over({
      storage: this.#storage,
      dtype: this.#dtype,
      shape: this.#shape,
      strides: this.#strides,
      offset: this.#offset,
    });
  }

  release(): void {
    this.#storage.release();
  }
}
