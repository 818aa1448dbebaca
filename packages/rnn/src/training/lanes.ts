import { RecurrentInputError } from "../errors";

/** A window of a text for truncated backpropagation: int32 values of `[T, B]`. */
export interface Window {
  readonly inputs: Int32Array;
  /** The tokens that follow. */
  readonly targets: Int32Array;
}

/**
 * A text cut into `batch` lanes of equal length that are read side by side, `steps` tokens at a time,
 * so that the state after a window is the state before the next.
 */
export class Lanes {
  readonly steps: number;
  readonly batch: number;
  /** Windows of one pass over the text. */
  readonly windowCount: number;
  readonly #tokens: ArrayLike<number>;
  readonly #laneLength: number;

  /** @throws {RecurrentInputError} when the text is too short for one window. */
  constructor(tokens: ArrayLike<number>, { batch, steps }: { batch: number; steps: number }) {
    this.#tokens = tokens;
    this.batch = batch;
    this.steps = steps;
    this.#laneLength = Math.floor((tokens.length - 1) / batch);
    this.windowCount = Math.floor(this.#laneLength / steps);
    if (this.windowCount > 0) return;
    throw new RecurrentInputError(
      `training: ${tokens.length} tokens are too few for ${batch} lanes of ${steps}; use a longer text or fewer lanes`,
      { tokens: tokens.length, batch, steps },
    );
  }

  /** Window `index`; the text begins anew after {@link windowCount}. */
  window(index: number): Window {
    const first = (index % this.windowCount) * this.steps;
    const inputs = new Int32Array(this.steps * this.batch);
    const targets = new Int32Array(this.steps * this.batch);
    for (let t = 0; t < this.steps; t++) {
      for (let lane = 0; lane < this.batch; lane++) {
        const at = lane * this.#laneLength + first + t;
        inputs[t * this.batch + lane] = this.#tokens[at] ?? 0;
        targets[t * this.batch + lane] = this.#tokens[at + 1] ?? 0;
      }
    }
    return { inputs, targets };
  }

  /** Whether window `index` begins the text, where the state begins anew. */
  isStart(index: number): boolean {
    return index % this.windowCount === 0;
  }
}
