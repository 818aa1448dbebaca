import { type ChatMessage, InvalidArgumentError, type LanguageModel } from "@x/models";
import { NgramProposer, type SchedulerSnapshot } from "@x/paged-scheduler";
import { warn } from "@x/tensor/kernels";
import { Answer } from "./answer";
import { AnswerHandler } from "./answer-handler";
import { BeamSearch } from "./beam-search/beam-search";
import type { BeamSearchAnswer, BeamSearchOptions } from "./beam-search/beam-search-options";
import { EngineCore } from "./engine-core";
import type { EngineEvent } from "./engine-event";
import type { EngineOptions } from "./engine-options";
import type { EngineStats } from "./engine-stats";
import { EngineDisposedError } from "./errors";
import { Generation } from "./generation";
import type { GenerationOptions } from "./generation-options";
import type { GenerationResult } from "./generation-result";
import { GenerationTask } from "./generation-task";
import type { Prompt } from "./prompt";
import { requireEngineOptions } from "./require-engine-options";
import { requirePrompt, requirePrompts, requireRoom, requireTokens } from "./require-prompt";
import { type ResolvedGenerationOptions, resolveGenerationOptions } from "./resolved-options";
import { createRunner } from "./runner/create-runner";
import { TokenChooser } from "./sampling/token-chooser";
import { GrammarStore } from "./structured/grammar-store";
import type { TextGenerator } from "./text-generator";
import { ThroughputWindow } from "./throughput-window";

const defaultCacheBytes = 256 * 2 ** 20;
const defaultBatchedTokens = 64;

/**
 * An engine over one model.
 *
 * @throws {InvalidArgumentError} when an option is outside its range, or the memory holds too little.
 *
 * @example
 * ```ts
 * using engine = createEngine({ model });
 * const [first, second] = await engine.generateBatch(["One two", "Red green"], { maxTokens: 8 });
 * ```
 */
export function createEngine(options: EngineOptions): Engine {
  return new Engine(options);
}

/**
 * Serves many generations over one model at once: their tokens share every step of the model
 * (continuous batching, Yu et al. 2022), their keys and values lie in blocks of one pool (Kwon et
 * al. 2023, arXiv 2309.06180), and equal beginnings of prompts are computed once.
 *
 * An answer does not depend on what else runs: alone or among others, whole or in chunks, from the
 * prefix cache or not, with drafts or without, the tokens are the same.
 */
export class Engine implements TextGenerator, Disposable {
  readonly model: LanguageModel;
  /** Most tokens of one sequence, prompt and answer together. */
  readonly maxModelLength: number;
  readonly #core: EngineCore;
  readonly #speculation: NgramProposer;
  readonly #isSpeculative: boolean;
  readonly #grammars: GrammarStore;
  readonly #maxSequences: number;
  readonly #onEvent: EngineOptions["onEvent"];
  readonly #generated = new ThroughputWindow();
  readonly #prompted = new ThroughputWindow();
  #numRequests = 0;
  #isDisposed = false;
  /** Whether a failure of `onEvent` has been reported. */
  #hasWarned = false;

