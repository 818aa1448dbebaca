import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { GenerationState, LanguageModel } from "@x/models";
import { XError } from "@x/tensor";

/**
 * The state that `path` holds, or an empty one. A file that cannot be used is no reason to stop: it
 * is computed again and written over.
 */
export function openPromptCache(
  model: LanguageModel,
  path: string,
  note: (text: string) => void,
): GenerationState {
  if (!existsSync(path)) return model.createState();
  try {
    return model.restoreState(readFileSync(path));
  } catch (error) {
    if (!XError.isInstance(error) || error.code !== "CACHE_FILE") throw error;
    note(`note: ${path}: ${error.message}`);
    return model.createState();
  }
}

/** Writes the state, in one step, so that a reader never finds half a file. */
export function writePromptCache(model: LanguageModel, state: GenerationState, path: string): void {
  const partial = `${path}.part`;
  writeFileSync(partial, model.saveState(state));
  renameSync(partial, path);
}
