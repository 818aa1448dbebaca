import { byteSourceFromBuffer } from "../../src/gguf/byte-source";
import type { GgufMetadata } from "../../src/gguf/metadata";
import { readGguf } from "../../src/gguf/read-gguf";
import { array, type GgufTyped, scalar, writeGguf } from "../../src/gguf/write-gguf";

/** Number of `llama_token_type`. */
const tokenTypes = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5 } as const;

/** What a tiny vocabulary has besides its 256 bytes. */
export interface TinyTokenizerInput {
  /** Merges in order, in the byte-level alphabet: `"Ġ a"`. What they make is added. */
  readonly merges?: readonly string[];
  /** Further tokens after the merged ones. */
  readonly added?: readonly (readonly [text: string, type: keyof typeof tokenTypes])[];
  /** More pairs, or other values for the pairs that are written anyway. */
  readonly metadata?: Readonly<Record<string, GgufTyped>>;
  /** Pairs to leave out. */
  readonly without?: readonly string[];
}

/** The bytes in the byte-level alphabet: token i of a tiny vocabulary is byte i. */
export const byteTokens: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const printable = (value: number) =>
    (value > 0x20 && value < 0x7f) || (value > 0xa0 && value !== 0xad);
  const unprintable = Array.from({ length: byte }, (_, index) => index).filter(
    (index) => !printable(index),
  );
  return String.fromCodePoint(printable(byte) ? byte : 256 + unprintable.length);
});

/** The metadata of a checkpoint whose vocabulary is the 256 bytes and what `input` adds. */
export async function tinyTokenizerMetadata(input: TinyTokenizerInput = {}): Promise<GgufMetadata> {
  const { merges = [], added = [], metadata = {}, without = [] } = input;
  const merged = merges.map((merge) => merge.replace(" ", ""));
  const tokens = [...byteTokens, ...merged, ...added.map(([text]) => text)];
  const types = [
    ...new Array<number>(256 + merged.length).fill(tokenTypes.normal),
    ...added.map(([, type]) => tokenTypes[type]),
  ];
  const pairs: Record<string, GgufTyped> = {
    "tokenizer.ggml.model": scalar("string", "gpt2"),
    "tokenizer.ggml.pre": scalar("string", "gpt-2"),
    "tokenizer.ggml.tokens": array("string", tokens),
    "tokenizer.ggml.token_type": array("int32", types),
    "tokenizer.ggml.merges": array("string", merges),
    ...metadata,
  };
  const kept = Object.entries(pairs).filter(([key]) => !without.includes(key));
  const bytes = writeGguf({ metadata: kept });
  return (await readGguf(byteSourceFromBuffer(bytes, "tiny.gguf"))).metadata;
}
