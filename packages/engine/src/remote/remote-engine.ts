import { InvalidArgumentError, Sampler } from "@x/models";
import { EngineDisposedError } from "../errors";
import { Generation } from "../generation";
import type { GenerationOptions } from "../generation-options";
import type { GenerationResult } from "../generation-result";
import type { Prompt } from "../prompt";
import { requirePrompt, requirePrompts } from "../require-prompt";
import { resolveGenerationOptions } from "../resolved-options";
import type { TextGenerator } from "../text-generator";
import { postWithRetries } from "./post-with-retries";
import type { RemoteEngineOptions } from "./remote-engine-options";
import { RemoteGeneration } from "./remote-generation";
import { requireSupported } from "./require-supported";
import { toRemoteCall } from "./to-request-body";

/** Only the server knows how many tokens its model has. */
const unknownVocabulary = 2 ** 31 - 1;

/**
 * An engine behind a server that speaks OpenAI's protocol: a vLLM cluster, the server of this
 * project, or any other. Code that takes a {@link TextGenerator} runs on it unchanged.
 *
 * Differences to an engine in this process: what the server refuses rejects the generation instead
 * of throwing from `generate`; `speculative` is the server's to decide; `promptLogprobs` is not
 * supported; a token of `logprobs` that the server names only by its text has the id −1. Against a
 * server without vLLM's extensions `tokenIds` are empty, and answers to text and token ids end
 * after 16 tokens unless `maxTokens` says otherwise.
 *
 * @example
 * ```ts
 * using engine = new RemoteEngine({
 *   baseUrl: "http://localhost:8000/v1",
 *   model: "smollm2-135m-instruct",
 * });
 * const { text } = await engine.generate("The capital of France is", { maxTokens: 8 });
 * ```
 */
export class RemoteEngine implements TextGenerator, Disposable {
  readonly #options: RemoteEngineOptions;
  readonly #baseUrl: string;
  readonly #running = new Set<RemoteGeneration>();
  #isDisposed = false;

  /** @throws {InvalidArgumentError} when an option is outside its range. */
  constructor(options: RemoteEngineOptions) {
    const { baseUrl, maxRetries = 2, maxConcurrency = 32 } = options;
    if (!/^https?:\/\//.test(baseUrl) || !URL.canParse(baseUrl)) {
      throw new InvalidArgumentError(
        `RemoteEngine: baseUrl is ${JSON.stringify(baseUrl)}; use an address such as http://localhost:8000/v1`,
        { baseUrl },
      );
    }
    requireCount("maxRetries", maxRetries, 0);
    requireCount("maxConcurrency", maxConcurrency, 1);
    this.#options = options;
    this.#baseUrl = baseUrl.replace(/\/+$/, "");
  }

  /** Name of the model, as the server knows it. */
  get modelName(): string {
    return this.#options.model;
  }

  /**
   * Asks the server to generate.
   *
   * @throws {InvalidArgumentError} for an option that the server would not get. What the server
   *   refuses rejects the generation with a {@link RemoteEngineError}.
   */
  generate(prompt: Prompt, options: GenerationOptions = {}): Generation {
    if (this.#isDisposed) {
      throw new EngineDisposedError("the engine was disposed; make another RemoteEngine");
    }
    requirePrompt(prompt);
    const { sampling } = resolveGenerationOptions(options, unknownVocabulary);
    void new Sampler({ ...sampling, repetitionPenalty: options.repetitionPenalty });
    requireSupported(options, this.#options);
    const { apiKey, headers, maxRetries = 2, fetch = globalThis.fetch } = this.#options;
    const { path, body } = toRemoteCall(prompt, options, this.#options);
    const generation = new RemoteGeneration({
      n: options.n ?? 1,
      signal: options.signal,
      send: (signal) =>
        postWithRetries({
          url: `${this.#baseUrl}${path}`,
          headers: { ...headers, ...(apiKey && { authorization: `Bearer ${apiKey}` }) },
          body,
          signal,
          maxRetries,
          fetch,
        }),
    });
    this.#running.add(generation);
    const forget = () => this.#running.delete(generation);
    generation.result().then(forget, forget);
    return new Generation(generation);
  }

  /**
   * Generates for many prompts, at most `maxConcurrency` at a time.
   *
   * @returns The results, in the order of the prompts. Rejects when one fails, and ends the others.
   */
  async generateBatch(
    prompts: readonly Prompt[],
    options: GenerationOptions = {},
  ): Promise<GenerationResult[]> {
    requirePrompts(prompts);
    const results: GenerationResult[] = [];
    const running = new Set<Generation>();
    let next = 0;
    const work = async () => {
      for (let index = next++; index < prompts.length; index = next++) {
        const generation = this.generate(prompts[index] as Prompt, options);
        running.add(generation);
        results[index] = await generation;
        running.delete(generation);
      }
    };
    const { maxConcurrency = 32 } = this.#options;
    try {
      const workers = Math.min(maxConcurrency, prompts.length);
      await Promise.all(Array.from({ length: workers }, work));
      return results;
    } catch (error) {
      next = prompts.length;
      for (const generation of running) generation.cancel();
      throw error;
    }
  }

  /** Ends what runs. Safe to call twice. */
  dispose(): void {
    this.#isDisposed = true;
    for (const generation of this.#running) generation.cancel();
  }

  /** As `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

function requireCount(name: string, value: number, minimum: number): void {
  if (Number.isSafeInteger(value) && value >= minimum) return;
  throw new InvalidArgumentError(
    `RemoteEngine: ${name} is ${value}; use a whole number of ${minimum} or more`,
    { [name]: value },
  );
}
