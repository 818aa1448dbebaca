import type { Generation, GenerationOptions } from "@x/engine";
import { ApiError } from "./api-error";
import type { RequestGate } from "./request-gate";
import type { ServerEngine } from "./server-engine";

/** One request's work. */
export interface GenerationJob {
  /** Each prompt is answered by itself. */
  readonly prompts: readonly (readonly number[])[];
  readonly options: GenerationOptions;
  /** The client has left. */
  readonly signal: AbortSignal;
  /** The field that the prompts came in. */
  readonly param: string;
}

/** Starts generations through the gate, and knows all that run. */
export class GenerationRunner {
  readonly #engine: ServerEngine;
  readonly #gate: RequestGate;
  readonly #running = new Set<Generation>();

  constructor(engine: ServerEngine, gate: RequestGate) {
    this.#engine = engine;
    this.#gate = gate;
  }

  /**
   * Starts a request's generations once it is its turn.
   *
   * @returns The generations, in the order of the prompts.
   * @throws {ApiError} 400 for a prompt without room for its answer, 429 when too many requests wait.
   */
  async start({ prompts, options, signal, param }: GenerationJob): Promise<Generation[]> {
    for (const tokenIds of prompts)
      this.#requireRoom(tokenIds.length, options.maxTokens ?? 1, param);
    const leave = await this.#gate.enter(signal);
    const started: Generation[] = [];
    try {
      for (const tokenIds of prompts) {
        started.push(this.#engine.generate({ tokenIds }, { ...options, signal }));
      }
    } catch (error) {
      for (const generation of started) generation.cancel();
      throw error;
    } finally {
      // Readers get the failures; here only the end counts, and a slow reader does not delay it.
      void Promise.allSettled(started.map((generation) => this.#settle(generation))).then(leave);
    }
    return started;
  }

  /** Ends all that runs. */
  cancelAll(): void {
    for (const generation of this.#running) generation.cancel();
  }

  async #settle(generation: Generation): Promise<void> {
    this.#running.add(generation);
    try {
      await generation.result();
    } finally {
      this.#running.delete(generation);
    }
  }

  #requireRoom(promptTokens: number, maxTokens: number, param: string): void {
    const { maxModelLength } = this.#engine;
    if (promptTokens === 0) {
      throw new ApiError("the prompt has no tokens; write something", {
        status: 400,
        param,
        code: "invalid_value",
      });
    }
    if (promptTokens + maxTokens <= maxModelLength) return;
    throw new ApiError(
      `the maximum context length is ${maxModelLength} tokens, but the prompt has ${promptTokens} and the answer takes up to ${maxTokens}; shorten the prompt or lower max_tokens`,
      { status: 400, param, code: "context_length_exceeded" },
    );
  }
}
