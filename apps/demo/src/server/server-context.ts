import type { GenerationRunner } from "./generation-runner";
import type { MetricsExporter } from "./metrics-exporter";
import type { PageFile } from "./page-files";
import type { RequestGate } from "./request-gate";
import type { ServerEngine } from "./server-engine";

/** What the routes share. */
export interface ServerContext {
  readonly engine: ServerEngine;
  readonly gate: RequestGate;
  readonly runner: GenerationRunner;
  readonly metrics: MetricsExporter | undefined;
  /** Names by which clients may ask for the model; the first is the one that is reported. */
  readonly modelNames: readonly string[];
  readonly maxBodyBytes: number;
  /** The web page's files by path. */
  readonly page: ReadonlyMap<string, PageFile> | undefined;
  /** When the server began, in seconds. */
  readonly startedAt: number;
  /** Aborted when the server takes no more requests. */
  readonly drainSignal: AbortSignal | undefined;
  /** Told of what no client is told. */
  readonly onError: (error: unknown) => void;
}
