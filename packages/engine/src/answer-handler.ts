import type { Tokenizer } from "@x/models";
import type { NgramProposer, RequestOutput, ScheduledRequest } from "@x/paged-scheduler";
import type { Answer } from "./answer";
import type { GenerationTask } from "./generation-task";
import type { LogitRows } from "./runner/model-runner";
import type { ChosenToken } from "./sampling/token-chooser";
import { positionLogprobs } from "./sampling/token-logprobs";
import type { SequenceHandler, SequenceStep } from "./sequence-handler";

/** What an {@link AnswerHandler} works with. */
export interface AnswerHandlerContext {
  readonly task: GenerationTask;
  readonly tokenizer: Tokenizer;
  readonly proposer: NgramProposer | undefined;
  /** Ends the answer's sequence, for a stop text. */
  readonly finish: (id: string) => void;
  /** The handlers of all answers of the task, by index. */
  readonly handlers: readonly AnswerHandler[];
}

/** Feeds one answer of a task with the tokens of its sequence. */
export class AnswerHandler implements SequenceHandler {
  readonly #answer: Answer;
  readonly #context: AnswerHandlerContext;
  #chosen: readonly ChosenToken[] = [];

  constructor(answer: Answer, context: AnswerHandlerContext) {
    this.#answer = answer;
    this.#context = context;
  }

  begin({ request }: ScheduledRequest): void {
    this.#context.task.start(request.numCachedTokens);
  }

  rowsOf({ numLogitRows, request, numComputedTokens }: ScheduledRequest): LogitRows {
    const { options } = this.#context.task;
    const isPrompt = numComputedTokens < request.numPromptTokens;
    if (options.promptLogprobs !== undefined && isPrompt) return "all";
    return numLogitRows === 0 ? "none" : numLogitRows === 1 ? "last" : "all";
  }

  choose({ entry, rows }: SequenceStep): readonly number[] {
    const { request, numSamples, draftTokens } = entry;
    this.#notePromptLogprobs(entry, rows);
    if (numSamples === 0) return [];
    const lastRow = rows.at(-1);
    if (lastRow === undefined) return [];
    if (numSamples > 1) {
      return this.#context.handlers.map((handler) =>
        handler.#chooseOne(lastRow, request.tokens, request.numPromptTokens),
      );
    }
    if (draftTokens.length === 0) {
      return [this.#chooseOne(lastRow, request.tokens, request.numPromptTokens)];
    }
    return this.#verify(entry, rows);
  }

  advance({ newTokens, finishReason, stopReason }: RequestOutput): void {
    const { task, finish } = this.#context;
    const answer = this.#answer;
    if (answer.end !== undefined) return;
    const end =
      finishReason === "stop" || finishReason === "length"
        ? { finishReason, stopReason }
        : undefined;
    const delta = answer.append(this.#chosen.slice(0, newTokens.length), end);
    if (end === undefined && answer.end !== undefined) finish(answer.id);
    task.deliver(answer, delta);
  }

  draft(tokens: Int32Array): readonly number[] {
    return this.#context.proposer?.propose(tokens) ?? [];
  }

  fail(error: unknown): void {
    this.#context.task.fail(error);
  }

  #chooseOne(row: Float32Array, tokens: ArrayLike<number>, numPromptTokens: number): number {
    const chosen = this.#answer.chooser.choose(row, tokens, numPromptTokens);
    this.#chosen = [chosen];
    return chosen.tokenId;
  }

  /**
   * Chooses as without drafts, token by token, as long as what is chosen is what was drafted: so the
   * answer is the same, sampled or not.
   */
  #verify({ request, draftTokens }: ScheduledRequest, rows: readonly Float32Array[]): number[] {
    const { numTokens, numPromptTokens } = request;
    const tokens = new Int32Array(numTokens + draftTokens.length);
    tokens.set(request.tokens);
    tokens.set(draftTokens, numTokens);
    const chosen: ChosenToken[] = [];
    for (const [index, row] of rows.entries()) {
      const known = tokens.subarray(0, numTokens + index);
      const choice = this.#answer.chooser.choose(row, known, numPromptTokens);
      chosen.push(choice);
      if (choice.tokenId !== draftTokens[index]) break;
    }
    this.#chosen = chosen;
    return chosen.map(({ tokenId }) => tokenId);
  }

  #notePromptLogprobs(
    { request, numComputedTokens }: ScheduledRequest,
    rows: readonly Float32Array[],
  ): void {
    const { task, tokenizer } = this.#context;
    const { promptLogprobs: count } = task.options;
    if (count === undefined || numComputedTokens >= request.numPromptTokens) return;
    for (const [index, row] of rows.entries()) {
      const position = numComputedTokens + index;
      const next = task.promptTokenIds[position + 1];
      if (next === undefined || position < task.promptLogprobs.length) continue;
      task.promptLogprobs.push(positionLogprobs(row, next, count, tokenizer));
    }
  }
}
