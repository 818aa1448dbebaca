/** How strongly tokens that occurred already are held back. */
export interface Penalties {
  readonly repetitionPenalty: number;
  readonly frequencyPenalty: number;
  readonly presencePenalty: number;
}

/**
 * Applies penalties as vLLM does: the repetition penalty (Keskar et al. 2019, arXiv 1909.05858) for
 * the tokens of prompt and answer, the others for those of the answer alone.
 *
 * @param logits - One per token, shape `[V]`; changed in place.
 * @param tokens - Prompt and answer so far.
 */
export function applyPenalties(
  logits: Float32Array,
  tokens: ArrayLike<number>,
  numPromptTokens: number,
  { repetitionPenalty, frequencyPenalty, presencePenalty }: Penalties,
): void {
  if (repetitionPenalty !== 1) {
    for (const tokenId of new Set(Array.from(tokens))) {
      const logit = logits[tokenId] as number;
      logits[tokenId] = logit > 0 ? logit / repetitionPenalty : logit * repetitionPenalty;
    }
  }
  if (frequencyPenalty === 0 && presencePenalty === 0) return;
  const counts = new Map<number, number>();
  for (let index = numPromptTokens; index < tokens.length; index++) {
    const tokenId = tokens[index] as number;
    counts.set(tokenId, (counts.get(tokenId) ?? 0) + 1);
  }
  for (const [tokenId, count] of counts) {
    logits[tokenId] = (logits[tokenId] as number) - frequencyPenalty * count - presencePenalty;
  }
}
