import { TextStream, type Tokenizer } from "@x/models";
import type {
  GenerationFinishReason,
  GenerationOutput,
  PositionLogprobs,
} from "./generation-result";
import type { ResolvedGenerationOptions } from "./resolved-options";
import type { ChosenToken, TokenChooser } from "./sampling/token-chooser";
import { StopText } from "./stop-text";

/** How an answer ended. */
export interface AnswerEnd {
  readonly finishReason: GenerationFinishReason;
  readonly stopReason: string | number | undefined;
}

/** What a step brought for an answer. */
export interface AnswerDelta {
  readonly text: string;
  readonly tokenIds: readonly number[];
  /** Tokens that were generated, one that ended the sequence included. */
  readonly numTokens: number;
  readonly logprobs: readonly PositionLogprobs[] | undefined;
}

/** One answer of a generation while it grows: its tokens, its text and how it ended. */
export class Answer {
  /** The scheduler's name for it. */
  readonly id: string;
  readonly index: number;
  readonly chooser: TokenChooser;
  readonly #options: ResolvedGenerationOptions;
  readonly #eosTokenIds: readonly number[];
  readonly #stream: TextStream;
  readonly #stopText: StopText;
  readonly #tokenIds: number[] = [];
  readonly #logprobs: PositionLogprobs[] = [];
  #text = "";
  #numTokens = 0;
  #end: AnswerEnd | undefined;

  constructor(
    id: string,
    index: number,
    options: ResolvedGenerationOptions,
    tokenizer: Tokenizer,
    chooser: TokenChooser,
  ) {
    this.id = id;
    this.index = index;
    this.chooser = chooser;
    this.#options = options;
    this.#eosTokenIds = options.ignoreEos ? [] : tokenizer.eosTokenIds;
    this.#stream = new TextStream(tokenizer);
    this.#stopText = new StopText(options.stop, { includesStop: options.includeStop });
  }

  /** How it ended, once it has. */
  get end(): AnswerEnd | undefined {
    return this.#end;
  }

  /** Tokens that were generated, one that ended the sequence included. */
  get numTokens(): number {
    return this.#numTokens;
  }

  /**
   * Takes tokens up to the one that ends the answer, if any does.
   *
   * @param end - How the scheduler says that the answer ends with the last of them, if it does.
   */
  append(tokens: readonly ChosenToken[], end: AnswerEnd | undefined): AnswerDelta {
    const first = this.#tokenIds.length;
    const numTokensBefore = this.#numTokens;
    let text = "";
    for (const [index, { tokenId, logprobs }] of tokens.entries()) {
      const isLast = index === tokens.length - 1;
      this.#numTokens++;
      if (isLast && end?.finishReason === "stop" && this.#eosTokenIds.includes(tokenId)) break;
      this.#tokenIds.push(tokenId);
      if (logprobs !== undefined) this.#logprobs.push(logprobs);
      const isStopToken = isLast && end?.stopReason !== undefined;
      if (isStopToken && !this.#options.includeStop) break;
      const canStop = this.#numTokens >= this.#options.minTokens;
      const output = this.#stopText.push(this.#stream.push(tokenId), canStop);
      text += output.text;
      if (output.stop !== undefined) {
        this.#end = { finishReason: "stop", stopReason: output.stop };
        break;
      }
    }
    if (this.#end === undefined && end !== undefined) {
      this.#end = end;
      text += this.#stopText.push(this.#stream.flush(), false).text + this.#stopText.flush();
    }
    this.#text += text;
    return {
      text,
      tokenIds: this.#tokenIds.slice(first),
      numTokens: this.#numTokens - numTokensBefore,
      logprobs: this.#options.logprobs === undefined ? undefined : this.#logprobs.slice(first),
    };
  }

  /** Ends it before its time. */
  abort(): AnswerDelta {
    return this.append([], { finishReason: "abort", stopReason: undefined });
  }

  /** The answer as it stands. */
  output(): GenerationOutput {
    return {
      index: this.index,
      text: this.#text,
      tokenIds: this.#tokenIds,
      ...(this.#end ?? { finishReason: "abort", stopReason: undefined }),
      ...(this.#options.logprobs !== undefined && { logprobs: this.#logprobs }),
    };
  }
}
