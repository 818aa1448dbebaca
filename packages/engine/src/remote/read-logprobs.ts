import type { PositionLogprobs, TokenLogprob } from "../generation-result";
import type { RemoteLogprobs, RemoteTokenLogprob } from "./read-server-events";

/** Stands for the id of a token that the server names only by its text. */
const unknownTokenId = -1;

/**
 * Log-probabilities as an engine reports them.
 *
 * @param tokenIds - Ids of the tokens, as far as the server gives them.
 */
export function readLogprobs(
  logprobs: RemoteLogprobs,
  tokenIds: readonly number[],
): PositionLogprobs[] {
  const positions = logprobs.content ?? toContent(logprobs);
  return positions.map(({ top_logprobs: others = [], ...token }, index) => {
    const top = others.map((other, position) => describe(other, position + 1));
    const rank = 1 + others.filter(({ logprob }) => logprob > token.logprob).length;
    return { ...describe(token, rank, tokenIds[index]), top };
  });
}

/** The lists of completions as the entries of chats; they name bytes that are no text `bytes:\xe2`. */
function toContent(logprobs: RemoteLogprobs): RemoteTokenLogprob[] {
  const { tokens = [], token_logprobs: values = [], top_logprobs: tops = [] } = logprobs;
  return tokens.map((token, index) => ({
    token,
    logprob: values[index] ?? 0,
    bytes: namedBytes(token),
    top_logprobs: Object.entries(tops[index] ?? {})
      .map(([other, logprob]) => ({ token: other, logprob, bytes: namedBytes(other) }))
      .sort((left, right) => right.logprob - left.logprob),
  }));
}

function namedBytes(token: string): number[] | null {
  if (!/^bytes:(\\x[0-9a-f]{2})+$/.test(token)) return null;
  return [...token.matchAll(/\\x(..)/g)].map(([, hex = ""]) => Number.parseInt(hex, 16));
}

function describe(
  { token, logprob, bytes }: RemoteTokenLogprob,
  rank: number,
  tokenId = unknownTokenId,
): TokenLogprob {
  const own = bytes ? Uint8Array.from(bytes) : new TextEncoder().encode(token);
  return { tokenId, text: new TextDecoder().decode(own), bytes: own, logprob, rank };
}
