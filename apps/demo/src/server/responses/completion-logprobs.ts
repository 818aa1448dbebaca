import type { PositionLogprobs } from "@x/engine";
import { finiteLogprob } from "./logprobs";

/** Log-probabilities in the shape of completions. */
export interface CompletionLogprobs {
  readonly tokens: string[];
  readonly token_logprobs: (number | null)[];
  readonly top_logprobs: (Record<string, number> | null)[];
  /** Where each token begins in the text. */
  readonly text_offset: number[];
}

/** A token with its log-probabilities, if any: the first of a text has none. */
export type ScoredToken = Pick<PositionLogprobs, "bytes"> & Partial<PositionLogprobs>;

/** Writes the tokens of one answer, which may come in pieces. */
export class CompletionLogprobsWriter {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #offset = 0;

  write(tokens: readonly ScoredToken[]): CompletionLogprobs {
    return {
      tokens: tokens.map(({ bytes }) => tokenName(bytes)),
      token_logprobs: tokens.map(({ logprob }) =>
        logprob === undefined ? null : finiteLogprob(logprob),
      ),
      top_logprobs: tokens.map(topLogprobs),
      text_offset: tokens.map(({ bytes }) => {
        const start = this.#offset;
        this.#offset += this.#decoder.decode(bytes, { stream: true }).length;
        return start;
      }),
    };
  }
}

/** As many as were asked for, and the token that came, which may be one more. */
function topLogprobs({ bytes, logprob, top }: ScoredToken): Record<string, number> | null {
  if (logprob === undefined || top === undefined) return null;
  return Object.fromEntries(
    [...top, { bytes, logprob }].map((token) => [
      tokenName(token.bytes),
      finiteLogprob(token.logprob),
    ]),
  );
}

/** A token's text; OpenAI writes bytes that are no text as `bytes:\xe2\x80`. */
function tokenName(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    const hex = [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`);
    return `bytes:${hex.join("")}`;
  }
}
