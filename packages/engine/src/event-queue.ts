import type { GenerationEvent } from "./generation-result";

type TextDelta = Extract<GenerationEvent, { readonly type: "text-delta" }>;

/**
 * Events on their way to a reader. Text that waits is joined, so that a slow reader costs no more
 * than the text itself.
 */
export class EventQueue {
  #events: GenerationEvent[] = [];
  #isClosed = false;
  #error: unknown;
  #wake: (() => void) | undefined;

  push(event: GenerationEvent): void {
    const last = this.#events.at(-1);
    if (event.type === "text-delta" && last?.type === "text-delta" && last.index === event.index) {
      this.#events[this.#events.length - 1] = join(last, event);
    } else {
      this.#events.push(event);
    }
    this.#notify();
  }

  /** No more events will come: after an error, readers get it. */
  close(error?: unknown): void {
    this.#isClosed = true;
    this.#error = error;
    this.#notify();
  }

  /** What waits, or what comes next; `undefined` at the end. */
  async next(): Promise<readonly GenerationEvent[] | undefined> {
    while (this.#events.length === 0) {
      if (this.#error !== undefined) throw this.#error;
      if (this.#isClosed) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const events = this.#events;
    this.#events = [];
    return events;
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

function join(first: TextDelta, second: TextDelta): TextDelta {
  const logprobs = first.logprobs && [...first.logprobs, ...(second.logprobs ?? [])];
  return {
    type: "text-delta",
    index: first.index,
    text: first.text + second.text,
    tokenIds: [...first.tokenIds, ...second.tokenIds],
    ...(logprobs && { logprobs }),
  };
}
