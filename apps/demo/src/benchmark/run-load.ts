import type { GenerationOptions, TextGenerator } from "@x/engine";
import { measureRequest, type RequestRecord } from "./measure-request";
import type { WorkItem } from "./workload";

/** A load and how it is sent. */
export interface LoadOptions {
  readonly items: readonly WorkItem[];
  /** When each is sent, in seconds from the start. */
  readonly arrivals: readonly number[];
  /** Most requests at a time; a request that is due then waits. */
  readonly maxConcurrency: number;
  readonly generation: GenerationOptions;
  readonly onProgress: (numDone: number) => void;
}

/** What a load took. */
export interface LoadResult {
  readonly records: readonly RequestRecord[];
  readonly durationMs: number;
  readonly peakConcurrency: number;
}

/** Sends the load, and waits for every answer. */
export async function runLoad(engine: TextGenerator, options: LoadOptions): Promise<LoadResult> {
  const { items, arrivals, maxConcurrency, generation, onProgress } = options;
  const startedAt = performance.now();
  const waiting: (() => void)[] = [];
  let numRunning = 0;
  let numDone = 0;
  let peakConcurrency = 0;
  const send = async (item: WorkItem, at: number): Promise<RequestRecord> => {
    await sleep(startedAt + 1000 * at - performance.now());
    if (numRunning >= maxConcurrency) await new Promise<void>((resolve) => waiting.push(resolve));
    else numRunning++;
    peakConcurrency = Math.max(peakConcurrency, numRunning);
    try {
      return await measureRequest(engine, item, generation);
    } finally {
      onProgress(++numDone);
      const next = waiting.shift();
      if (next === undefined) numRunning--;
      else next();
    }
  };
  const records = await Promise.all(items.map((item, index) => send(item, arrivals[index] ?? 0)));
  return { records, durationMs: performance.now() - startedAt, peakConcurrency };
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, milliseconds)));
}
