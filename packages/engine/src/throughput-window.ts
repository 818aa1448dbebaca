/** Span that a rate looks back on, in milliseconds. */
const spanMs = 5000;

/** How much happened per second over the last few seconds. */
export class ThroughputWindow {
  #entries: { readonly at: number; readonly count: number }[] = [];

  /** Notes that `count` things happened now. */
  add(count: number, now = performance.now()): void {
    if (count > 0) this.#entries.push({ at: now, count });
    if (this.#entries.length > 1024) this.#prune(now);
  }

  /** Things per second. */
  rate(now = performance.now()): number {
    this.#prune(now);
    const total = this.#entries.reduce((sum, { count }) => sum + count, 0);
    return (total * 1000) / spanMs;
  }

  #prune(now: number): void {
    const firstKept = this.#entries.findIndex(({ at }) => now - at < spanMs);
    this.#entries = firstKept < 0 ? [] : this.#entries.slice(firstKept);
  }
}
