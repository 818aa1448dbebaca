import { signal } from "@preact/signals";
import type { EngineStats } from "@x/engine";
import type { SchedulerSnapshot } from "@x/paged-scheduler";
import { readEvents } from "../read-events";
import { fetchWithKey, serverKey } from "../server-key";

/** One event of `/scheduler`. */
export interface SchedulerState {
  readonly stats: EngineStats;
  readonly snapshot: SchedulerSnapshot;
}

/** Whether the view is fresh. */
export type FeedStatus = "connecting" | "live" | "paused" | "lost" | "locked";

/** First and longest pause before another try, in milliseconds. */
const retryMs = { first: 500, most: 5000 };

/** Keeps listening to the scheduler while the page can be seen. */
export class SchedulerFeed {
  readonly state = signal<SchedulerState | undefined>(undefined);
  readonly status = signal<FeedStatus>("connecting");
  readonly #onConnect: () => void;
  #connection: AbortController | undefined;
  #retryTimer: number | undefined;
  #nextRetryMs = retryMs.first;

  /** @param onConnect - Called whenever the server can be reached again. */
  constructor(onConnect: () => void) {
    this.#onConnect = onConnect;
  }

  /** Listens until the page ends. */
  start(): void {
    document.addEventListener("visibilitychange", () => this.#follow());
    serverKey.subscribe(() => this.#follow());
  }

  #follow(): void {
    this.#connection?.abort();
    window.clearTimeout(this.#retryTimer);
    if (document.hidden) {
      this.status.value = "paused";
      return;
    }
    this.#connection = new AbortController();
    void this.#listen(this.#connection.signal);
  }

  async #listen(signal: AbortSignal): Promise<void> {
    try {
      const response = await fetchWithKey("/scheduler", { signal });
      if (response.status === 401) {
        this.status.value = "locked";
        return;
      }
      if (!response.ok) throw new Error(`status ${response.status}`);
      this.#nextRetryMs = retryMs.first;
      this.#onConnect();
      for await (const data of readEvents(response)) {
        if (signal.aborted) return;
        this.state.value = JSON.parse(data) as SchedulerState;
        this.status.value = "live";
      }
    } catch {
      // Ended or never begun: either way it is tried again below.
    }
    if (signal.aborted) return;
    this.status.value = "lost";
    this.#retryTimer = window.setTimeout(() => this.#follow(), this.#nextRetryMs);
    this.#nextRetryMs = Math.min(retryMs.most, this.#nextRetryMs * 2);
  }
}
