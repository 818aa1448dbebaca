import type { BlockCopy } from "./kv-cache-manager";
import type { RequestView } from "./request";
import type { FinishReason } from "./stop-conditions";

/** One request's part of a step. */
export interface ScheduledRequest {
  readonly id: string;
  readonly request: RequestView;
  /**
   * `new` in its first step, `resumed` in the first after a preemption: take `blockTables` whole.
   * `running` otherwise: append `newBlocks`, apply `copies`.
   */
  readonly kind: "new" | "resumed" | "running";
  /** Tokens computed before this step: the position of the first one in it. */
  readonly numComputedTokens: number;
  /** Tokens in this step, drafts included. */
  readonly numScheduledTokens: number;
  /** Proposed tokens at the end of those, to be verified. */
  readonly draftTokens: readonly number[];
  /** Rows of logits to compute: 0 in the middle of a prompt, else 1 + number of drafts. */
  readonly numLogitRows: number;
  /** Tokens to sample from the only row: `n` at the first token of a request with `n` outputs. */
  readonly numSamples: number;
  /** Block ids by position, per group; valid until the next `schedule`. */
  readonly blockTables: readonly Int32Array[];
  /** Blocks taken in this step, per group. */
  readonly newBlocks: readonly (readonly number[])[];
}

/** Everything a runtime needs to run the model once. */
export interface SchedulerOutput {
  /** Number of the step, from 0. */
  readonly step: number;
  /** The requests of the step, in the order of the flat arrays. */
  readonly scheduled: readonly ScheduledRequest[];
  /** Tokens in the step: `N`. */
  readonly numScheduledTokens: number;
  /** Token ids, shape `[N]`. */
  readonly tokenIds: Int32Array;
  /** Position of each token in its sequence, shape `[N]`. */
  readonly positions: Int32Array;
  /** Where each request's tokens begin, shape `[requests + 1]`, from 0 to `N`. */
  readonly cuSeqlens: Int32Array;
  /** Slot of each token, `block * blockSize + offset`; shape `[N]` per group. */
  readonly slotMappings: readonly Int32Array[];
  /** Rows of the flat batch whose logits are needed, ascending. */
  readonly logitRows: Int32Array;
  /** Blocks to copy, one after the other, before anything is written. */
  readonly copies: readonly BlockCopy[];
  /** Requests that lost their blocks in this step. */
  readonly preemptedIds: readonly string[];
  /** Requests that ended since the last step. An id may be in `scheduled` anew: drop it first. */
  readonly finishedIds: readonly string[];
}

/** What an `update` brought for one request. */
export interface RequestOutput {
  readonly id: string;
  /** The request that it was forked from, when it was. */
  readonly parentId: string | undefined;
  /** The tokens to emit: what was sampled, cut after a stop token. */
  readonly newTokens: readonly number[];
  readonly finishReason: FinishReason | undefined;
  /** The stop token, when one of `stopTokenIds` ended the request. */
  readonly stopReason: number | undefined;
}
