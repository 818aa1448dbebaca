import type { PositionLogprobs, TokenLogprob } from "@x/engine";

/** JSON has no infinity; vLLM writes this for a token that cannot come. */
const leastLogprob = -9999;

/** A log-probability as JSON can hold it. */
export function finiteLogprob(logprob: number): number {
  return Math.max(leastLogprob, logprob);
}

/** Log-probabilities in the shape of chat completions. */
export function toChatLogprobs(positions: readonly PositionLogprobs[]) {
  const describe = ({ text, bytes, logprob }: TokenLogprob) => ({
    token: text,
    logprob: finiteLogprob(logprob),
    bytes: [...bytes],
  });
  return {
    content: positions.map((position) => ({
      ...describe(position),
      top_logprobs: position.top.map(describe),
    })),
    refusal: null,
  };
}

/**
 * Log-probabilities of a prompt as vLLM writes them: for each position an object by token id; `null`
 * for the first token, which nothing precedes.
 */
export function toPromptLogprobs(positions: readonly PositionLogprobs[]) {
  return [null, ...positions.map(byTokenId)];
}

function byTokenId(position: PositionLogprobs) {
  return Object.fromEntries(
    [position, ...position.top].map(({ tokenId, logprob, rank, text }) => [
      tokenId,
      { logprob: finiteLogprob(logprob), rank, decoded_token: text },
    ]),
  );
}
