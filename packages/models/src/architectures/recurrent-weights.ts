import { arange, bytesOf, type Device, embedding, empty, keep, type Tensor, tidy } from "@x/tensor";
import type { CausalLMConfig } from "../causal-lm";
import { GgufError } from "../errors";
import type { GgufFile } from "../gguf/read-gguf";
import type { GgufTensorInfo } from "../gguf/read-tensor-infos";
import type { WeightLoadingOptions } from "./llama-weights";

/** Sizes of a recurrent language model. */
export interface RecurrentConfig extends CausalLMConfig {
  readonly architecture: "lstm" | "gru";
  /** Features of a token. */
  readonly embeddingSize: number;
}

/** Weights of a recurrent language model. */
export interface RecurrentWeights {
  /** `[V, E]`, packed. */
  readonly embedding: Tensor;
  /** `[V, H]`, packed. */
  readonly head: Tensor;
  /** `[V]`. */
  readonly headBias: Tensor;
  /** The layers' parameters by PyTorch's names, float32: the fused kernels take no other. */
  readonly layers: Readonly<Record<string, Tensor>>;
}

/** Reads the sizes from a checkpoint's metadata. @throws {GgufError} when one is missing or absurd. */
export function readRecurrentConfig(
  { metadata, tensors }: GgufFile,
  architecture: "lstm" | "gru",
): RecurrentConfig {
  const number = (key: string) => metadata.getNumber(`${architecture}.${key}`);
  const config: RecurrentConfig = {
    architecture,
    vocabularySize: tensors.get("embedding.weight")?.shape[0] ?? 0,
    contextLength: number("context_length"),
    layers: number("block_count"),
    hiddenSize: number("state_length"),
    embeddingSize: number("embedding_length"),
  };
  for (const [name, value] of Object.entries(config)) {
    if (value === architecture || (Number.isSafeInteger(value) && Number(value) > 0)) continue;
    throw new GgufError(`${architecture}: ${name} is ${value}; the checkpoint is damaged`, {
      [name]: value,
    });
  }
  return config;
}

/**
 * Reads the weights into the device's memory.
 *
 * @throws {GgufError} when a tensor is missing or has the wrong shape.
 */
export async function loadRecurrentWeights(
  { tensors, source }: GgufFile,
  config: RecurrentConfig,
  device: Device,
  { signal, onProgress }: WeightLoadingOptions = {},
): Promise<RecurrentWeights> {
  const infos = [...tensors.values()];
  const total = infos.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const loaded = new Map<string, Tensor>();
  let bytes = 0;
  for (const info of infos) {
    signal?.throwIfAborted();
    const tensor = keep(empty(info.shape, { device, dtype: dtypeOf(info) }));
    loaded.set(info.name, tensor);
    await source.read(info.offset, bytesOf(tensor).subarray(0, info.byteLength), signal);
    bytes += info.byteLength;
    onProgress?.({ loaded: bytes, total });
  }
  const { vocabularySize, embeddingSize, hiddenSize } = config;
  const take = (name: string, shape: readonly number[]): Tensor => {
    const tensor = loaded.get(name);
    if (tensor?.shape.join() === shape.join()) return tensor;
    throw new GgufError(
      `tensor "${name}" is ${tensor ? `[${tensor.shape.join(", ")}]` : "missing"}, but the metadata ask for [${shape.join(", ")}]`,
      { name, expected: shape, given: tensor?.shape },
    );
  };
  const layers: Record<string, Tensor> = {};
  for (const [name, tensor] of loaded) {
    if (name.startsWith("rnn.")) layers[name.slice(4)] = asFloat(tensor);
  }
  return {
    embedding: take("embedding.weight", [vocabularySize, embeddingSize]),
    head: take("head.weight", [vocabularySize, hiddenSize]),
    headBias: take("head.bias", [vocabularySize]),
    layers,
  };
}

function dtypeOf({ name, type }: GgufTensorInfo): "float32" | "q8_0" {
  if (type === "F32") return "float32";
  if (type === "Q8_0") return "q8_0";
  throw new GgufError(`tensor "${name}" is stored as ${type}; recurrent models use F32 and Q8_0`, {
    name,
    type,
  });
}

/** Unpacks a matrix by looking every row up. */
function asFloat(tensor: Tensor): Tensor {
  if (tensor.dtype === "float32") return tensor;
  const { device } = tensor;
  const rows = tensor.dimension(0);
  const unpacked = tidy(() => embedding(tensor, arange(0, rows, 1, { device, dtype: "int32" })));
  tensor.dispose();
  return keep(unpacked);
}
