import { TokenizerError } from "../errors";
import type { GgufMetadata } from "../gguf/metadata";
import { fromByteLevel } from "./byte-level";

/** `llama_token_type` of llama.cpp, which `tokenizer.ggml.token_type` holds. */
const normalType = 1;
const unknownType = 2;
const controlType = 3;
const userDefinedType = 4;
const unusedType = 5;

/**
 * Names that end a turn or a text. Checkpoints often give only one of theirs as
 * `eos_token_id`; llama.cpp knows the others by name, and so does this.
 */
const endTokenNames: ReadonlySet<string> = new Set([
  "<|eot_id|>",
  "<|im_end|>",
  "<|end|>",
  "<|endoftext|>",
  "<|end_of_text|>",
  "<|eom_id|>",
  "<end_of_turn>",
  "<EOT>",
]);

const utf8Encoder = new TextEncoder();

/** The tokens of a checkpoint: their text, bytes and roles. */
export class Vocabulary {
  /** Text by id, as the checkpoint writes it. */
  readonly tokens: readonly string[];
  /** The token that begins a sequence. */
  readonly bosTokenId: number | undefined;
  /** Tokens that end a sequence or a turn. */
  readonly eosTokenIds: readonly number[];
  /** Role by id: one of the type numbers. */
  readonly #types: Uint8Array;
  /** Ids of what is no ordinary text, ascending. */
  readonly #unusual: number[];

  /**
   * Reads `tokenizer.ggml.*`.
   *
   * @throws {GgufError} for a missing or mistyped key. @throws {TokenizerError} for lists that do
   * not fit each other.
   */
  constructor(metadata: GgufMetadata) {
    this.tokens = metadata.getStringArray("tokenizer.ggml.tokens");
    this.#types = readTypes(metadata, this.tokens.length);
    this.bosTokenId = this.#tokenId(metadata, "bos_token_id");
    const ends = new Set<number>();
    for (const key of ["eos_token_id", "eot_token_id", "eom_token_id"]) {
      const id = this.#tokenId(metadata, key);
      if (id !== undefined) {
        ends.add(id);
      }
    }
    // All but a few are ordinary text: the others are found once.
    this.#unusual = idsOtherThan(this.#types, normalType);
    for (const id of this.#unusual) {
      if (endTokenNames.has(this.tokens[id] ?? "")) ends.add(id);
    }
    this.eosTokenIds = [...ends];
    // Some converters mark these as ordinary text, which would show them to the reader.
    for (const id of this.eosTokenIds.concat(this.bosTokenId ?? [])) {
      if (this.#types[id] === normalType) this.#unusual.push(id);
      this.#types[id] = controlType;
    }
    this.#unusual.sort((left, right) => left - right);
  }

  /** Whether the token directs the model and is no text: it is left out of what people read. */
  isSpecial(tokenId: number): boolean {
    const type = this.#types[tokenId];
    return type === controlType || type === unknownType || type === unusedType;
  }

  /** Whether byte-pair encoding can make the token: it is neither special nor added by name. */
  isMergeable(tokenId: number): boolean {
    return !this.isSpecial(tokenId) && this.#types[tokenId] !== userDefinedType;
  }

  /** Id by text of the tokens that are found by name. */
  namedTokens({ special }: { readonly special: boolean }): Map<string, number> {
    const named = new Map<string, number>();
    for (const id of this.#unusual) {
      const token = this.tokens[id] ?? "";
      const isNamed = this.isSpecial(id) ? special : this.#types[id] === userDefinedType;
      if (isNamed && this.#types[id] !== unusedType && token !== "") named.set(token, id);
    }
    return named;
  }

  /** The bytes that the token adds to a text. The id must be in range. */
  bytes(tokenId: number): Uint8Array {
    const token = this.tokens[tokenId] ?? "";
    return this.isMergeable(tokenId) ? fromByteLevel(token) : utf8Encoder.encode(token);
  }

  #tokenId(metadata: GgufMetadata, key: string): number | undefined {
    const fullKey = `tokenizer.ggml.${key}`;
    if (!metadata.has(fullKey)) {
      return undefined;
    }
    const id = metadata.getNumber(fullKey);
    if (!Number.isInteger(id) || id < 0 || id >= this.tokens.length) {
      throw new TokenizerError(
        `"${fullKey}" is ${id}, the vocabulary has ${this.tokens.length} tokens; use a file whose tokenizer is whole`,
        { key: fullKey, id, vocabularySize: this.tokens.length },
      );
    }
    return id;
  }
}

function idsOtherThan(types: Uint8Array, usual: number): number[] {
  const ids: number[] = [];
  for (let id = 0; id < types.length; id += 1) if (types[id] !== usual) ids.push(id);
  return ids;
}

function readTypes(metadata: GgufMetadata, count: number): Uint8Array {
  const key = "tokenizer.ggml.token_type";
  if (!metadata.has(key)) {
    return new Uint8Array(count).fill(normalType);
  }
  const types = Uint8Array.from(metadata.getNumberArray(key));
  if (types.length !== count) {
    throw new TokenizerError(
      `"${key}" has ${types.length} entries for ${count} tokens; use a file whose tokenizer is whole`,
      { types: types.length, tokens: count },
    );
  }
  return types;
}
