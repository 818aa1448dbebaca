/** A token with its log-probability. */
export interface TokenLogprob {
  readonly tokenId: number;
  /** The token's text; bytes that are no character by themselves are U+FFFD. */
  readonly text: string;
  /** The token's bytes. */
  readonly bytes: Uint8Array;
  /** Natural logarithm of the probability, before temperature and penalties. */
  readonly logprob: number;
  /** 1 for the likeliest token. */
  readonly rank: number;
}

/** A token of the text, with the likeliest ones in its place. */
export interface PositionLogprobs extends TokenLogprob {
  /** As many as were asked for, likeliest first. */
  readonly top: readonly TokenLogprob[];
}

/**
 * Why an answer ended: `stop` for the end of the sequence, a stop text or a stop token; `length` for
 * `maxTokens` or the context; `abort` for the signal or `cancel()`.
 */
export type GenerationFinishReason = "stop" | "length" | "abort";

/** What happens during a generation. */
export type GenerationEvent =
  /** The prompt is computed, and the first token is there. */
  | {
      readonly type: "start";
      readonly promptTokens: number;
      readonly cachedTokens: number;
    }
  /** Text that the answer `index` goes on by, never half a character nor part of a stop text. */
  | {
      readonly type: "text-delta";
      readonly index: number;
      readonly text: string;
      readonly tokenIds: readonly number[];
      /** Of `tokenIds`, when asked for. */
      readonly logprobs?: readonly PositionLogprobs[];
    }
  /** The answer `index` is complete. */
  | {
      readonly type: "finish";
      readonly index: number;
      readonly finishReason: GenerationFinishReason;
      /** The stop text or stop token that ended it. */
      readonly stopReason: string | number | undefined;
    };

/** One answer. */
export interface GenerationOutput {
  readonly index: number;
  readonly text: string;
  /** Generated ids, without the end-of-sequence token. */
  readonly tokenIds: readonly number[];
  readonly finishReason: GenerationFinishReason;
  readonly stopReason: string | number | undefined;
  /** Of `tokenIds`, when asked for. */
  readonly logprobs?: readonly PositionLogprobs[];
}

/** The whole of a finished generation. */
export interface GenerationResult {
  /** The text of the first answer. */
  readonly text: string;
  /** All answers, by index. */
  readonly outputs: readonly GenerationOutput[];
  readonly promptTokens: number;
  /** Prompt tokens that the prefix cache held. */
  readonly cachedTokens: number;
  /** Tokens of all answers together, the end-of-sequence tokens included. */
  readonly completionTokens: number;
  /** Of each prompt token but the first, when asked for. */
  readonly promptLogprobs?: readonly PositionLogprobs[];
  /** From the call to the first token, in milliseconds; 0 when there was none. */
  readonly timeToFirstTokenMs: number;
  /** From the call to the end, in milliseconds. */
  readonly totalMs: number;
}
