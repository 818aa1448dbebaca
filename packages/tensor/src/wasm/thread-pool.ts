import { KernelError } from "../errors";
import type { KernelExports } from "./kernel-exports";
import {
  availableThreads,
  canBlock,
  canShareMemory,
  startWorkerThread,
  type WorkerThread,
} from "./thread-host";
import { workerSource } from "./worker-source";

/** More threads than this gain little, as they wait for the same memory. */
const maximumDefaultThreads = 8;

/**
 * Control blocks lie at fixed addresses below the allocator's memory. A pool that lost a thread goes
 * on with the next one, so that a thread which wakes up late finds nothing to disturb.
 */
const controlAddresses = [2048, 2560, 3072, 3584];

/** What {@link ThreadPool.start} works with. */
export interface ThreadPoolParts {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly kernels: KernelExports;
  /** Threads, the calling one included. */
  readonly threads: number;
  /** Milliseconds without progress after which a thread counts as dead. Default 4000. */
  readonly stallTimeoutMs?: number;
}

/** Threads to use when nobody says: as many as the system runs at once, at most 8. */
export function defaultThreads(): number {
  if (!canShareMemory()) return 1;
  return Math.max(1, Math.min(availableThreads(), maximumDefaultThreads));
}

/**
 * The threads that run programs over one memory. They sleep when there is nothing to do, and take
 * parts of a program as it comes: one that is slow, late or dead keeps nobody waiting unless it is
 * in the middle of a part.
 */
export class ThreadPool implements Disposable {
  readonly #parts: ThreadPoolParts;
  readonly #stallTimeoutMs: number;
  readonly #workers = new Set<WorkerThread>();
  #generation = 0;
  #disposed = false;

  private constructor(parts: ThreadPoolParts) {
    this.#parts = parts;
    this.#stallTimeoutMs = parts.stallTimeoutMs ?? 4000;
    this.#clearControl();
  }

  /** Starts the threads and waits until they are ready. Those that cannot be started are left out. */
  static async start(parts: ThreadPoolParts): Promise<ThreadPool> {
    const pool = new ThreadPool(parts);
    await pool.#startWorkers(parts.threads - 1);
    return pool;
  }

  /** Threads that there were at the start; their numbers stay below it. */
  get maximumThreads(): number {
    return this.#parts.threads;
  }

  /** Threads that work, the calling one included. */
  get threads(): number {
    return this.#workers.size + 1;
  }

  /**
   * Runs the program at address `program` to its end.
   *
   * @param scratch - Address of `maximumThreads * scratchStride` bytes that the program may overwrite.
   * @throws {KernelError} when a thread died or met an error in the middle of it: what the program
   * writes is undefined then. The next call runs on the threads that are left.
   */
  run(program: number, scratch: number, scratchStride: number): void {
    const { kernels } = this.#parts;
    const control = this.#control;
    try {
      kernels.startProgram(control, program, scratch, scratchStride);
      let outcome = kernels.joinProgram(control);
      if (outcome === 1) outcome = this.#waitForThreads(control);
      if (outcome === 0) return;
    } catch (cause) {
      this.#replaceWorkers(this.#workers.size);
      throw new KernelError("a kernel met an error; report it", {}, { cause });
    }
    const lost = this.threads;
    this.#replaceWorkers(this.#workers.size - 1);
    throw new KernelError(
      "a worker thread ended in the middle of a computation, whose result is lost; run it again",
      { threads: lost },
    );
  }

  /** Ends the threads. */
  dispose(): void {
    this.#disposed = true;
    this.#endWorkers();
  }

  /** As `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  get #control(): number {
    return controlAddresses[this.#generation % controlAddresses.length] ?? 0;
  }

  /** Lets the other threads run until they are done, or one must be dead. */
  #waitForThreads(control: number): number {
    const { kernels, memory } = this.#parts;
    const words = new Int32Array(memory.buffer, control, 1);
    const mayBlock = canBlock();
    let waited = 0;
    let before = performance.now();
    while (waited < this.#stallTimeoutMs) {
      // On a busy machine the thread that is waited for may need this very processor.
      if (mayBlock) Atomics.wait(words, 0, Atomics.load(words, 0), 0.05);
      const outcome = kernels.joinProgram(control);
      if (outcome !== 1) return outcome;
      const now = performance.now();
      // A machine that was suspended shows as one long step, which says nothing about the thread.
      waited += Math.min(now - before, 50);
      before = now;
    }
    return 2;
  }

  #clearControl(): void {
    const { memory, kernels } = this.#parts;
    new Uint8Array(memory.buffer, this.#control, kernels.programControlBytes()).fill(0);
  }

  #endWorkers(): void {
    this.#parts.kernels.stopWorkers(this.#control);
    for (const worker of this.#workers) worker.terminate();
    this.#workers.clear();
  }

  #replaceWorkers(count: number): void {
    this.#endWorkers();
    this.#generation++;
    this.#clearControl();
    void this.#startWorkers(count);
  }

  async #startWorkers(count: number): Promise<void> {
    const ready: Promise<void>[] = [];
    for (let thread = 1; thread <= count; thread++) ready.push(this.#startWorker(thread));
    await Promise.all(ready);
  }

  /** Resolves when the thread serves, or when it turned out that it cannot. */
  #startWorker(thread: number): Promise<void> {
    const { module, memory } = this.#parts;
    const control = this.#control;
    return new Promise((resolve) => {
      let worker: WorkerThread;
      const onEnd = () => {
        this.#workers.delete(worker);
        resolve();
      };
      const onMessage = () => {
        worker.unref();
        if (this.#disposed || control !== this.#control) worker.terminate();
        else this.#workers.add(worker);
        resolve();
      };
      try {
        worker = startWorkerThread(workerSource, { onMessage, onEnd });
        worker.post({ module, memory, control, thread });
      } catch {
        resolve();
      }
    });
  }
}
