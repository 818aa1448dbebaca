import { DisposedError } from "@x/tensor";
import type { CausalLM, SequenceState, StateOptions } from "../causal-lm";
import { InvalidArgumentError } from "../errors";

/**
 * The tokens of one sequence with the model's state of them. Given to successive calls of
 * `generate`, it spares the computation of what their prompts have in common: a conversation costs
 * only its new turn.
 */
export class GenerationState implements Disposable {
  readonly #state: SequenceState;
  #tokenIds: number[] = [];
  #busy = false;
  #disposed = false;

  constructor(model: CausalLM, options?: StateOptions) {
    this.#state = model.createState(options);
  }

  /** The tokens that the state covers. */
  get tokenIds(): readonly number[] {
    return this.#tokenIds;
  }

  /** Bytes that the state holds. */
  get bytes(): number {
    return this.#state.bytes;
  }

  /** The model's state, with which to call `forward`. */
  get sequence(): SequenceState {
    return this.#state;
  }

  /** Notes tokens that a `forward` took in. */
  append(tokenIds: readonly number[]): void {
    this.#tokenIds = this.#tokenIds.concat(tokenIds);
  }

  /**
   * Keeps what the state has in common with `tokenIds`, but never all of them: the last token has
   * to be computed for its logits. A bounded cache that dropped tokens in between starts afresh.
   *
   * @returns Number of tokens kept.
   */
  rewindTo(tokenIds: readonly number[]): number {
    const limit = Math.min(this.#tokenIds.length, tokenIds.length - 1);
    let common = 0;
    while (common < limit && this.#tokenIds[common] === tokenIds[common]) common++;
    if (!this.#state.canCrop(common)) common = 0;
    this.#state.crop(common);
    this.#tokenIds = this.#tokenIds.slice(0, common);
    return common;
  }

  /**
   * Reserves the state for one generation at a time.
   *
   * @throws {InvalidArgumentError} while another one runs on it. @throws {DisposedError} after
   * `dispose()`.
   */
  acquire(): void {
    if (this.#disposed) {
      throw new DisposedError("generate: the state was disposed; make another with createState()");
    }
    if (this.#busy) {
      throw new InvalidArgumentError(
        "generate: another generation runs on this state; wait for it or use a state of its own",
      );
    }
    this.#busy = true;
  }

  /** Ends the reservation. */
  release(): void {
    this.#busy = false;
  }

  /** Frees the model's state. Safe to call twice. */
  dispose(): void {
    this.#disposed = true;
    this.#state.dispose();
    this.#tokenIds = [];
  }

  /** As `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
