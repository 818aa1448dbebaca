import type { Answer, AnswerDelta } from "./answer";
import type { EngineEvent } from "./engine-event";
import { EventQueue } from "./event-queue";
import type { GenerationSource } from "./generation";
import type { GenerationEvent, GenerationResult, PositionLogprobs } from "./generation-result";
import type { ResolvedGenerationOptions } from "./resolved-options";

/** What a {@link GenerationTask} is made of. */
export interface GenerationTaskParts {
  readonly id: string;
  readonly promptTokenIds: readonly number[];
  readonly options: ResolvedGenerationOptions;
  readonly answers: readonly Answer[];
  readonly cancel: (task: GenerationTask) => void;
  readonly report: (event: EngineEvent) => void;
}

/** A request while the engine works on it: its answers, their events and the times. */
export class GenerationTask implements GenerationSource {
  readonly id: string;
  readonly promptTokenIds: readonly number[];
  readonly options: ResolvedGenerationOptions;
  readonly answers: readonly Answer[];
  readonly promptLogprobs: PositionLogprobs[] = [];
  readonly #cancel: GenerationTaskParts["cancel"];
  readonly #report: GenerationTaskParts["report"];
  readonly #events = new EventQueue();
  readonly #result: Promise<GenerationResult>;
  #settle!: { resolve(result: GenerationResult): void; reject(error: unknown): void };
  #isSettled = false;
  #cachedTokens = 0;
  readonly #acceptedAt = performance.now();
  #startedAt: number | undefined;
  #firstTokenAt: number | undefined;
  readonly #lastTokenAt = new Map<Answer, number>();

  constructor({ id, promptTokenIds, options, answers, cancel, report }: GenerationTaskParts) {
    this.id = id;
    this.promptTokenIds = promptTokenIds;
    this.options = options;
    this.answers = answers;
    this.#cancel = cancel;
    this.#report = report;
    this.#result = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // Whoever awaits it learns of a failure; nobody has to.
    this.#result.catch(() => {});
    report({ type: "request-add", id, promptTokens: promptTokenIds.length });
  }

  /** Whether all answers are complete. */
  get isFinished(): boolean {
    return this.answers.every(({ end }) => end !== undefined);
  }

  /** Notes that a step contains the request, and what the prefix cache held of its prompt. */
  start(cachedTokens: number): void {
    if (this.#startedAt !== undefined) return;
    this.#startedAt = performance.now();
    this.#cachedTokens = cachedTokens;
  }

  /** Notes what a step brought for an answer. */
  deliver(answer: Answer, delta: AnswerDelta): void {
    const now = performance.now();
    if (this.#firstTokenAt === undefined) {
      this.#firstTokenAt = now;
      this.#events.push({
        type: "start",
        promptTokens: this.promptTokenIds.length,
        cachedTokens: this.#cachedTokens,
      });
    }
    const lastAt = this.#lastTokenAt.get(answer);
    this.#report({
      type: "tokens-generate",
      id: this.id,
      numTokens: delta.numTokens,
      sinceLastMs: now - (lastAt ?? this.#acceptedAt),
      isFirst: lastAt === undefined,
    });
    this.#lastTokenAt.set(answer, now);
    this.#push(answer, delta);
    if (answer.end !== undefined) this.#finish(answer);
  }

  /** Ends all answers that have not ended. */
  abort(): void {
    for (const answer of this.answers) {
      if (answer.end !== undefined) continue;
      this.#push(answer, answer.abort());
      this.#finish(answer);
    }
  }

  /** Ends the request with an error. */
  fail(error: unknown): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    for (const answer of this.answers) {
      if (answer.end === undefined) this.#reportFinish(answer, "error");
    }
    this.#events.close(error);
    this.#settle.reject(error);
  }

  next(): Promise<readonly GenerationEvent[] | undefined> {
    return this.#events.next();
  }

  result(): Promise<GenerationResult> {
    return this.#result;
  }

  cancel(): void {
    if (!this.#isSettled) this.#cancel(this);
  }

  #push({ index }: Answer, { text, tokenIds, logprobs }: AnswerDelta): void {
    if (text === "" && tokenIds.length === 0) return;
    this.#events.push({ type: "text-delta", index, text, tokenIds, ...(logprobs && { logprobs }) });
  }

  #finish(answer: Answer): void {
    if (answer.end === undefined) return;
    this.#events.push({ type: "finish", index: answer.index, ...answer.end });
    this.#reportFinish(answer, answer.end.finishReason);
    if (!this.isFinished || this.#isSettled) return;
    this.#isSettled = true;
    this.#events.close();
    this.#settle.resolve(this.#toResult());
  }

  #reportFinish(
    answer: Answer,
    finishReason: Extract<EngineEvent, { type: "request-finish" }>["finishReason"],
  ): void {
    const now = performance.now();
    const startedAt = this.#startedAt ?? now;
    const firstTokenAt = this.#firstTokenAt ?? now;
    this.#report({
      type: "request-finish",
      id: this.id,
      index: answer.index,
      finishReason,
      promptTokens: this.promptTokenIds.length,
      cachedTokens: this.#cachedTokens,
      completionTokens: answer.numTokens,
      maxTokens: this.options.maxTokens,
      queueMs: startedAt - this.#acceptedAt,
      prefillMs: Math.max(0, firstTokenAt - startedAt),
      decodeMs: Math.max(0, (this.#lastTokenAt.get(answer) ?? now) - firstTokenAt),
      totalMs: now - this.#acceptedAt,
    });
  }

  #toResult(): GenerationResult {
    const outputs = this.answers.map((answer) => answer.output());
    const { promptLogprobs } = this.options;
    return {
      text: outputs[0]?.text ?? "",
      outputs,
      promptTokens: this.promptTokenIds.length,
      cachedTokens: this.#cachedTokens,
      completionTokens: this.answers.reduce((sum, { numTokens }) => sum + numTokens, 0),
      ...(promptLogprobs !== undefined && { promptLogprobs: this.promptLogprobs }),
      timeToFirstTokenMs:
        this.#firstTokenAt === undefined ? 0 : this.#firstTokenAt - this.#acceptedAt,
      totalMs: performance.now() - this.#acceptedAt,
    };
  }
}