  /** @throws {InvalidArgumentError} see {@link createEngine}. */
  constructor(options: EngineOptions) {
    requireEngineOptions(options);
    const { model, cacheBytes = defaultCacheBytes, blockSize = 16, maxSequences = 16 } = options;
    const { maxBatchedTokens = Math.max(defaultBatchedTokens, maxSequences) } = options;
    const { prefixCaching = true, chunkedPrefill = true, policy = "fcfs" } = options;
    const { speculative = false } = options;
    this.model = model;
    this.#grammars = new GrammarStore(model.tokenizer);
    this.#onEvent = options.onEvent;
    this.#maxSequences = maxSequences;
    this.#isSpeculative = speculative !== false;
    this.#speculation = new NgramProposer(typeof speculative === "object" ? speculative : {});
    const runner = createRunner(model.model, { cacheBytes, blockSize, maxSequences });
    try {
      const room = (runner.numBlocks - 1) * runner.blockSize + 1;
      this.maxModelLength = options.maxModelLength ?? Math.min(model.contextLength, room);
      if (this.maxModelLength > model.contextLength) {
        throw new InvalidArgumentError(
          `createEngine: maxModelLength ${this.maxModelLength} exceeds the model's context of ${model.contextLength}`,
          { maxModelLength: this.maxModelLength, contextLength: model.contextLength },
        );
      }
      this.#core = new EngineCore(
        runner,
        {
          maxBatchedTokens,
          maxSequences,
          maxModelLength: this.maxModelLength,
          prefixCaching: prefixCaching && runner.sharesPrefixes,
          chunkedPrefill,
          policy,
          eosTokenIds: model.tokenizer.eosTokenIds,
        },
        (event) => this.#report(event),
      );
    } catch (error) {
      runner.dispose();
      throw error;
    }
  }

  /** The model's own name. */
  get modelName(): string {
    return this.model.name;
  }

  /** Whether it has been disposed, and generates no more. */
  get isDisposed(): boolean {
    return this.#isDisposed;
  }

  /**
   * The token ids of a prompt.
   *
   * @throws {UnsupportedModelError} for messages, when the model has no chat template.
   */
  encodePrompt(prompt: Prompt): readonly number[] {
    if (typeof prompt === "string") return this.model.tokenizer.encode(prompt);
    if ("tokenIds" in prompt) return prompt.tokenIds;
    return this.model.encodeChat(prompt as readonly ChatMessage[]);
  }

  generate(prompt: Prompt, options: GenerationOptions = {}): Generation {
    this.#requireAlive();
    requirePrompt(prompt);
    const resolved = resolveGenerationOptions(options, this.model.tokenizer.vocabularySize);
    const promptTokenIds = this.encodePrompt(prompt);
    requireTokens(promptTokenIds, this.model.tokenizer.vocabularySize);
    requireRoom(promptTokenIds.length, resolved.maxTokens, this.maxModelLength);
    const task = this.#createTask(promptTokenIds, resolved);
    return new Generation(task);
  }

  async generateBatch(
    prompts: readonly Prompt[],
    options: GenerationOptions = {},
  ): Promise<GenerationResult[]> {
    requirePrompts(prompts);
    const generations: Generation[] = [];
    try {
      for (const prompt of prompts) generations.push(this.generate(prompt, options));
      return await Promise.all(generations.map((generation) => generation.result()));
    } catch (error) {
      for (const generation of generations) generation.cancel();
      throw error;
    }
  }

  /**
   * The likeliest answers, by beam search. The beams share the blocks of what they have in common.
   *
   * @returns `beamWidth` answers, best first; fewer when the model sees fewer.
   * @throws {InvalidArgumentError} when an option is outside its range.
   * @throws {ContextLengthError} when prompt and answer do not fit.
   */
  async beamSearch(prompt: Prompt, options: BeamSearchOptions): Promise<BeamSearchAnswer[]> {
    this.#requireAlive();
    requirePrompt(prompt);
    const { signal, maxTokens, beamWidth } = options;
    signal?.throwIfAborted();
    const promptTokenIds = this.encodePrompt(prompt);
    requireTokens(promptTokenIds, this.model.tokenizer.vocabularySize);
    if (beamWidth > this.#maxSequences) {
      throw new InvalidArgumentError(
        `beamSearch: beamWidth is ${beamWidth}; use at most the engine's maxSequences, ${this.#maxSequences}`,
        { beamWidth, maxSequences: this.#maxSequences },
      );
    }
    const { tokenizer } = this.model;
    const id = `beams-${this.#numRequests}`;
    const search = new BeamSearch({ id, promptTokenIds, options, tokenizer, core: this.#core });
    requireRoom(promptTokenIds.length, maxTokens, this.maxModelLength);
    this.#numRequests++;
    const onAbort = () => search.fail(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      return await search.run();
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** The state in numbers. Costs as much as the pool has blocks. */
  stats(): EngineStats {
    const { scheduler, runner } = this.#core;
    return {
      ...scheduler.stats(),
      numBlocks: runner.numBlocks - 1,
      blockSize: runner.blockSize,
      cacheBytes: runner.cacheBytes,
      usefulShare: usefulShare(scheduler.snapshot()),
      generationTokensPerSecond: this.#generated.rate(),
      promptTokensPerSecond: this.#prompted.rate(),
    };
  }

  /** Blocks, running and waiting requests as plain data, for display. */
  snapshot(): SchedulerSnapshot {
    return this.#core.scheduler.snapshot();
  }

  /**
   * Forgets all cached prefixes.
   *
   * @returns False, with nothing changed, while a request runs.
   */
  resetPrefixCache(): boolean {
    return this.#core.scheduler.resetPrefixCache();
  }

  /** Resolves when nothing runs or waits. */
  idle(): Promise<void> {
    return this.#core.idle();
  }

  /** Fails what runs and gives the cache's memory back; the model stays. Safe to call twice. */
  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#core.dispose(new EngineDisposedError("the engine was disposed while it generated"));
  }

  /** As `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #createTask(
    promptTokenIds: readonly number[],
    options: ResolvedGenerationOptions,
  ): GenerationTask {
    const { tokenizer } = this.model;
    const id = String(this.#numRequests);
    const { structured, n } = options;
    const matchers = structured === undefined ? [] : this.#grammars.matchers(structured, n);
    const mostTokens = options.maxTokens ?? this.maxModelLength - promptTokenIds.length;
    const answers = Array.from({ length: n }, (_, index) => {
      const constraint = matchers[index];
      const chooser = new TokenChooser(options, { index, tokenizer, constraint, mostTokens });
      return new Answer(index === 0 ? id : `${id}#${index}`, index, options, tokenizer, chooser);
    });
    this.#numRequests++;
    const task = new GenerationTask({
      id,
      promptTokenIds,
      options,
      answers,
      cancel: (own) => this.#abort(own),
      report: (event) => this.#report(event),
    });
    const handlers: AnswerHandler[] = [];
    const isSpeculative = options.speculative ?? this.#isSpeculative;
    for (const answer of answers) {
      handlers.push(
        new AnswerHandler(answer, {
          task,
          tokenizer,
          proposer: isSpeculative ? this.#speculation : undefined,
          finish: (own) => this.#core.finish(own, "stop"),
          handlers,
        }),
      );
    }
    if (options.signal?.aborted) {
      task.abort();
      return task;
    }
    const [first, ...others] = handlers;
    if (first !== undefined) this.#core.add(toRequest(task), first);
    for (const [index, handler] of others.entries()) {
      this.#core.attach(`${id}#${index + 1}`, handler);
    }
    this.#follow(task);
    return task;
  }

  /** Listens to the task's signal while it runs. */
  #follow(task: GenerationTask): void {
    const { signal } = task.options;
    const onAbort = () => this.#abort(task);
    signal?.addEventListener("abort", onAbort, { once: true });
    const release = () => signal?.removeEventListener("abort", onAbort);
    task.result().then(release, () => {
      release();
      // Siblings of an answer that failed.
      this.#endSequences(task);
    });
  }

  #abort(task: GenerationTask): void {
    this.#endSequences(task);
    task.abort();
  }

  #endSequences(task: GenerationTask): void {
    for (const { id, end } of task.answers) if (end === undefined) this.#core.finish(id, "abort");
  }

  #report(event: EngineEvent): void {
    if (event.type === "tokens-generate") {
      this.#generated.add(event.numTokens);
    } else if (event.type === "step") {
      this.#prompted.add(Math.max(0, event.numTokens - event.numSequences));
    }
    try {
      this.#onEvent?.(event);
    } catch (error) {
      // Whoever watches must not stop what they watch.
      if (!this.#hasWarned) warn(`createEngine: onEvent failed at "${event.type}": ${error}`);
      this.#hasWarned = true;
    }
  }

  #requireAlive(): void {
    if (this.#isDisposed) {
      throw new EngineDisposedError("the engine was disposed; make another with createEngine");
    }
  }
}

function toRequest({ id, promptTokenIds, options }: GenerationTask) {
  const { maxTokens, minTokens, n, stopTokenIds, ignoreEos, priority, cacheSalt } = options;
  return {
    id,
    promptTokens: promptTokenIds,
    ...(maxTokens !== undefined && { maxTokens }),
    minTokens,
    n,
    stopTokenIds,
    ignoreEos,
    priority,
    ...(cacheSalt !== undefined && { cacheSalt }),
    skipPrefixCache: options.promptLogprobs !== undefined,
  };
}

/** Share of the slots in used blocks that hold a token; 1 when none is used. */
function usefulShare({ blocks, blockSize }: SchedulerSnapshot): number {
  const used = blocks.filter(({ state }) => state === "used");
  if (used.length === 0) return 1;
  const filled = used.reduce((sum, { numFilledSlots }) => sum + numFilledSlots, 0);
  return filled / (used.length * blockSize);
}
