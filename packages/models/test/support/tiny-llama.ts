import {
  array,
  type GgufInput,
  type GgufTensorInput,
  scalar,
  writeGguf,
} from "../../src/gguf/write-gguf";

/** What a test changes about the tiny model. */
export interface TinyLlamaChanges {
  readonly metadata?: Readonly<Record<string, ReturnType<typeof scalar> | undefined>>;
  readonly tensors?: (tensors: GgufTensorInput[]) => GgufTensorInput[];
}

const sizes = {
  vocabulary: 262,
  context: 64,
  hidden: 64,
  heads: 4,
  kvHeads: 2,
  headDim: 16,
  feedForward: 96,
  layers: 2,
};

/** Numbers of a normal distribution from a fixed seed, small as trained weights are. */
function weightSource(seed: number): (count: number) => Float32Array {
  let state = seed;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return (count) =>
    Float32Array.from(
      { length: count },
      () => 0.3 * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
    );
}

/**
 * A Llama of two layers with random float32 weights and a vocabulary of the 256 bytes, three
 * merges and three special tokens: small enough to run on every device in milliseconds.
 */
export function tinyLlama({
  metadata = {},
  tensors = (all) => all,
}: TinyLlamaChanges = {}): Uint8Array {
  const weights = weightSource(7);
  const matrix = (name: string, ...shape: number[]): GgufTensorInput => ({
    name: `${name}.weight`,
    shape,
    type: "F32",
    data: weights(shape.reduce((product, size) => product * size, 1)),
  });
  const norm = (name: string): GgufTensorInput => ({
    name: `${name}.weight`,
    shape: [sizes.hidden],
    type: "F32",
    data: new Float32Array(sizes.hidden).fill(1),
  });
  const { hidden, heads, kvHeads, headDim, feedForward } = sizes;
  const layers = Array.from({ length: sizes.layers }, (_, layer) => [
    norm(`blk.${layer}.attn_norm`),
    matrix(`blk.${layer}.attn_q`, heads * headDim, hidden),
    matrix(`blk.${layer}.attn_k`, kvHeads * headDim, hidden),
    matrix(`blk.${layer}.attn_v`, kvHeads * headDim, hidden),
    matrix(`blk.${layer}.attn_output`, hidden, heads * headDim),
    norm(`blk.${layer}.ffn_norm`),
    matrix(`blk.${layer}.ffn_gate`, feedForward, hidden),
    matrix(`blk.${layer}.ffn_up`, feedForward, hidden),
    matrix(`blk.${layer}.ffn_down`, hidden, feedForward),
  ]);
  const values = {
    "general.architecture": scalar("string", "llama"),
    "general.name": scalar("string", "tiny"),
    "llama.context_length": scalar("uint32", sizes.context),
    "llama.embedding_length": scalar("uint32", hidden),
    "llama.block_count": scalar("uint32", sizes.layers),
    "llama.feed_forward_length": scalar("uint32", feedForward),
    "llama.attention.head_count": scalar("uint32", heads),
    "llama.attention.head_count_kv": scalar("uint32", kvHeads),
    "llama.attention.layer_norm_rms_epsilon": scalar("float32", 1e-5),
    ...tokenizerMetadata(),
    ...metadata,
  };
  const input: GgufInput = {
    metadata: Object.entries(values).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, value] as const],
    ),
    tensors: tensors([
      matrix("token_embd", sizes.vocabulary, hidden),
      ...layers.flat(),
      norm("output_norm"),
    ]),
  };
  return writeGguf(input);
}

/** GPT-2's printable stand-ins of the 256 bytes. */
function byteCharacters(): string[] {
  const printable = (byte: number) =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCodePoint(printable(byte) ? byte : next++),
  );
}

function tokenizerMetadata() {
  const special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
  const merged = ["he", "ll", "llo"];
  const tokens = [...special, ...byteCharacters(), ...merged];
  const types = tokens.map((_, id) => (id < special.length ? 3 : 1));
  return {
    "tokenizer.ggml.model": scalar("string", "gpt2"),
    "tokenizer.ggml.pre": scalar("string", "smollm"),
    "tokenizer.ggml.tokens": array("string", tokens),
    "tokenizer.ggml.token_type": array("int32", types),
    "tokenizer.ggml.merges": array("string", ["h e", "l l", "ll o"]),
    "tokenizer.ggml.bos_token_id": scalar("uint32", 1),
    "tokenizer.ggml.eos_token_id": scalar("uint32", 2),
    "tokenizer.ggml.add_bos_token": scalar("bool", false),
    "tokenizer.chat_template": scalar(
      "string",
      "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
    ),
  };
}
