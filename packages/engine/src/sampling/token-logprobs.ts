import type { Tokenizer } from "@x/models";
import type { PositionLogprobs, TokenLogprob } from "../generation-result";

/**
 * The log-probability of `tokenId` and of the `count` likeliest tokens; ties favour the lower id.
 *
 * @param logits - One per token, shape `[V]`.
 */
export function positionLogprobs(
  logits: Float32Array,
  tokenId: number,
  count: number,
  tokenizer: Tokenizer,
): PositionLogprobs {
  const normalizer = logSumExp(logits);
  const describe = (id: number, rank: number): TokenLogprob => {
    const bytes = id < tokenizer.vocabularySize ? tokenizer.tokenBytes(id) : new Uint8Array();
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
    return { tokenId: id, text, bytes, logprob: (logits[id] as number) - normalizer, rank };
  };
  const top = likeliest(logits, count).map((id, index) => describe(id, index + 1));
  return { ...describe(tokenId, rankOf(logits, tokenId)), top };
}

/** Logarithm of the sum of exponentials, by way of the largest so that none overflows. */
export function logSumExp(logits: Float32Array): number {
  let largest = -Infinity;
  for (const logit of logits) if (logit > largest) largest = logit;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - largest);
  return largest + Math.log(sum);
}

/** Ids of the `count` largest logits, largest first. */
export function likeliest(logits: Float32Array, count: number): number[] {
  if (count === 0) return [];
  if (count > 64) return sortedIds(logits).slice(0, count);
  const ids: number[] = [];
  let threshold = -Infinity;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id] as number;
    if (ids.length === count && logit <= threshold) continue;
    let at = ids.length;
    while (at > 0 && (logits[ids[at - 1] as number] as number) < logit) at--;
    ids.splice(at, 0, id);
    if (ids.length > count) ids.pop();
    threshold = logits[ids[ids.length - 1] as number] as number;
  }
  return ids;
}

function sortedIds(logits: Float32Array): number[] {
  const ids = Array.from(logits.keys());
  return ids.sort((a, b) => (logits[b] as number) - (logits[a] as number) || a - b);
}

function rankOf(logits: Float32Array, tokenId: number): number {
  const logit = logits[tokenId] as number;
  let rank = 1;
  for (let id = 0; id < logits.length; id++) {
    const other = logits[id] as number;
    if (other > logit || (other === logit && id < tokenId)) rank++;
  }
  return rank;
}
