/** Share of prompt tokens found in the prefix cache, over the most recent requests. */
export class HitRateWindow {
  readonly #maxRequests: number;
  readonly #observations: { requests: number; tokens: number; hits: number }[] = [];
  #requests = 0;
  #tokens = 0;
  #hits = 0;

  /** @param maxRequests Requests that the rate looks back on. */
  constructor(maxRequests: number) {
    this.#maxRequests = maxRequests;
  }

  /** Share from 0 to 1; 0 before the first observation. */
  get rate(): number {
    return this.#tokens === 0 ? 0 : this.#hits / this.#tokens;
  }

  /**
   * Adds what happened to some requests, and drops the oldest additions that no longer fit.
   *
   * @param requests Number of requests looked up.
   * @param tokens Tokens that they asked for.
   * @param hits Tokens that were found.
   */
  observe(requests: number, tokens: number, hits: number): void {
    this.#observations.push({ requests, tokens, hits });
    this.#requests += requests;
    this.#tokens += tokens;
    this.#hits += hits;
    while (this.#requests > this.#maxRequests && this.#observations.length > 1) {
      const oldest = this.#observations.shift();
      if (!oldest) break;
      this.#requests -= oldest.requests;
      this.#tokens -= oldest.tokens;
      this.#hits -= oldest.hits;
    }
  }

  /** Forgets everything. */
  clear(): void {
    this.#observations.length = 0;
    this.#requests = 0;
    this.#tokens = 0;
    this.#hits = 0;
  }
}
