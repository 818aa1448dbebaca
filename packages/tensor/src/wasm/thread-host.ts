/** A worker thread, whatever the platform calls it. */
export interface WorkerThread {
  post(message: unknown): void;
  /** Ends the thread at once, wherever it is. */
  terminate(): void;
  /** Lets the process end although the thread lives. */
  unref(): void;
}

/** What happens to a worker thread. */
export interface WorkerThreadEvents {
  readonly onMessage: (message: unknown) => void;
  /** The thread ended, or met an error that nothing caught. */
  readonly onEnd: (cause: unknown) => void;
}

interface NodeWorker {
  on(event: string, listener: (value: unknown) => void): void;
  postMessage(message: unknown): void;
  terminate(): Promise<number>;
  unref(): void;
}

interface NodeWorkerThreads {
  readonly Worker: new (source: string, options: { eval: true; name: string }) => NodeWorker;
}

interface NodeOs {
  availableParallelism(): number;
}

interface HostGlobals {
  readonly process?: { getBuiltinModule?(name: string): unknown };
  readonly crossOriginIsolated?: boolean;
  readonly document?: unknown;
}

const host = globalThis as unknown as HostGlobals;

/** A module of Node, reached without an import that a bundler for browsers would stumble over. */
function nodeModule(name: string): unknown {
  return host.process?.getBuiltinModule?.(name);
}

/**
 * Whether memory can be shared with workers here: always in Node, in a page only when it is
 * cross-origin isolated.
 */
export function canShareMemory(): boolean {
  if (nodeModule("node:worker_threads") !== undefined) return true;
  return typeof Worker === "function" && host.crossOriginIsolated === true;
}

/** Whether this thread may sleep in `Atomics.wait`; the main thread of a page may not. */
export function canBlock(): boolean {
  return host.document === undefined;
}

/** Threads that the system runs at once. */
export function availableThreads(): number {
  const os = nodeModule("node:os") as NodeOs | undefined;
  return os?.availableParallelism() ?? globalThis.navigator?.hardwareConcurrency ?? 1;
}

/**
 * Starts a worker from source text that runs in Node and in browsers, so that no bundler has to find
 * a file.
 *
 * @throws What the platform throws when it allows no worker, for example by a page's policy.
 */
export function startWorkerThread(source: string, events: WorkerThreadEvents): WorkerThread {
  const threads = nodeModule("node:worker_threads") as NodeWorkerThreads | undefined;
  return threads === undefined
    ? startWebWorker(source, events)
    : startNodeWorker(threads, source, events);
}

function startNodeWorker(
  { Worker }: NodeWorkerThreads,
  source: string,
  { onMessage, onEnd }: WorkerThreadEvents,
): WorkerThread {
  const worker = new Worker(source, { eval: true, name: "x-tensor" });
  worker.on("message", onMessage);
  worker.on("error", onEnd);
  worker.on("exit", onEnd);
  return {
    post: (message) => worker.postMessage(message),
    terminate: () => void worker.terminate(),
    unref: () => worker.unref(),
  };
}

function startWebWorker(source: string, { onMessage, onEnd }: WorkerThreadEvents): WorkerThread {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(url, { name: "x-tensor" });
  worker.onmessage = ({ data }) => {
    URL.revokeObjectURL(url);
    onMessage(data);
  };
  worker.onerror = ({ message }) => onEnd(message);
  return {
    post: (message) => worker.postMessage(message),
    terminate: () => worker.terminate(),
    unref: () => {},
  };
}
