import type { RequestOutput, ScheduledRequest } from "@x/paged-scheduler";
import type { LogitRows } from "./runner/model-runner";

/** A request in a step, with its rows of logits. */
export interface SequenceStep {
  readonly entry: ScheduledRequest;
  /** One row of `[V]` for each row that `rowsOf` asked for; valid until the call returns. */
  readonly rows: readonly Float32Array[];
}

/** Who decides what a sequence's tokens are, and takes them. */
export interface SequenceHandler {
  /** Called when a step contains the sequence, before the model runs. */
  begin?(entry: ScheduledRequest): void;
  /** Rows of logits that the sequence needs from a step. */
  rowsOf(entry: ScheduledRequest): LogitRows;
  /**
   * The tokens of a step, as `Scheduler.update` takes them. An error ends this sequence alone.
   */
  choose(step: SequenceStep): readonly number[];
  /** Takes the tokens that the scheduler accepted. */
  advance(output: RequestOutput): void;
  /** Tokens that may come next, to be verified by the next step. */
  draft(tokens: Int32Array): readonly number[];
  /** Ends with an error. */
  fail(error: unknown): void;
}
