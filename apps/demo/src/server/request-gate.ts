import { ApiError, clientLeft } from "./api-error";

/** Bounds of a {@link RequestGate}. */
export interface RequestGateOptions {
  /** Most requests inside. */
  readonly maxConcurrency: number;
  /** Most requests that wait to enter. */
  readonly maxQueue: number;
}

/** Weight of the last request in the mean duration. */
const smoothing = 0.2;

/** Lets a bounded number of requests in, in order of arrival, and turns away what cannot wait. */
export class RequestGate {
  readonly #options: RequestGateOptions;
  readonly #queue = new Set<() => void>();
  #numInside = 0;
  #meanSeconds = 1;

  constructor(options: RequestGateOptions) {
    this.#options = options;
  }

  /** Requests that wait to enter. */
  get numWaiting(): number {
    return this.#queue.size;
  }

  /**
   * Resolves when the request may run.
   *
   * @param signal - Gives the place in the queue up.
   * @returns What to call once when the request has ended.
   * @throws {ApiError} 429 when the queue is full, with the seconds to wait; 499 when the signal is
   *   aborted.
   */
  async enter(signal: AbortSignal): Promise<() => void> {
    if (signal.aborted) throw clientLeft();
    const { maxConcurrency, maxQueue } = this.#options;
    if (this.#numInside < maxConcurrency) {
      this.#numInside += 1;
    } else {
      if (this.#queue.size >= maxQueue) throw this.#full();
      await this.#wait(signal);
    }
    const enteredAt = performance.now();
    return () => {
      const seconds = (performance.now() - enteredAt) / 1000;
      this.#meanSeconds += smoothing * (seconds - this.#meanSeconds);
      this.#leave();
    };
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = () => {
        signal.removeEventListener("abort", giveUp);
        resolve();
      };
      const giveUp = () => {
        this.#queue.delete(enter);
        reject(clientLeft());
      };
      signal.addEventListener("abort", giveUp, { once: true });
      this.#queue.add(enter);
    });
  }

  /** The place goes to whoever waits longest. */
  #leave(): void {
    const [next] = this.#queue;
    if (next === undefined) {
      this.#numInside -= 1;
      return;
    }
    this.#queue.delete(next);
    next();
  }

  #full(): ApiError {
    const { maxConcurrency, maxQueue } = this.#options;
    const seconds = (this.#meanSeconds * (this.#queue.size + 1)) / maxConcurrency;
    return new ApiError(
      `${maxConcurrency} requests run and ${maxQueue} wait, which is the most; try again later`,
      {
        status: 429,
        type: "rate_limit_error",
        code: "rate_limit_exceeded",
        headers: { "retry-after": String(Math.min(60, Math.max(1, Math.ceil(seconds)))) },
      },
    );
  }
}
