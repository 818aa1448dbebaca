import { OutOfRangeError } from "@x/tensor";

/**
 * The tokens of a tokenizer as the tree of their bytes, for finding which of them a grammar allows.
 * Make it once per tokenizer.
 *
 * @example
 * ```ts
 * const vocabulary = new TokenVocabulary(
 *   Array.from({ length: tokenizer.vocabularySize }, (_, id) =>
 *     tokenizer.isSpecial(id) ? undefined : tokenizer.tokenBytes(id),
 *   ),
 *   tokenizer.eosTokenIds,
 * );
 * ```
 */
export class TokenVocabulary {
  /** Number of token ids. */
  readonly size: number;
  /** Tokens that end a text. */
  readonly eosTokenIds: readonly number[];
  /** Bytes by token id. @internal */
  readonly tokenBytes: readonly (Uint8Array | undefined)[];
  /**
   * Nodes of the tree in depth-first order, from 0, the root, on: the byte that leads to each, its
   * depth, and the node after its subtree. @internal
   */
  readonly tree: TokenTree;

  /**
   * @param tokenBytes - Bytes by token id. `undefined` for tokens that are no text, such as turn
   *   markers; those and tokens without bytes are never allowed.
   * @param eosTokenIds - Tokens that end a text. They are allowed where the text may end, and never
   *   as text.
   * @throws {OutOfRangeError} when an end token is not in the vocabulary.
   */
  constructor(tokenBytes: readonly (Uint8Array | undefined)[], eosTokenIds: Iterable<number>) {
    this.size = tokenBytes.length;
    this.eosTokenIds = [...new Set(eosTokenIds)];
    for (const id of this.eosTokenIds) {
      if (!Number.isInteger(id) || id < 0 || id >= this.size) {
        throw new OutOfRangeError(
          `the end token ${id} is not in the vocabulary; use ids from 0 to ${this.size - 1}`,
          { id, size: this.size },
        );
      }
    }
    const ends = new Set(this.eosTokenIds);
    this.tokenBytes = tokenBytes.map((bytes, id) =>
      bytes === undefined || bytes.length === 0 || ends.has(id) ? undefined : bytes.slice(),
    );
    this.tree = buildTree(this.tokenBytes);
  }
}

/** See {@link TokenVocabulary}. @internal */
export interface TokenTree {
  readonly bytes: Uint8Array;
  readonly depths: Uint16Array;
  readonly ends: Int32Array;
  /** Ids by ascending bytes: those of node `n` from `tokenStarts[n]` to before `tokenStarts[n + 1]`. */
  readonly tokenIds: Int32Array;
  readonly tokenStarts: Int32Array;
}

function buildTree(tokenBytes: readonly (Uint8Array | undefined)[]): TokenTree {
  // A character for each byte: strings are sorted faster than arrays of bytes.
  const tokens = tokenBytes
    .flatMap((bytes, id) => (bytes === undefined ? [] : [{ key: toLatin1(bytes), id }]))
    .sort((left, right) => (left.key < right.key ? -1 : left.key > right.key ? 1 : 0));
  const bytes: number[] = [0];
  const depths: number[] = [0];
  const tokenStarts: number[] = [0];
  let previous = "";
  for (const [index, { key }] of tokens.entries()) {
    let depth = 0;
    while (depth < key.length && key.charCodeAt(depth) === previous.charCodeAt(depth)) depth += 1;
    for (; depth < key.length; depth += 1) {
      bytes.push(key.charCodeAt(depth));
      depths.push(depth + 1);
      // The token is of the last of these nodes, and comes after those before.
      tokenStarts.push(index);
    }
    previous = key;
  }
  tokenStarts.push(tokens.length);
  const ends = new Int32Array(bytes.length);
  const open: number[] = [];
  for (let node = 0; node < bytes.length; node += 1) {
    for (let last = open.at(-1); last !== undefined; last = open.at(-1)) {
      if ((depths[last] as number) < (depths[node] as number)) break;
      ends[last] = node;
      open.pop();
    }
    open.push(node);
  }
  for (const node of open) ends[node] = bytes.length;
  return {
    bytes: Uint8Array.from(bytes),
    depths: Uint16Array.from(depths),
    ends,
    tokenIds: Int32Array.from(tokens, ({ id }) => id),
    tokenStarts: Int32Array.from(tokenStarts),
  };
}

function toLatin1(bytes: Uint8Array): string {
  const part = 4096;
  if (bytes.length <= part) return String.fromCharCode(...bytes);
  return toLatin1(bytes.subarray(0, part)) + toLatin1(bytes.subarray(part));
}
