import type { SequenceChunk } from "@x/models";
import type { ScheduledRequest, SchedulerOutput } from "@x/paged-scheduler";
import type { Tensor } from "@x/tensor";

/** Which rows of logits a request needs from a step. */
export type LogitRows = NonNullable<SequenceChunk["logits"]>;

/** Runs a model on the steps of a scheduler, and holds what it remembers of each request. */
export interface ModelRunner extends Disposable {
  /** Blocks of the pool that the scheduler hands out, the reserved one included. */
  readonly numBlocks: number;
  /** Tokens of a block. */
  readonly blockSize: number;
  /** Bytes of keys and values, or of states, when all blocks are in use. */
  readonly cacheBytes: number;
  /** Whether blocks can be found again by their content. */
  readonly sharesPrefixes: boolean;
  /** Whether drafts that turn out wrong can be taken back. */
  readonly canRollBack: boolean;
  /**
   * Runs the model once.
   *
   * @returns Logits, float32 `[R, V]`: the rows asked for, in the order of the requests. Dispose it.
   */
  forward(output: SchedulerOutput, rowsOf: (entry: ScheduledRequest) => LogitRows): Tensor;
  /** Lets `childId` continue from the first `numTokens` tokens that `parentId` has computed. */
  fork(parentId: string, childId: string, numTokens: number): void;
  /** Forgets a request. */
  release(id: string): void;
  /** Gives all memory back. */
  dispose(): void;
}

/** The tokens of request `index` in a step. */
export function tokensOf({ tokenIds, cuSeqlens }: SchedulerOutput, index: number): Int32Array {
  return tokenIds.subarray(cuSeqlens[index], cuSeqlens[index + 1]);
}
