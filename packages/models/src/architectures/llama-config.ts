import type { CausalLMConfig } from "../causal-lm";
import { GgufError, UnsupportedModelError } from "../errors";
import type { GgufFile } from "../gguf/read-gguf";

/** Hyperparameters of a Llama model (Touvron et al. 2023, arXiv 2302.13971). */
export interface LlamaConfig extends CausalLMConfig {
  readonly architecture: "llama";
  /** `H`: query heads. */
  readonly heads: number;
  /** `Hkv`: key/value heads. */
  readonly kvHeads: number;
  /** `D`: elements of a head. */
  readonly headDim: number;
  /** Width of the feed-forward network. */
  readonly feedForwardSize: number;
  readonly normEpsilon: number;
  readonly rotaryDimension: number;
  readonly rotaryBase: number;
  /** Factor of linear position interpolation; 1 when there is none. */
  readonly rotaryLinearFactor: number;
}

/**
 * Reads the hyperparameters from a checkpoint's metadata and checks that they fit each other.
 *
 * @throws {GgufError} when one is missing or impossible. @throws {UnsupportedModelError} for a
 * rotary scaling other than none and linear, and for mixtures of experts.
 */
export function readLlamaConfig({ metadata, tensors }: GgufFile): LlamaConfig {
  const number = (key: string, fallback?: number) => metadata.getNumber(`llama.${key}`, fallback);
  const hiddenSize = number("embedding_length");
  const heads = number("attention.head_count");
  const headDim = number("attention.key_length", hiddenSize / heads);
  const scaling = metadata.getString("llama.rope.scaling.type", "none");
  if (scaling !== "none" && scaling !== "linear") {
    throw new UnsupportedModelError(
      `rotary scaling "${scaling}" is not supported; use a model with none or linear scaling`,
      { scaling },
    );
  }
  const experts = number("expert_count", 0);
  if (experts > 0) {
    throw new UnsupportedModelError(
      `the model mixes ${experts} experts; use one with a single feed-forward network per layer`,
      { experts },
    );
  }
  const config: LlamaConfig = {
    architecture: "llama",
    vocabularySize: tensors.get("token_embd.weight")?.shape[0] ?? 0,
    contextLength: number("context_length"),
    layers: number("block_count"),
    hiddenSize,
    heads,
    kvHeads: number("attention.head_count_kv", heads),
    headDim,
    feedForwardSize: number("feed_forward_length"),
    normEpsilon: number("attention.layer_norm_rms_epsilon", 1e-5),
    rotaryDimension: number("rope.dimension_count", headDim),
    rotaryBase: number("rope.freq_base", 10_000),
    rotaryLinearFactor: scaling === "linear" ? number("rope.scaling.factor", 1) : 1,
  };
  assertConsistent(config);
  return config;
}

function assertConsistent(config: LlamaConfig): void {
  const { heads, kvHeads, headDim, rotaryDimension } = config;
  const sizes = ["vocabularySize", "contextLength", "layers", "hiddenSize"] as const;
  const headSizes = ["heads", "kvHeads", "headDim", "feedForwardSize", "rotaryDimension"] as const;
  for (const name of [...sizes, ...headSizes]) {
    const value = config[name];
    if (Number.isSafeInteger(value) && value > 0) continue;
    throw new GgufError(`llama: ${name} is ${value}; the checkpoint is damaged or not a Llama`, {
      [name]: value,
    });
  }
  if (heads % kvHeads !== 0 || rotaryDimension > headDim || rotaryDimension % 2 !== 0) {
    throw new GgufError(
      `llama: ${heads} heads, ${kvHeads} key/value heads, head size ${headDim} and rotary size ${rotaryDimension} do not fit each other`,
      { heads, kvHeads, headDim, rotaryDimension },
    );
  }
  const positive = ["normEpsilon", "rotaryBase", "rotaryLinearFactor"] as const;
  for (const name of positive) {
    if (config[name] > 0 && Number.isFinite(config[name])) continue;
    throw new GgufError(`llama: ${name} is ${config[name]}; it must be positive`, {
      [name]: config[name],
    });
  }
}
