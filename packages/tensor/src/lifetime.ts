import type { GraphNode } from "./autograd/graph";
import { XError } from "./errors";
import type { Storage } from "./storage";
import type { Tensor } from "./tensor";
import { warn } from "./warnings";

/** A promise was returned to {@link tidy}, which frees tensors when its function returns. */
export class AsyncTidyError extends XError {
  readonly code = "ASYNC_TIDY";
}

const scopes: Set<Tensor>[] = [];

/**
 * The backstop: a tensor that was collected without `dispose()` gives its memory back, and is
 * counted. Only tensors outside every scope are watched; a scope disposes its own, and watching all
 * would double the garbage collector's work in a decoding loop.
 */
const collected = new FinalizationRegistry<Watched>(({ storage, node }) => {
  const { device } = storage;
  if (device.memory().leakedTensors === 0 && !device.isDisposed) {
    warn(
      `a tensor on ${device.name} was collected before it was disposed; use \`using\`, tidy() or dispose() (said once per device)`,
    );
  }
  device.tensorLeaked();
  storage.release();
  node?.release();
});

interface Watched {
  readonly storage: Storage;
  readonly node: GraphNode | undefined;
}

function watch(tensor: Tensor): void {
  if (tensor.isDisposed) return;
  collected.register(tensor, { storage: tensor.storage, node: tensor.graph?.node }, tensor);
}

/** Tells the backstop that `tensor` now also owns a node of the graph. @internal */
export function graphAttached(tensor: Tensor): void {
  if (!collected.unregister(tensor)) return;
  watch(tensor);
}

/** @internal */
export function registerTensor(tensor: Tensor, storage: Storage): void {
  storage.device.tensorCreated();
  const scope = scopes.at(-1);
  if (scope === undefined) watch(tensor);
  else scope.add(tensor);
}

/** @internal */
export function unregisterTensor(tensor: Tensor, storage: Storage): void {
  storage.device.tensorDisposed();
  for (const scope of scopes) {
    if (scope.delete(tensor)) return;
  }
  collected.unregister(tensor);
}

/**
 * Runs `compute` and disposes every tensor made meanwhile, except those in its result: a tensor,
 * or nested arrays and plain objects of tensors. Scopes nest; a result belongs to the scope around.
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
    const outer = scopes.at(-1);
    for (const tensor of scope) {
      if (!kept.has(tensor)) tensor.dispose();
      else if (outer === undefined) watch(tensor);
      else outer.add(tensor);
    }
  }
}

/** Takes `tensor` out of every open {@link tidy}: it lives until it is disposed. */
export function keep(tensor: Tensor): Tensor {
  let wasScoped = false;
  for (const scope of scopes) wasScoped = scope.delete(tensor) || wasScoped;
  if (wasScoped) watch(tensor);
  return tensor;
}

/** A tensor, or nested arrays and plain objects that hold some. */
function tensorsIn(result: unknown): Set<unknown> {
  const found = new Set<unknown>();
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null || found.has(value)) return;
    found.add(value);
    const prototype: unknown = Object.getPrototypeOf(value);
    const isPlain = Array.isArray(value) || prototype === Object.prototype || prototype === null;
    if (isPlain) for (const entry of Object.values(value)) visit(entry);
  };
  visit(result);
  return found;
}
