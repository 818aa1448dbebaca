import type { DownloadProgress } from "@x/models/node";
import { SingleBar } from "cli-progress";
import { formatBytes } from "./units";

/** Standard error, or what stands for it in a test. */
export interface ProgressOutput {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

/** Shows what takes time before an answer begins. */
export interface Progress {
  showDownload(model: string, event: DownloadProgress): void;
  showLoading(loadedBytes: number, totalBytes: number): void;
  showPrefill(processed: number, total: number): void;
  /** Takes the bar off the screen. */
  clear(): void;
}

/** A bar on a terminal; a line per quarter elsewhere, and only for downloads. */
export function createProgress(output: NodeJS.WriteStream): Progress {
  return output.isTTY ? new BarProgress(output) : new LineProgress(output);
}

class BarProgress implements Progress {
  readonly #output: NodeJS.WriteStream;
  #bar: SingleBar | undefined;
  #label = "";

  constructor(output: NodeJS.WriteStream) {
    this.#output = output;
  }

  showDownload(model: string, event: DownloadProgress): void {
    const notice = describeNotice(model, event);
    if (notice !== undefined) {
      this.clear();
      this.#output.write(`${notice}\n`);
    }
    if ("loadedBytes" in event) {
      this.#show(describeTransfer(model, event), event.loadedBytes, event.totalBytes, formatBytes);
    }
  }

  showLoading(loadedBytes: number, totalBytes: number): void {
    this.#show("loading the weights", loadedBytes, totalBytes, formatBytes);
  }

  showPrefill(processed: number, total: number): void {
    if (processed === total) this.clear();
    else this.#show("reading the prompt", processed, total, (tokens) => `${tokens} tokens`);
  }

  clear(): void {
    this.#bar?.stop();
    this.#bar = undefined;
    this.#label = "";
  }

  #show(label: string, value: number, total: number, format: (value: number) => string): void {
    if (label !== this.#label) this.clear();
    if (this.#bar === undefined) {
      this.#label = label;
      this.#bar = new SingleBar({
        format: `${label} {bar} {percentage}% of ${format(total)}`,
        stream: this.#output,
        clearOnComplete: true,
        barCompleteChar: "█",
        barIncompleteChar: "░",
        barsize: 24,
      });
      this.#bar.start(total, value);
    }
    this.#bar.update(value);
  }
}

/** Exported for its tests. */
export class LineProgress implements Progress {
  readonly #output: ProgressOutput;
  #label = "";
  #quarter = -1;

  constructor(output: ProgressOutput) {
    this.#output = output;
  }

  showDownload(model: string, event: DownloadProgress): void {
    const notice = describeNotice(model, event);
    if (notice !== undefined) this.#output.write(`${notice}\n`);
    if (!("loadedBytes" in event)) return;
    const label = describeTransfer(model, event);
    if (label !== this.#label) this.#quarter = -1;
    this.#label = label;
    const quarter = Math.floor((4 * event.loadedBytes) / event.totalBytes);
    if (quarter === this.#quarter) return;
    this.#quarter = quarter;
    this.#output.write(`${label}: ${25 * quarter}% of ${formatBytes(event.totalBytes)}\n`);
  }

  showLoading(): void {}

  showPrefill(): void {}

  clear(): void {}
}

type TransferEvent = Extract<DownloadProgress, { loadedBytes: number }>;

function describeTransfer(model: string, event: TransferEvent): string {
  return event.type === "verify-progress"
    ? `verifying ${model}`
    : `downloading ${model} from ${event.source}`;
}

function describeNotice(model: string, event: DownloadProgress): string | undefined {
  switch (event.type) {
    case "verify-progress":
    case "download-progress":
      return undefined;
    case "cache-discard":
      return `the cached file of ${model} is damaged and is fetched again`;
    case "download-wait":
      return `another process is downloading ${model}; waiting for it`;
    case "download-retry":
      return `${event.reason.replace(/;.*/, "")}; continuing`;
    case "fallback-start":
      return `${event.reason.replace(/;.*/, "")}; trying the Python package`;
    default:
      return event satisfies never;
  }
}
