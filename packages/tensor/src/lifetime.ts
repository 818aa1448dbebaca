import { XError } from "./errors";
import type { Storage } from "./storage";
import type { Tensor } from "./tensor";

/** A promise was returned to {@link tidy}, which frees tensors when its function returns. */
export class AsyncTidyError extends XError {
  readonly code = "ASYNC_TIDY";
}

const scopes: Set<Tensor>[] = [];

/** The backstop: a tensor that was collected without `dispose()` gives its memory back, and is counted. */
const collected = new FinalizationRegistry<Storage>((storage) => {
  storage.device.tensorLeaked();
  storage.release();
});

/** @internal */
export function registerTensor(tensor: Tensor, storage: Storage): void {
  scopes.at(-1)?.add(tensor);
  storage.device.tensorCreated();
  collected.register(tensor, storage, tensor);
}

/** @internal */
export function unregisterTensor(tensor: Tensor, storage: Storage): void {
  for (const scope of scopes) scope.delete(tensor);
  collected.unregister(tensor);
  storage.device.tensorDisposed();
}

/**
 * Runs `compute` and disposes every tensor made meanwhile, except those in its result: a tensor,
 * or an array or plain object of tensors. Scopes nest; a result belongs to the scope around.
 *
 * @throws {AsyncTidyError} when `compute` returns a promise: use `using` in asynchronous code.
 *
 * @example
 * ```ts
 * const normalized = tidy(() => div(values, sum(values)));
 * ```
 */
export function tidy<Result>(compute: () => Result): Result {
  const scope = new Set<Tensor>();
  scopes.push(scope);
  let kept: Set<unknown> = new Set();
  try {
    const result = compute();
    if (result instanceof Promise) {
      throw new AsyncTidyError("tidy: the function returned a promise; use `using` instead");
    }
    kept = tensorsIn(result);
    return result;
  } finally {
    scopes.pop();
    for (const tensor of scope) {
      if (kept.has(tensor)) scopes.at(-1)?.add(tensor);
      else tensor.dispose();
    }
  }
}

/** Takes `tensor` out of every open {@link tidy}: it lives until it is disposed. */
export function keep(tensor: Tensor): Tensor {
  for (const scope of scopes) scope.delete(tensor);
  return tensor;
}

/** A tensor, or an object or array (one level deep) that holds some. */
function tensorsIn(result: unknown): Set<unknown> {
  if (typeof result !== "object" || result === null) return new Set();
  return new Set([result, ...Object.values(result)]);
}
