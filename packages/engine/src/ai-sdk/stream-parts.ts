import type { LanguageModelV3StreamPart } from "@ai-sdk/provider";
import type { Generation } from "../generation";
import type { GenerationResult } from "../generation-result";

/** The SDK's id of the one text of an answer. */
const id = "0";

/**
 * A generation as the parts of the SDK's stream.
 *
 * @param toFinish - Makes the last part.
 * @throws The signal's reason when it ended the generation: the SDK tells its user.
 */
export async function* streamParts(
  generation: Generation,
  signal: AbortSignal | undefined,
  toFinish: (result: GenerationResult) => LanguageModelV3StreamPart,
): AsyncGenerator<LanguageModelV3StreamPart, void, undefined> {
  yield { type: "text-start", id };
  for await (const delta of generation.textStream()) yield { type: "text-delta", id, delta };
  signal?.throwIfAborted();
  yield { type: "text-end", id };
  yield toFinish(await generation.result());
}
