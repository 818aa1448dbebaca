import { RemoteEngineError } from "../errors";
import { EventQueue } from "../event-queue";
import type { GenerationSource } from "../generation";
import type { GenerationEvent, GenerationResult } from "../generation-result";
import { type RemoteChunk, type RemoteUsage, readServerEvents } from "./read-server-events";
import { RemoteAnswer } from "./remote-answer";

/** What a {@link RemoteGeneration} is made of. */
export interface RemoteGenerationParts {
  /** Answers that were asked for. */
  readonly n: number;
  /** Sends the request. */
  readonly send: (signal: AbortSignal) => Promise<Response>;
  /** Ends the generation. */
  readonly signal: AbortSignal | undefined;
}

/** A generation that a server works on. */
export class RemoteGeneration implements GenerationSource {
  readonly #events = new EventQueue();
  readonly #controller = new AbortController();
  readonly #answers: readonly RemoteAnswer[];
  readonly #result: Promise<GenerationResult>;
  readonly #startedAt = performance.now();
  #firstTokenMs = 0;
  #hasStarted = false;
  #usage: RemoteUsage = {};
  #promptTokens: number | undefined;

  constructor({ n, send, signal }: RemoteGenerationParts) {
    this.#answers = Array.from({ length: n }, (_, index) => new RemoteAnswer(index));
    this.#result = this.#run(send, signal);
    // Whoever awaits it learns of a failure; nobody has to.
    this.#result.catch(() => {});
  }

  next(): Promise<readonly GenerationEvent[] | undefined> {
    return this.#events.next();
  }

  result(): Promise<GenerationResult> {
    return this.#result;
  }

  cancel(): void {
    this.#controller.abort();
  }

  async #run(
    send: RemoteGenerationParts["send"],
    signal: AbortSignal | undefined,
  ): Promise<GenerationResult> {
    const cancel = () => this.cancel();
    if (signal?.aborted) cancel();
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      await this.#receive(send);
      this.#events.close();
      return this.#toResult();
    } catch (error) {
      this.#events.close(error);
      throw error;
    } finally {
      signal?.removeEventListener("abort", cancel);
    }
  }

  async #receive(send: RemoteGenerationParts["send"]): Promise<void> {
    try {
      const { body } = await send(this.#controller.signal);
      if (body === null) throw new RemoteEngineError("the server answers without a body");
      for await (const chunk of readServerEvents(body)) this.#take(chunk);
    } catch (error) {
      if (!this.#controller.signal.aborted) throw toRemoteError(error);
      this.#push(this.#answers.flatMap((answer) => answer.finish("abort")));
      return;
    }
    if (this.#answers.some((answer) => answer.finish("stop").length > 0)) {
      throw new RemoteEngineError("the server ended its answer before it was complete; try again");
    }
  }

  #take({ choices = [], usage, prompt_token_ids: promptTokenIds }: RemoteChunk): void {
    if (usage) this.#usage = usage;
    const ids = promptTokenIds ?? choices[0]?.prompt_token_ids;
    if (ids) this.#promptTokens = ids.length;
    for (const choice of choices) {
      const events = this.#answers[choice.index ?? 0]?.append(choice) ?? [];
      if (events.length > 0) this.#start();
      this.#push(events);
    }
  }

  /** The first token is there. */
  #start(): void {
    if (this.#hasStarted) return;
    this.#hasStarted = true;
    this.#firstTokenMs = performance.now() - this.#startedAt;
    const { promptTokens, cachedTokens } = this.#counts();
    this.#push([{ type: "start", promptTokens, cachedTokens }]);
  }

  #push(events: readonly GenerationEvent[]): void {
    for (const event of events) this.#events.push(event);
  }

  /** What the server has said of the prompt so far. */
  #counts() {
    const { prompt_tokens: promptTokens, prompt_tokens_details: details } = this.#usage;
    return {
      promptTokens: promptTokens ?? this.#promptTokens ?? 0,
      cachedTokens: details?.cached_tokens ?? 0,
    };
  }

  #toResult(): GenerationResult {
    const outputs = this.#answers.map((answer) => answer.output());
    const named = this.#answers.reduce((sum, { numTokens }) => sum + numTokens, 0);
    return {
      text: outputs[0]?.text ?? "",
      outputs,
      ...this.#counts(),
      completionTokens: Math.max(named, this.#usage.completion_tokens ?? 0),
      timeToFirstTokenMs: this.#firstTokenMs,
      totalMs: performance.now() - this.#startedAt,
    };
  }
}

/** A connection that breaks is reported by each runtime in its own way. */
function toRemoteError(error: unknown): RemoteEngineError {
  if (error instanceof RemoteEngineError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new RemoteEngineError(
    `the connection to the server broke: ${reason}; try again`,
    {},
    { cause: error },
  );
}
