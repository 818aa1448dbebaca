import type { Device } from "@x/tensor";
import type { SequenceState } from "../causal-lm";
import { InvalidArgumentError } from "../errors";

/** A sequence whose keys and values the kernels of a `LlamaProgram` address in place. */
export abstract class ProgramState implements SequenceState {
  /** Where the keys and values lie. */
  abstract readonly device: Device;
  /** Changes whenever {@link ProgramState.describe} would write something else. */
  abstract readonly revision: number;
  abstract readonly bytes: number;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** @throws when `tokens` tokens more have no place. Nothing changes. */
  abstract assertRoom(tokens: number): void;

  /** Makes room for `tokens` tokens more. */
  abstract reserve(tokens: number): void;

  /** Writes where layer `layer` lies into row `row` of a cache table. */
  abstract describe(layer: number, table: Int32Array, row: number): void;

  abstract fork(): SequenceState;

  /** Notes that `tokens` tokens were written. */
  advance(tokens: number): void {
    this.#length += tokens;
  }

  crop(length: number): void {
    if (!Number.isInteger(length) || length < 0 || length > this.#length) {
      throw new InvalidArgumentError(
        `crop: cannot keep ${length} tokens of ${this.#length}; use 0 to ${this.#length}`,
        { length, held: this.#length },
      );
    }
    this.#length = length;
  }

  canCrop(length: number): boolean {
    return length <= this.#length;
  }

  dispose(): void {
    this.#length = 0;
  }

  /** As `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
