import { type Grammar, GrammarMatcher, type TokenVocabulary } from "../../../src/index";
import { endIds, smallVocabulary } from "./small-vocabulary";

export const vocabulary = smallVocabulary();

/** Whether a grammar allows `text`, byte by byte, and the end after it. */
export function accepts(grammar: Grammar, text: string): boolean {
  const matcher = new GrammarMatcher(grammar, vocabulary);
  for (const byte of new TextEncoder().encode(text)) {
    if (!matcher.accept(byte)) return false;
  }
  return matcher.isComplete && matcher.accept(endIds[0]);
}

/** Ids whose bits are set. */
function idsOf(mask: Int32Array): number[] {
  const ids: number[] = [];
  for (let id = 0; id < mask.length * 32; id += 1) {
    if ((mask[id >> 5]! >>> (id & 31)) & 1) ids.push(id);
  }
  return ids;
}

/** The tokens that may come next. */
export function allowedIds(
  matcher: GrammarMatcher,
  { size }: TokenVocabulary,
  remainingTokens?: number,
): number[] {
  // What was in the mask must not matter.
  const mask = new Int32Array(Math.ceil(size / 32)).fill(-1);
  matcher.fillMask(mask, remainingTokens);
  return idsOf(mask);
}

/** The tokens that may come next, each of them tried. */
export function allowedIdsByTrial(matcher: GrammarMatcher, { size }: TokenVocabulary): number[] {
  return Array.from({ length: size }, (_, id) => id).filter((id) => matcher.fork().accept(id));
}

/** Numbers from 0 to below 1, the same for equal seeds: a linear congruential generator. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    // The low bits repeat soon.
    return (state >>> 8) / 2 ** 24;
  };
}

/**
 * A text made of allowed tokens only, chosen by `random`, from 0 to below 1. It ends after at most
 * `budget` tokens, or the fewest bytes that there can be.
 */
export function randomText(grammar: Grammar, random: () => number, budget = 60): string {
  const matcher = new GrammarMatcher(grammar, vocabulary);
  const bytes: number[] = [];
  for (let left = Math.max(budget, matcher.bytesToEnd); ; left -= 1) {
    const ids = allowedIds(matcher, vocabulary, left);
    if (ids.length === 0) throw new Error(`nothing may follow ${textOf(bytes)}`);
    const ends = ids.includes(endIds[0]);
    const words = ids.filter((id) => !(endIds as readonly number[]).includes(id));
    if (ends && (left === 0 || words.length === 0 || random() < 0.2)) return textOf(bytes);
    if (left === 0) throw new Error(`no end in time: ${textOf(bytes)}`);
    const id = words[Math.floor(random() * words.length)]!;
    if (!matcher.accept(id)) throw new Error(`${id} is in the mask and refused`);
    bytes.push(...vocabulary.tokenBytes[id]!);
  }
}

function textOf(bytes: readonly number[]): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
}
