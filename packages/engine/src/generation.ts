import type { GenerationEvent, GenerationResult } from "./generation-result";

/** How a source of events feeds a {@link Generation}. */
export interface GenerationSource {
  /** The request's name in the engine's snapshot, when it has one. */
  readonly id?: string | undefined;
  /** The next events, at least one; `undefined` when there are no more. Rejects when it failed. */
  next(): Promise<readonly GenerationEvent[] | undefined>;
  /** The whole, once `next` gave `undefined`. Rejects when it failed. */
  result(): Promise<GenerationResult>;
  /** Ends the generation early. Safe to call twice. */
  cancel(): void;
}

/**
 * A generation that runs: iterate it for events, await it for the result, or both. It runs on
 * whether or not anyone reads; leaving a loop over it early ends it.
 *
 * @example
 * ```ts
 * const { text } = await engine.generate("The capital of France is", { maxTokens: 8 });
 *
 * for await (const event of engine.generate([{ role: "user", content: "Hello" }])) {
 *   if (event.type === "text-delta") process.stdout.write(event.text);
 * }
 * ```
 */
export class Generation
  implements GenerationSource, AsyncIterable<GenerationEvent>, PromiseLike<GenerationResult>
{
  readonly #source: GenerationSource;

  constructor(source: GenerationSource) {
    this.#source = source;
  }

  /** The request's name in the engine's `snapshot()`; undefined where it runs elsewhere. */
  get id(): string | undefined {
    return this.#source.id;
  }

  /** The events from here on; one reader at a time. */
  async *[Symbol.asyncIterator](): AsyncGenerator<GenerationEvent, void, undefined> {
    let isDone = false;
    try {
      for (;;) {
        const events = await this.#source.next();
        if (events === undefined) {
          isDone = true;
          return;
        }
        yield* events;
      }
    } finally {
      if (!isDone) this.#source.cancel();
    }
  }

  /** The next events, at least one, for readers that are no loop; `undefined` at the end. */
  next(): Promise<readonly GenerationEvent[] | undefined> {
    return this.#source.next();
  }

  /** The text of the first answer as it comes. */
  async *textStream(): AsyncGenerator<string, void, undefined> {
    for await (const event of this) {
      if (event.type === "text-delta" && event.index === 0 && event.text !== "") yield event.text;
    }
  }

  /** The whole result; rejects when the generation failed. */
  result(): Promise<GenerationResult> {
    return this.#source.result();
  }

  /** As `result().then`: a generation can be awaited. */
  // biome-ignore lint/suspicious/noThenProperty: awaiting a generation is what it is for.
  then<Fulfilled = GenerationResult, Rejected = never>(
    onFulfilled?: ((result: GenerationResult) => Fulfilled | PromiseLike<Fulfilled>) | null,
    onRejected?: ((reason: unknown) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Fulfilled | Rejected> {
    return this.result().then(onFulfilled, onRejected);
  }

  /** Ends the generation, which then ends normally with `finishReason: "abort"`. */
  cancel(): void {
    this.#source.cancel();
  }
}
