import { InvalidArgumentError } from "../errors";
import { array, type GgufTensorInput, type GgufTyped, scalar, writeGguf } from "../gguf/write-gguf";
import type { BytePairVocabulary } from "../tokenizer/train-byte-pairs";
import { quantizeQ8 } from "./quantize-q8";

/** A trained recurrent language model, as {@link writeRecurrentGguf} takes it. */
export interface RecurrentCheckpoint {
  /** The model's own name. */
  readonly name: string;
  readonly cell: "lstm" | "gru";
  readonly layers: number;
  readonly embeddingSize: number;
  readonly hiddenSize: number;
  readonly vocabulary: BytePairVocabulary;
  /** `embedding.weight`, `rnn.*`, `head.weight` and `head.bias`, on the host. */
  readonly weights: Readonly<
    Record<string, { readonly shape: readonly number[]; readonly data: Float32Array }>
  >;
  /** Tokens that a sequence may have. The state does not grow, so this is a matter of form. */
  readonly contextLength: number;
}

/**
 * The model as a GGUF file: matrices in Q8_0, vectors in float32, with its tokenizer.
 *
 * @throws {InvalidArgumentError} when a matrix has rows that are no multiple of 32 elements.
 */
export function writeRecurrentGguf(checkpoint: RecurrentCheckpoint): Uint8Array {
  const { cell, vocabulary } = checkpoint;
  const endId = vocabulary.tokens.length - 1;
  const metadata: [string, GgufTyped][] = [
    ["general.architecture", scalar("string", cell)],
    ["general.name", scalar("string", checkpoint.name)],
    [`${cell}.context_length`, scalar("uint32", checkpoint.contextLength)],
    [`${cell}.embedding_length`, scalar("uint32", checkpoint.embeddingSize)],
    [`${cell}.state_length`, scalar("uint32", checkpoint.hiddenSize)],
    [`${cell}.block_count`, scalar("uint32", checkpoint.layers)],
    ["tokenizer.ggml.model", scalar("string", "gpt2")],
    ["tokenizer.ggml.pre", scalar("string", vocabulary.preTokenizer)],
    ["tokenizer.ggml.tokens", array("string", vocabulary.tokens)],
    [
      "tokenizer.ggml.token_type",
      array(
        "int32",
        vocabulary.tokens.map((_, id) => (id === endId ? 3 : 1)),
      ),
    ],
    ["tokenizer.ggml.merges", array("string", vocabulary.merges)],
    ["tokenizer.ggml.eos_token_id", scalar("uint32", endId)],
  ];
  const tensors = Object.entries(checkpoint.weights).map(
    ([name, { shape, data }]): GgufTensorInput => {
      if (shape.length < 2) return { name, shape, type: "F32", data };
      if ((shape.at(-1) ?? 0) % 32 !== 0) {
        throw new InvalidArgumentError(
          `${name} has rows of ${shape.at(-1)} elements; choose sizes that are multiples of 32`,
          { name, shape },
        );
      }
      return { name, shape, type: "Q8_0", data: quantizeQ8(data) };
    },
  );
  return writeGguf({ metadata, tensors });
}
