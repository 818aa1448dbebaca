import { ShapeError, type Tensor } from "@x/tensor";
import { AttentionOptionError } from "./errors";

/**
 * How a recurrence is computed. All three give the same result: `recurrent` goes token by token,
 * `chunked` computes within chunks by matrix products and hands a state from one to the next,
 * `parallel` takes the whole sequence as one chunk.
 */
export type RecurrenceForm = "recurrent" | "chunked" | "parallel";

/** Settings of every recurrence. */
export interface RecurrenceOptions {
  /** Default `chunked`; a single token goes through `recurrent` in any case. */
  readonly form?: RecurrenceForm;
  /** Tokens per chunk. Default 64. */
  readonly chunkSize?: number;
  /** `[B, H, K, V]`, the state after the tokens before. Default: zeros. */
  readonly initialState?: Tensor;
}

/** What a recurrence gives. Dispose both. */
export interface RecurrenceResult {
  /** `[B, T, H, V]`. */
  readonly output: Tensor;
  /** `[B, H, K, V]`: pass it as `initialState` to continue with the next tokens. */
  readonly finalState: Tensor;
}

/** Operands with the heads before the time, as the computation wants them. */
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

/** @throws {ShapeError} unless the operands are `[B, T, H, K]`, `[B, T, H, K]`, `[B, T, H, V]`. */
export function assertOperandShapes(
  name: string,
  queries: Tensor,
  keys: Tensor,
  values: Tensor,
): void {
  const [batch, time, heads, size] = queries.shape;
  const fits =
    queries.rank === 4 &&
    keys.rank === 4 &&
    values.rank === 4 &&
    keys.shape.every((one, axis) => one === [batch, time, heads, size][axis]) &&
    values.shape.slice(0, 3).every((one, axis) => one === [batch, time, heads][axis]);
  if (fits) return;
  const shapes = [queries, keys, values].map(({ shape }) => `[${shape.join(", ")}]`);
  throw new ShapeError(
    `${name}: shapes ${shapes.join(", ")} do not fit; use queries and keys [B, T, H, K], values [B, T, H, V]`,
    { shapes: [queries.shape, keys.shape, values.shape] },
  );
}

/** @throws {AttentionOptionError} unless `chunkSize` is a whole number of tokens. */
export function assertChunkSize(name: string, chunkSize: number): void {
  if (Number.isInteger(chunkSize) && chunkSize >= 1) return;
  throw new AttentionOptionError(`${name}: chunkSize ${chunkSize} is not an integer of 1 or more`, {
    chunkSize,
  });
}
