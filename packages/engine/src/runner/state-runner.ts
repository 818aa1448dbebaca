import type { CausalLM, SequenceState } from "@x/models";
import type { ScheduledRequest, SchedulerOutput } from "@x/paged-scheduler";
import type { Tensor } from "@x/tensor";
import { type LogitRows, type ModelRunner, tokensOf } from "./model-runner";

/** Sizes of the memory that the scheduler divides. */
export interface StateRunnerSizes {
  readonly numBlocks: number;
  readonly blockSize: number;
  readonly cacheBytes: number;
}

/**
 * A state of its own for each request: for models of constant state, whose requests hold one block
 * each, and for models that attend on devices without paging, where the blocks only count.
 */
export class StateRunner implements ModelRunner {
  readonly numBlocks: number;
  readonly blockSize: number;
  readonly cacheBytes: number;
  readonly sharesPrefixes = false;
  readonly canRollBack: boolean;
  readonly #model: CausalLM;
  readonly #states = new Map<string, SequenceState>();

  constructor(model: CausalLM, { numBlocks, blockSize, cacheBytes }: StateRunnerSizes) {
    this.#model = model;
    this.numBlocks = numBlocks;
    this.blockSize = blockSize;
    this.cacheBytes = cacheBytes;
    this.canRollBack = model.config.kvHeads !== undefined;
  }

  forward(output: SchedulerOutput, rowsOf: (entry: ScheduledRequest) => LogitRows): Tensor {
    const chunks = output.scheduled.map((entry, index) => {
      const state = this.#stateOf(entry);
      return {
        state,
        tokenIds: withMissing(entry, state, tokensOf(output, index)),
        logits: rowsOf(entry),
      };
    });
    return this.#model.forward(chunks);
  }

  fork(parentId: string, childId: string, numTokens: number): void {
    const parent = this.#states.get(parentId);
    if (parent === undefined || numTokens === 0) return;
    if (parent.length !== numTokens && !parent.canCrop(numTokens)) return;
    const child = parent.fork();
    child.crop(numTokens);
    this.#states.set(childId, child);
  }

  release(id: string): void {
    this.#states.get(id)?.dispose();
    this.#states.delete(id);
  }

  dispose(): void {
    for (const id of [...this.#states.keys()]) this.release(id);
  }

  /** As `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** The request's state, holding none but tokens that the scheduler counts as computed. */
  #stateOf({ id, kind, numComputedTokens }: ScheduledRequest): SequenceState {
    const known = this.#states.get(id);
    if (known !== undefined && kind !== "resumed") {
      if (known.length === numComputedTokens) return known;
      if (known.length > numComputedTokens && known.canCrop(numComputedTokens)) {
        known.crop(numComputedTokens);
        return known;
      }
    }
    known?.dispose();
    const state = this.#model.createState();
    this.#states.set(id, state);
    return state;
  }
}

/** A request's tokens in a step, after those that its state should hold already but does not. */
function withMissing(
  { request, numComputedTokens }: ScheduledRequest,
  { length }: SequenceState,
  tokenIds: Int32Array,
): Int32Array {
  if (length === numComputedTokens) return tokenIds;
  return Int32Array.of(...request.tokens.subarray(length, numComputedTokens), ...tokenIds);
}
