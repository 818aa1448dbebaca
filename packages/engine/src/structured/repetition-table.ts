import type { Automaton } from "./automaton";
import type { ByteSet } from "./byte-set";
import type { RepetitionExpression } from "./expression";
import type { TokenVocabulary } from "./token-vocabulary";

/**
 * How each token goes through repetitions of one expression, such as the characters of a string:
 * how many rounds it needs, and where it could leave. One walk over the vocabulary answers for every
 * count, and for whatever comes after the repetition.
 */
export class RepetitionTable {
  /** Where a byte that begins no round follows a whole number of them: the places to leave. */
  readonly exits: ReadonlyMap<number, readonly RepetitionExit[]>;
  /** Tokens that need at most so many rounds, as a mask. */
  readonly #masks: readonly Int32Array[];

  private constructor(
    exits: ReadonlyMap<number, readonly RepetitionExit[]>,
    masks: readonly Int32Array[],
  ) {
    this.exits = exits;
    this.#masks = masks;
  }

  /** @param repetition - Without bounds, of a body that is prefix-free. */
  static build(
    automaton: Automaton,
    repetition: RepetitionExpression,
    { tree, size }: TokenVocabulary,
  ): RepetitionTable {
    const { bytes, depths, ends, tokenIds, tokenStarts } = tree;
    const exits = new Map<number, RepetitionExit[]>();
    const tokensOfRounds: number[][] = [[]];
    const between = automaton.start(repetition);
    const path = [between];
    const rounds = [0];
    for (let node = 1; node < bytes.length; ) {
      const depth = depths[node] as number;
      const byte = bytes[node] as number;
      const from = path[depth - 1] ?? between;
      const roundsBefore = rounds[depth - 1] ?? 0;
      const to = automaton.step(from, byte);
      if (to === undefined) {
        if (from === between && !repetition.body.first.has(byte)) {
          const list = exits.get(byte);
          if (list === undefined) exits.set(byte, [{ node, rounds: roundsBefore }]);
          else list.push({ node, rounds: roundsBefore });
        }
        node = ends[node] as number;
        continue;
      }
      path[depth] = to;
      rounds[depth] = to === between ? roundsBefore + 1 : roundsBefore;
      // A round that is begun needs its place, as one that is whole.
      const needed = roundsBefore + 1;
      const end = tokenStarts[node + 1] as number;
      for (let index = tokenStarts[node] as number; index < end; index += 1) {
        while (tokensOfRounds.length <= needed) tokensOfRounds.push([]);
        tokensOfRounds[needed]?.push(tokenIds[index] as number);
      }
      node += 1;
    }
    return new RepetitionTable(exits, masksOf(tokensOfRounds, Math.ceil(size / 32)));
  }

  /** Adds to `mask` the tokens that need at most `rounds` rounds. */
  addTokens(mask: Int32Array, rounds: number): void {
    const own = this.#masks[Math.min(rounds, this.#masks.length - 1)] ?? [];
    for (let word = 0; word < own.length; word += 1) {
      mask[word] = (mask[word] as number) | (own[word] as number);
    }
  }
}

function masksOf(tokensOfRounds: readonly (readonly number[])[], words: number): Int32Array[] {
  let mask = new Int32Array(words);
  return tokensOfRounds.map((tokens) => {
    if (tokens.length > 0) mask = mask.slice();
    for (const id of tokens) {
      mask[id >> 5] = (mask[id >> 5] as number) | (1 << (id & 31));
    }
    return mask;
  });
}

/** A node of the token tree that cannot be inside the repetition. */
export interface RepetitionExit {
  readonly node: number;
  /** Rounds made before. */
  readonly rounds: number;
}

/** Whether `next`, the first bytes after a repetition, are none that its body begins with. */
export function endsApart({ body }: RepetitionExpression, next: ByteSet): boolean {
  return body.isPrefixFree && body.first.isDisjointFrom(next);
}
