/** When a request ends by itself. */
export interface StopConditions {
  /** Output tokens after which the request ends. Default: as many as the model length leaves. */
  readonly maxTokens?: number;
  /** Output tokens before which no token ends the request. Default 0. */
  readonly minTokens?: number;
  /** End-of-sequence tokens. Default: those of the scheduler. */
  readonly eosTokenIds?: readonly number[];
  /** Whether end-of-sequence tokens are ordinary tokens. Default false. */
  readonly ignoreEos?: boolean;
  /** Further tokens that end the request. The stopping token stays in the output. Default none. */
  readonly stopTokenIds?: readonly number[];
}

/**
 * Why a request ended: `stop` for an end-of-sequence or stop token, `length` for a limit on tokens,
 * `abort` for the caller, `error` for a request that failed (its grammar, its callback).
 */
export type FinishReason = "stop" | "length" | "abort" | "error";

/** How a request ended. */
export interface Finish {
  readonly reason: FinishReason;
  /** The stop token, when one of `stopTokenIds` ended the request. */
  readonly stopReason?: number;
}

/**
 * Whether a request ends with the token just generated. Tokens are looked at before limits, so a
 * stop token in the last place counts as `stop`.
 *
 * @param token The last output token.
 * @param numOutputTokens Output tokens, that one included.
 * @param maxOutputTokens Output tokens that the request may have.
 */
export function checkStop(
  token: number,
  numOutputTokens: number,
  maxOutputTokens: number,
  conditions: StopConditions,
): Finish | undefined {
  if (numOutputTokens >= (conditions.minTokens ?? 0)) {
    if (!conditions.ignoreEos && conditions.eosTokenIds?.includes(token)) return { reason: "stop" };
    if (conditions.stopTokenIds?.includes(token)) return { reason: "stop", stopReason: token };
  }
  return numOutputTokens >= maxOutputTokens ? { reason: "length" } : undefined;
}
