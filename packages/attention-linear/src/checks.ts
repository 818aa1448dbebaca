import { ShapeError, type Tensor } from "@x/tensor";
import { AttentionOptionError } from "./errors";
import type { GatedOperands } from "./gated-recurrence";
import type { RecurrenceOptions } from "./recurrence";

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
    hasShape(keys, [batch, time, heads, size]) &&
    values.rank === 4 &&
    values.shape.slice(0, 3).every((one, axis) => one === [batch, time, heads][axis]);
  if (fits) return;
  throw new ShapeError(
    `${name}: shapes ${[queries, keys, values].map(shapeText).join(", ")} do not fit; use queries and keys [B, T, H, K], values [B, T, H, V]`,
    { shapes: [queries.shape, keys.shape, values.shape] },
  );
}

/**
 * @throws {ShapeError} when gates, strengths, the state or the mask do not fit the operands.
 * {@link AttentionOptionError} when an option has a value that it cannot have.
 */
export function assertRecurrence(
  name: string,
  { queries, keys, values, logDecay, beta }: GatedOperands,
  { form = "recurrent", chunkSize = 64, initialState, cuSeqlens, mask }: RecurrenceOptions,
): void {
  assertOperandShapes(name, queries, keys, values);
  if (form !== "recurrent" && form !== "chunked" && form !== "parallel") {
    throw new AttentionOptionError(
      `${name}: form "${String(form)}" is unknown; use recurrent, chunked or parallel`,
      { form },
    );
  }
  if (!Number.isInteger(chunkSize) || chunkSize < 1) {
    throw new AttentionOptionError(
      `${name}: chunkSize ${chunkSize} is not an integer of 1 or more; use 64`,
      { chunkSize },
    );
  }
  const [batch = 0, time = 0, heads = 0, keySize = 0] = queries.shape;
  const perToken = [batch, time, heads];
  if (logDecay !== undefined && !hasShape(logDecay, perToken)) {
    assertShape(name, "the log-gates", logDecay, [...perToken, keySize]);
  }
  if (beta !== undefined) assertShape(name, "beta", beta, perToken);
  if (mask !== undefined) assertShape(name, "the mask", mask, [batch, time]);
  if (cuSeqlens !== undefined) assertSequences(name, cuSeqlens, batch, time);
  if (initialState !== undefined) {
    const sequences = cuSeqlens === undefined ? batch : cuSeqlens.length - 1;
    const shape = [sequences, heads, keySize, values.dimension(3)];
    assertShape(name, "the initial state", initialState, shape);
  }
}

function assertSequences(
  name: string,
  cuSeqlens: ArrayLike<number>,
  batch: number,
  time: number,
): void {
  const starts = Array.from(cuSeqlens);
  const isRising = starts.every(
    (start, index) => Number.isInteger(start) && start >= (starts[index - 1] ?? 0),
  );
  if (batch === 1 && isRising && starts[0] === 0 && starts.at(-1) === time) return;
  throw new AttentionOptionError(
    `${name}: cuSeqlens [${starts.join(", ")}] does not cut ${batch} × ${time} tokens; use B = 1 and integers that rise from 0 to T`,
    { cuSeqlens: starts, batch, time },
  );
}

function assertShape(name: string, what: string, tensor: Tensor, shape: readonly number[]): void {
  if (hasShape(tensor, shape)) return;
  throw new ShapeError(
    `${name}: ${what} has shape ${shapeText(tensor)}; use [${shape.join(", ")}]`,
    { shape: tensor.shape, expected: shape },
  );
}

function hasShape(tensor: Tensor, shape: readonly (number | undefined)[]): boolean {
  return tensor.rank === shape.length && tensor.shape.every((one, axis) => one === shape[axis]);
}

function shapeText({ shape }: Tensor): string {
  return `[${shape.join(", ")}]`;
}
