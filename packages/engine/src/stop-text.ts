/** What a piece of text lets out. */
export interface StopTextOutput {
  /** Text that is certain to belong to the answer. */
  readonly text: string;
  /** The stop text that was completed, if one was. */
  readonly stop: string | undefined;
}

/**
 * Finds stop texts in text that comes in pieces. What could still become one is held back, so that
 * no part of a stop text ever leaves; of several, the one that is complete first counts, the longest
 * if they end together.
 */
export class StopText {
  readonly #stops: readonly string[];
  readonly #includesStop: boolean;
  #held = "";

  /** @param stops - Texts that are not empty. */
  constructor(stops: readonly string[], { includesStop = false } = {}) {
    this.#stops = stops;
    this.#includesStop = includesStop;
  }

  /**
   * @param piece - The next piece of the answer.
   * @param canStop - Whether a stop text that is completed by this piece counts.
   */
  push(piece: string, canStop = true): StopTextOutput {
    const text = this.#held + piece;
    const found = canStop ? this.#find(text, this.#held.length) : undefined;
    if (found !== undefined) {
      this.#held = "";
      const end = found.start + (this.#includesStop ? found.stop.length : 0);
      return { text: text.slice(0, end), stop: found.stop };
    }
    const kept = this.#possibleStart(text);
    this.#held = text.slice(kept);
    return { text: text.slice(0, kept), stop: undefined };
  }

  /** What is held back, once the answer has ended. */
  flush(): string {
    const held = this.#held;
    this.#held = "";
    return held;
  }

  /** The stop text that is complete first, its end after the first `known` characters. */
  #find(text: string, known: number): { start: number; stop: string } | undefined {
    let best: { start: number; stop: string } | undefined;
    for (const stop of this.#stops) {
      const start = text.indexOf(stop, Math.max(0, known - stop.length + 1));
      if (start < 0) continue;
      const order = best && start + stop.length - (best.start + best.stop.length);
      if (order === undefined || order < 0 || (order === 0 && start < (best?.start ?? 0))) {
        best = { start, stop };
      }
    }
    return best;
  }

  /** Where the longest end of `text` starts that a stop text begins with. */
  #possibleStart(text: string): number {
    const longest = this.#stops.reduce((most, { length }) => Math.max(most, length), 1);
    for (let start = Math.max(0, text.length - longest + 1); start < text.length; start++) {
      const end = text.slice(start);
      if (this.#stops.some((stop) => stop.length > end.length && stop.startsWith(end))) {
        return start;
      }
    }
    return text.length;
  }
}
