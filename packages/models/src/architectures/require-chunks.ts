import type { CausalLMConfig, SequenceChunk, SequenceState } from "../causal-lm";
import { ContextLengthError, InvalidArgumentError } from "../errors";

/**
 * Checks what every model asks of a batch.
 *
 * @param isOwn - Whether the model made a state.
 * @returns The states, in the order of their chunks.
 * @throws {InvalidArgumentError} when there is no chunk, a state is not the model's or comes twice, a
 * chunk is empty, or a token id is not of the vocabulary.
 */
export function requireChunks<State extends SequenceState>(
  batch: readonly SequenceChunk[],
  { vocabularySize }: Pick<CausalLMConfig, "vocabularySize">,
  isOwn: (state: SequenceState) => state is State,
): State[] {
  if (batch.length === 0) throw new InvalidArgumentError("forward: the batch holds no chunk");
  const states = new Set<State>();
  for (const { state, tokenIds } of batch) {
    if (!isOwn(state) || states.has(state)) {
      throw new InvalidArgumentError(
        "forward: give each chunk a state of its own, made by this model's createState()",
      );
    }
    states.add(state);
    if (tokenIds.length === 0) throw new InvalidArgumentError("forward: a chunk holds no token");
    for (let index = 0; index < tokenIds.length; index++) {
      const tokenId = tokenIds[index] as number;
      if (Number.isInteger(tokenId) && tokenId >= 0 && tokenId < vocabularySize) continue;
      throw new InvalidArgumentError(
        `forward: token id ${tokenId} is not of the vocabulary; use 0 to ${vocabularySize - 1}`,
        { tokenId, vocabularySize },
      );
    }
  }
  return [...states];
}

/** @throws {ContextLengthError} when a sequence would have more than `contextLength` tokens. */
export function requireContext(total: number, contextLength: number): void {
  if (total <= contextLength) return;
  throw new ContextLengthError(
    `forward: ${total} tokens exceed the context of ${contextLength}; shorten the sequence`,
    { total, contextLength },
  );
}
