import { InvalidArgumentError } from "../errors";
import { byteAlphabet } from "./byte-level";
import { createPreTokenizer, preTokenizerRule } from "./pre-tokenizer";

/** A vocabulary that was learned from a text, as a GGUF file holds it. */
export interface BytePairVocabulary {
  /** The 256 bytes, what was merged of them, and last the token that ends a text. */
  readonly tokens: readonly string[];
  /** Pairs in the order of learning, `left right`. */
  readonly merges: readonly string[];
  /** Name of the rule that cuts text into words: `tokenizer.ggml.pre`. */
  readonly preTokenizer: string;
}

/** Name of the token that ends a text. */
export const endOfText = "<|endoftext|>";

interface Word {
  readonly count: number;
  symbols: string[];
}

/**
 * Learns a byte-level byte-pair vocabulary (Sennrich et al. 2015, arXiv 1508.07909; bytes as in
 * GPT-2): the most frequent pair of neighbours becomes a token, again and again. Ties go to the
 * pair that sorts first, so the result depends on the text alone.
 *
 * @param vocabularySize - Tokens in all, 257 or more. Fewer come out when nothing is left to merge.
 * @throws {InvalidArgumentError} for a smaller size.
 */
export function trainBytePairs(text: string, vocabularySize: number): BytePairVocabulary {
  const preTokenizer = "gpt-2";
  const tokens = [...byteAlphabet];
  if (!(Number.isSafeInteger(vocabularySize) && vocabularySize > tokens.length)) {
    throw new InvalidArgumentError(
      `trainBytePairs: a vocabulary of ${vocabularySize} cannot hold all bytes; use 257 or more`,
      { vocabularySize },
    );
  }
  const words = countWords(text, preTokenizer);
  const merges: string[] = [];
  while (tokens.length + 1 < vocabularySize) {
    const pair = mostFrequentPair(words);
    if (pair === undefined) break;
    merges.push(pair);
    tokens.push(pair.replace(" ", ""));
    mergeIn(words, pair);
  }
  tokens.push(endOfText);
  return { tokens, merges, preTokenizer };
}

function countWords(text: string, preTokenizer: string): Word[] {
  const counts = new Map<string, number>();
  for (const word of createPreTokenizer(preTokenizerRule(preTokenizer))(text)) {
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return [...counts].map(([word, count]) => ({ count, symbols: [...word] }));
}

function mostFrequentPair(words: readonly Word[]): string | undefined {
  const counts = new Map<string, number>();
  for (const { count, symbols } of words) {
    for (let index = 1; index < symbols.length; index++) {
      const pair = `${symbols[index - 1]} ${symbols[index]}`;
      counts.set(pair, (counts.get(pair) ?? 0) + count);
    }
  }
  let best: string | undefined;
  let bestCount = 0;
  for (const [pair, count] of counts) {
    const isBetter =
      count > bestCount || (count === bestCount && best !== undefined && pair < best);
    if (isBetter) [best, bestCount] = [pair, count];
  }
  return best;
}

function mergeIn(words: readonly Word[], pair: string): void {
  const [left, right] = pair.split(" ");
  for (const word of words) {
    const { symbols } = word;
    const merged: string[] = [];
    for (let index = 0; index < symbols.length; index++) {
      const symbol = symbols[index] ?? "";
      if (symbol === left && symbols[index + 1] === right) {
        merged.push(symbol + right);
        index++;
      } else {
        merged.push(symbol);
      }
    }
    word.symbols = merged;
  }
}
