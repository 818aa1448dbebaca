import { randomUUID } from "node:crypto";
import { link, open, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { guardStorage, systemErrorCode } from "./system-error";

/** A lock that this process holds. */
export interface FileLock {
  /** Gives the lock to the next process. */
  release(): Promise<void>;
}

/** How {@link acquireFileLock} waits. */
export interface FileLockOptions {
  /** Stops the waiting; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called once, when another process holds the lock. */
  readonly onWait?: (() => void) | undefined;
  /** Pause between two looks at a taken lock, in milliseconds. Default 200. */
  readonly pollMs?: number | undefined;
}

const heartbeatMs = 2_000;
const staleAfterMs = 15_000;

/**
 * Takes an advisory lock between processes: a file that only one process can create.
 *
 * A holder that died leaves its file behind. The next process takes it over when the holder's
 * process is gone (same machine) or has not touched the file for 15 seconds (another machine).
 *
 * @throws {@link ModelFileError} when the lock file cannot be created.
 */
export async function acquireFileLock(
  path: string,
  { signal, onWait, pollMs = 200 }: FileLockOptions = {},
): Promise<FileLock> {
  let waiting = false;
  for (;;) {
    signal?.throwIfAborted();
    const lock = await guardStorage("lock", path, () => tryCreate(path));
    if (lock !== undefined) return lock;
    if (await removeWhenStale(path)) continue;
    if (!waiting) onWait?.();
    waiting = true;
    try {
      await delay(pollMs, undefined, { signal });
    } catch {
      signal?.throwIfAborted();
    }
  }
}

async function tryCreate(path: string): Promise<FileLock | undefined> {
  const owner = JSON.stringify({ pid: process.pid, host: hostname(), token: randomUUID() });
  try {
    const file = await open(path, "wx");
    try {
      await file.writeFile(owner);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (systemErrorCode(error) === "EEXIST") return undefined;
    throw error;
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined);
  }, heartbeatMs);
  heartbeat.unref();
  return {
    async release() {
      clearInterval(heartbeat);
      if ((await readOwner(path)) === owner) await rm(path, { force: true });
    },
  };
}

/** Returns true when the caller should try to take the lock again at once. */
async function removeWhenStale(path: string): Promise<boolean> {
  const owner = await readOwner(path);
  if (owner === undefined) return true;
  if (!(await isStale(path, owner))) return false;
  // Renaming lets only one of several waiting processes remove a given lock file.
  const taken = `${path}.${randomUUID()}`;
  try {
    await rename(path, taken);
  } catch {
    return true;
  }
  // Another process took over between our look and the rename: put its lock back.
  if ((await readOwner(taken)) !== owner) await link(taken, path).catch(() => undefined);
  await rm(taken, { force: true });
  return true;
}

async function isStale(path: string, owner: string): Promise<boolean> {
  const { pid, host } = parseOwner(owner);
  if (host === hostname() && pid !== undefined && !isRunning(pid)) return true;
  try {
    return Date.now() - (await stat(path)).mtimeMs > staleAfterMs;
  } catch {
    return false;
  }
}

/** The content of the lock file; undefined when there is none. */
async function readOwner(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    return systemErrorCode(error) === "ENOENT" ? undefined : "";
  }
}

/** The file is empty for a moment after its creation; then nobody is known to be dead. */
function parseOwner(owner: string): { pid?: number; host?: string } {
  try {
    return JSON.parse(owner) ?? {};
  } catch {
    return {};
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemErrorCode(error) === "EPERM";
  }
}
