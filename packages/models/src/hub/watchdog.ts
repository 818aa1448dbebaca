/** Aborts its signal when nobody restarts it in time. */
export class Watchdog {
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout;

  constructor(timeoutMs: number) {
    this.#timer = this.#start(timeoutMs);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  restart(timeoutMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = this.#start(timeoutMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #start(timeoutMs: number): NodeJS.Timeout {
    return setTimeout(() => this.#controller.abort(new SilenceError(timeoutMs)), timeoutMs);
  }
}

/** Why a {@link Watchdog} aborted. */
export class SilenceError extends Error {
  constructor(readonly timeoutMs: number) {
    super(`no answer within ${timeoutMs / 1000} s`);
  }
}
