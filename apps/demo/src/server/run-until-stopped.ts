import { exitCodes } from "../exit";
import { oncePerInterrupt } from "../interruption";
import type { NodeServer } from "./node-server";

/** How a server ends. */
export interface StopOptions {
  /** Takes no more requests once aborted. */
  readonly drain: AbortController;
  /** Ends what runs once aborted. */
  readonly abort: AbortController;
  /** Time for what runs to finish by itself, in milliseconds. */
  readonly graceMs: number;
  /** Says what happens. */
  readonly log: (line: string) => void;
}

/** Time for answers that were ended to reach their readers, in milliseconds. */
const lastWordsMs = 2000;

/**
 * Waits for Ctrl-C or `SIGTERM`, then for the requests that run: until they finish, then, when
 * `graceMs` is over, until they have been ended. A second signal ends the process at once.
 */
export async function runUntilStopped(server: NodeServer, options: StopOptions): Promise<void> {
  const { drain, abort, graceMs, log } = options;
  await firstSignal();
  log("stopping: finishing what runs; once more to stop at once");
  drain.abort();
  const closed = server.close();
  if (await endsWithin(closed, graceMs)) return;
  log("stopping: ending what still runs");
  abort.abort();
  if (await endsWithin(closed, lastWordsMs)) return;
  server.closeConnections();
  await closed;
}

function firstSignal(): Promise<void> {
  return new Promise((resolve) => {
    let exitCode: number = exitCodes.interrupted;
    const onSignal = oncePerInterrupt((count) => {
      if (count > 1) process.exit(exitCode);
      resolve();
    });
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", () => {
      exitCode = exitCodes.terminated;
      onSignal();
    });
  });
}

async function endsWithin(promise: Promise<void>, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), milliseconds);
  });
  try {
    return await Promise.race([promise.then(() => true as const), timeout]);
  } finally {
    clearTimeout(timer);
  }
}
