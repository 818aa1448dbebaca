import type { Automaton } from "./automaton";
import type { Configuration, Frame } from "./configuration";
import type { Expression, RepetitionExpression } from "./expression";
import { endsApart, RepetitionTable } from "./repetition-table";
import type { TokenVocabulary } from "./token-vocabulary";

/** Bytes of masks to keep for one grammar. */
const maxCachedBytes = 8 * 2 ** 20;

/** Near the deepest stack, where repetitions are not alike any more. */
const maxTableDepth = 900;

/** Bytes of the longest character: a pair of JSON escapes. */
const maxCharacterBytes = 12;

/** What is kept of a configuration. */
interface CachedMask {
  /** A mask of ids, or the ids themselves where they are few. */
  readonly tokens: Int32Array | Uint32Array;
  /** Bytes that any of the tokens leaves to an end, or more. */
  readonly farthest: number;
}

/** Tables of repetitions, for as long as their expression and the vocabulary live. */
const tables = new WeakMap<TokenVocabulary, WeakMap<Expression, RepetitionTable>>();

/** The tokens that may come next, by configuration of one grammar. */
export class TokenMasks {
  readonly #automaton: Automaton;
  readonly #vocabulary: TokenVocabulary;
  readonly #words: number;
  readonly #path: Configuration[] = [];
  readonly #cache = new Map<Configuration, CachedMask>();
  #cachedBytes = 0;
  /** Tokens that leave more bytes than this to an end are left out. */
  #limit = Number.POSITIVE_INFINITY;
  /** Bytes that the tokens so far leave to an end, at most. */
  #farthest = 0;

  constructor(automaton: Automaton, vocabulary: TokenVocabulary) {
    this.#automaton = automaton;
    this.#vocabulary = vocabulary;
    this.#words = Math.ceil(vocabulary.size / 32);
  }

  /**
   * Writes the tokens that may follow `configuration`, without those that end the text.
   *
   * @param limit - Tokens are left out that leave more than so many bytes to an end.
   */
  fill(mask: Int32Array, configuration: Configuration, limit: number): void {
    const known = this.#cache.get(configuration);
    if (known !== undefined && known.farthest <= limit) {
      copyTo(mask, known.tokens);
      return;
    }
    if (this.#automaton.trim()) this.#forget();
    if (known === undefined) {
      this.#farthest = 0;
      mask.fill(0);
      this.#compute(mask, configuration);
      this.#remember(configuration, mask);
      if (this.#farthest <= limit) return;
    }
    mask.fill(0);
    this.#limit = limit;
    this.#path[0] = configuration;
    this.#walk(mask, 1, this.#vocabulary.tree.bytes.length);
    this.#limit = Number.POSITIVE_INFINITY;
  }

  #compute(mask: Int32Array, configuration: Configuration): void {
    const others: Frame[] = [];
    for (const frame of configuration.frames) {
      const { expression, next } = frame;
      const isRepetition =
        expression.kind === "repetition" &&
        next.depth < maxTableDepth &&
        endsApart(expression, this.#automaton.stateOf(next).partition.bytes);
      if (isRepetition) this.#addRepetition(mask, expression, next);
      else others.push(frame);
    }
    if (others.length === 0) return;
    const start =
      others.length === configuration.frames.length
        ? configuration
        : this.#automaton.fromFrames(others, false);
    this.#path[0] = start;
    this.#walk(mask, 1, this.#vocabulary.tree.bytes.length);
  }

  /** Adds the tokens of a repetition, and of what comes after it. */
  #addRepetition(mask: Int32Array, repetition: RepetitionExpression, next: Configuration): void {
    const table = this.#tableOf(repetition);
    const { tree } = this.#vocabulary;
    table.addTokens(mask, repetition.max);
    // A token that stops within a round has the rest of it before it, besides what there is now.
    const round = maxCharacterBytes * (repetition.body.size + 1);
    this.#farthest = Math.max(this.#farthest, repetition.shortest + next.distance + round);
    for (const byte of this.#automaton.stateOf(next).partition.bytes) {
      const exits = table.exits.get(byte);
      const to = exits && this.#automaton.step(next, byte);
      if (to === undefined) continue;
      for (const { node, rounds } of exits ?? []) {
        if (rounds < repetition.min || rounds > repetition.max) continue;
        this.#path[tree.depths[node] as number] = to;
        this.#addTokens(mask, node, to);
        this.#walk(mask, node + 1, tree.ends[node] as number);
      }
    }
  }

  /** Adds the tokens of the nodes from `start` to before `end`; the path above is known. */
  #walk(mask: Int32Array, start: number, end: number): void {
    const automaton = this.#automaton;
    const { bytes, depths, ends } = this.#vocabulary.tree;
    const path = this.#path;
    for (let node = start; node < end; ) {
      const depth = depths[node] as number;
      const to = automaton.step(path[depth - 1] as Configuration, bytes[node] as number);
      if (to === undefined) {
        node = ends[node] as number;
      } else {
        path[depth] = to;
        this.#addTokens(mask, node, to);
        node += 1;
      }
    }
  }

  #addTokens(mask: Int32Array, node: number, { distance }: Configuration): void {
    const { tokenIds, tokenStarts } = this.#vocabulary.tree;
    const start = tokenStarts[node] as number;
    const end = tokenStarts[node + 1] as number;
    if (start === end || distance > this.#limit) return;
    this.#farthest = Math.max(this.#farthest, distance);
    for (let index = start; index < end; index += 1) {
      setBit(mask, tokenIds[index] as number);
    }
  }

  #tableOf(repetition: RepetitionExpression): RepetitionTable {
    const { body } = repetition;
    let own = tables.get(this.#vocabulary);
    if (own === undefined) {
      own = new WeakMap();
      tables.set(this.#vocabulary, own);
    }
    let table = own.get(body);
    if (table === undefined) {
      const unbounded = this.#automaton.unbounded(repetition);
      table = RepetitionTable.build(this.#automaton, unbounded, this.#vocabulary);
      own.set(body, table);
    }
    return table;
  }

  #remember(configuration: Configuration, mask: Int32Array): void {
    let count = 0;
    for (const word of mask) count += bitsOf(word);
    const tokens = count < this.#words ? idsOf(mask, count) : mask.slice();
    this.#cachedBytes += tokens.byteLength;
    if (this.#cachedBytes > maxCachedBytes) {
      this.#cache.clear();
      this.#cachedBytes = tokens.byteLength;
    }
    this.#cache.set(configuration, { tokens, farthest: this.#farthest });
  }

  #forget(): void {
    this.#cache.clear();
    this.#cachedBytes = 0;
    this.#path.length = 0;
  }
}

function copyTo(mask: Int32Array, tokens: Int32Array | Uint32Array): void {
  if (tokens instanceof Int32Array) {
    mask.set(tokens);
    return;
  }
  mask.fill(0);
  for (const id of tokens) setBit(mask, id);
}

function setBit(mask: Int32Array, id: number): void {
  mask[id >> 5] = (mask[id >> 5] as number) | (1 << (id & 31));
}

/** Number of bits set in a 32-bit word. */
function bitsOf(word: number): number {
  const pairs = word - ((word >>> 1) & 0x5555_5555);
  const fours = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}

function idsOf(mask: Int32Array, count: number): Uint32Array {
  const ids = new Uint32Array(count);
  let length = 0;
  for (let word = 0; word < mask.length; word += 1) {
    for (let rest = mask[word] as number; rest !== 0; rest &= rest - 1) {
      ids[length] = word * 32 + (31 - Math.clz32(rest & -rest));
      length += 1;
    }
  }
  return ids;
}
