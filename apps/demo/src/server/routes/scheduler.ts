import { eventStream } from "../responses/event-stream";
import type { ServerContext } from "../server-context";
import type { ServerEngine } from "../server-engine";

/** Between two events, in milliseconds. */
const intervalMs = 250;

/**
 * `GET /scheduler`: the scheduler's state as server-sent events, several a second, for as long as
 * someone listens. Each is the JSON of `{ stats, snapshot }`.
 */
export function watchScheduler(
  { signal }: Request,
  { engine, drainSignal }: ServerContext,
): Response {
  const stop = new AbortController();
  const end = () => {
    signal.removeEventListener("abort", end);
    drainSignal?.removeEventListener("abort", end);
    stop.abort();
  };
  signal.addEventListener("abort", end);
  drainSignal?.addEventListener("abort", end);
  return eventStream(schedulerStates(engine, stop.signal), { onCancel: end });
}

async function* schedulerStates(
  engine: ServerEngine,
  signal: AbortSignal,
): AsyncGenerator<object, void, undefined> {
  while (!signal.aborted) {
    yield { stats: engine.stats(), snapshot: engine.snapshot() };
    await sleep(intervalMs, signal);
  }
}

/** Resolves after a time, or at once when the signal is aborted. */
function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", wake);
      resolve();
    };
    const timer = setTimeout(wake, milliseconds);
    signal.addEventListener("abort", wake);
  });
}
