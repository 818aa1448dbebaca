import type { Tensor } from "@x/tensor";

/**
 * How a recurrence is computed. All three give the same result: `recurrent` goes token by token,
 * `chunked` computes within chunks by matrix products and hands a state from one to the next,
 * `parallel` takes the whole sequence as one chunk.
 */
export type RecurrenceForm = "recurrent" | "chunked" | "parallel";

/** Settings of every recurrence. */
export interface RecurrenceOptions {
  /**
   * Default: `recurrent` on devices with a kernel for it (`wasm`), else `chunked`. Single tokens go
   * through `recurrent` in any case.
   */
  readonly form?: RecurrenceForm;
  /**
   * Tokens per chunk of the `chunked` form, and between two states that its backward pass computes
   * again. Default 64.
   */
  readonly chunkSize?: number;
  /** `[B, H, K, V]` (`[S, H, K, V]` with `cuSeqlens`): the state after the tokens before. Default: zeros. */
  readonly initialState?: Tensor;
  /**
   * Sequences of different lengths, packed along T with B = 1: first token of each of the S
   * sequences, and the end of the last. Each has a state of its own.
   */
  readonly cuSeqlens?: ArrayLike<number>;
  /**
   * `[B, T]`, 0 for padding: it leaves the state as it is, whatever it holds. Its output means
   * nothing.
   */
  readonly mask?: Tensor;
}

/** What a recurrence gives. Dispose both. */
export interface RecurrenceResult {
  /** `[B, T, H, V]`. */
  readonly output: Tensor;
  /**
   * `[B, H, K, V]` (`[S, H, K, V]` with `cuSeqlens`): pass it as `initialState` to continue with the
   * next tokens.
   */
  readonly finalState: Tensor;
}

/** Operands with the heads before the time, as the chunked computation wants them. */
export interface Operands {
  /** `[B, H, T, K]`. */
  readonly queries: Tensor;
  /** `[B, H, T, K]`. */
  readonly keys: Tensor;
  /** `[B, H, T, V]`. */
  readonly values: Tensor;
  /** `[B, H, T, 1]` or `[B, H, T, K]`: logarithm of the factor on the state before each token. */
  readonly logDecay: Tensor | undefined;
  /** `[B, H, T, 1]`: write strength of the delta rule. */
  readonly beta: Tensor | undefined;
  /** `[B, H, K, V]`. */
  readonly state: Tensor;
}

/** Output `[B, H, T, V]` and final state of a stretch of tokens. */
export interface Stretch {
  readonly output: Tensor;
  readonly state: Tensor;
}
