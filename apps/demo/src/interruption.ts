import { exitCodes, InterruptedError } from "./exit";

/** One Ctrl-C can arrive several times: from the terminal, from npm, from a parent script. */
const sameInterruptMs = 300;

/**
 * Merges reports of an interrupt that come together into one call of `handler`.
 *
 * @param handler - Gets the number of the interrupt, counted from 1.
 */
export function oncePerInterrupt(handler: (count: number) => void): () => void {
  let count = 0;
  let lastAt = Number.NEGATIVE_INFINITY;
  return () => {
    const now = performance.now();
    if (now - lastAt < sameInterruptMs) return;
    lastAt = now;
    count += 1;
    handler(count);
  };
}

/** A signal that Ctrl-C or a request to end aborts. */
export interface Interruption extends Disposable {
  readonly signal: AbortSignal;
  /** Exit code that fits what happened, when the signal is aborted. */
  readonly exitCode: number;
}

/** Listens for Ctrl-C and `SIGTERM`. A second Ctrl-C ends the process at once. */
export function listenForInterruption(): Interruption {
  const controller = new AbortController();
  let exitCode: number = exitCodes.interrupted;
  const abort = (code: number) => {
    if (!controller.signal.aborted) exitCode = code;
    controller.abort(new InterruptedError(code));
  };
  const onInterrupt = oncePerInterrupt((count) => {
    if (count > 1) process.exit(exitCodes.interrupted);
    abort(exitCodes.interrupted);
  });
  const onTerminate = () => abort(exitCodes.terminated);
  process.on("SIGINT", onInterrupt);
  process.on("SIGTERM", onTerminate);
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
    [Symbol.dispose]() {
      // After an interrupt the process ends; a late copy of it must not cut the last output off.
      if (controller.signal.aborted) return;
      process.off("SIGINT", onInterrupt);
      process.off("SIGTERM", onTerminate);
    },
  };
}
