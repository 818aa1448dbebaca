import { type LanguageModel, loadModel } from "@x/models";
import { openFile, resolveModel } from "@x/models/node";

/** The model that all cases run. */
export const modelName = "smollm2-135m-instruct";

/**
 * Opens the model.
 *
 * @param threads - Threads that compute; default: all that pay.
 * @param activationBits - The fewest bits of an activation.
 */
export async function openModel(
  threads?: number,
  activationBits: 8 | 16 = 16,
): Promise<LanguageModel> {
  const source = await openFile(await resolveModel(modelName));
  try {
    return await loadModel(source, { threads, activationBits });
  } finally {
    await source.close();
  }
}

/** Prompts of `count` tokens each, that differ from their second token on. */
export function differentPrompts(
  { tokenizer }: LanguageModel,
  prompts: number,
  count: number,
): number[][] {
  const text = "The history of computing begins long before electricity was known to anyone. ";
  return Array.from({ length: prompts }, (_, index) =>
    tokenizer.encode(`${index + 1}. ${text.repeat(Math.ceil(count / 10))}`).slice(0, count),
  );
}
