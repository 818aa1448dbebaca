import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { type BytePairVocabulary, GgufMetadata, Tokenizer, trainBytePairs } from "@x/models";
import { UsageError } from "../exit";

/** A text as training reads it. */
export interface Corpus {
  /** SHA-256 of the file, in lower-case hexadecimal. */
  readonly sha256: string;
  readonly characters: number;
  readonly vocabulary: BytePairVocabulary;
  readonly training: Int32Array;
  readonly validation: Int32Array;
}

/** Reads a text, learns its vocabulary, and keeps its end aside for validation. */
export async function readCorpus(
  path: string,
  vocabularySize: number,
  validationShare: number,
): Promise<Corpus> {
  const bytes = await readFile(path).catch((cause: Error) => {
    throw new UsageError(`cannot read the text ${path}: ${cause.message}`);
  });
  const text = bytes.toString("utf8");
  const vocabulary = trainBytePairs(text, vocabularySize);
  const tokens = Int32Array.from(tokenizerOf(vocabulary).encode(text));
  const split = Math.floor(tokens.length * (1 - validationShare));
  return {
    sha256: createHash("sha256").update(bytes).digest("hex"),
    characters: text.length,
    vocabulary,
    training: tokens.subarray(0, split),
    validation: tokens.subarray(split),
  };
}

function tokenizerOf({ tokens, merges, preTokenizer }: BytePairVocabulary): Tokenizer {
  return Tokenizer.fromGguf(
    new GgufMetadata([
      ["tokenizer.ggml.model", "gpt2"],
      ["tokenizer.ggml.pre", preTokenizer],
      ["tokenizer.ggml.tokens", tokens],
      ["tokenizer.ggml.merges", merges],
      ["tokenizer.ggml.eos_token_id", tokens.length - 1],
    ]),
  );
}
