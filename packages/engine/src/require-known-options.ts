import { InvalidArgumentError } from "@x/models";
import type { GenerationOptions } from "./generation-options";

const known: Readonly<Record<keyof GenerationOptions, true>> = {
  temperature: true,
  topK: true,
  topP: true,
  minP: true,
  repetitionPenalty: true,
  seed: true,
  maxTokens: true,
  minTokens: true,
  n: true,
  stop: true,
  stopTokenIds: true,
  includeStop: true,
  ignoreEos: true,
  frequencyPenalty: true,
  presencePenalty: true,
  logitBias: true,
  badWords: true,
  logprobs: true,
  promptLogprobs: true,
  structured: true,
  speculative: true,
  priority: true,
  cacheSalt: true,
  signal: true,
};

/**
 * Refuses an option that does not exist, which would have no effect.
 *
 * @throws {InvalidArgumentError} naming it, and the option of the name that is most like it.
 */
export function requireKnownOptions(options: GenerationOptions): void {
  for (const [name, value] of Object.entries(options)) {
    if (Object.hasOwn(known, name) || value === undefined) continue;
    const message = `generate: there is no option ${name}; did you mean ${mostLike(name)}?`;
    throw new InvalidArgumentError(message, { [name]: value });
  }
}

/** The option that takes the fewest changes, whatever its case and the lines in it. */
function mostLike(name: string): string {
  const plain = (text: string) => text.replaceAll("_", "").toLowerCase();
  const distances = Object.keys(known).map((option) => ({
    option,
    distance: editDistance(plain(name), plain(option)),
  }));
  return distances.reduce((best, next) => (next.distance < best.distance ? next : best)).option;
}

/** Characters to insert, delete or replace (Levenshtein 1966). */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [index, character] of [...from].entries()) {
    const next = [index + 1];
    for (let column = 1; column <= to.length; column++) {
      const replaced = (row[column - 1] ?? 0) + (to[column - 1] === character ? 0 : 1);
      next.push(Math.min(replaced, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
