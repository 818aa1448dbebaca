import { bytesOf, type Device, type DType, empty, type Tensor } from "@x/tensor";
import { GgufError, UnsupportedModelError } from "../errors";
import type { GgufFile, GgufTensorInfo } from "../gguf/read-gguf";
import type { LlamaConfig } from "./llama-config";

/** Weights of one transformer block; each matrix is `[out, in]`. */
export interface LlamaLayerWeights {
  readonly attentionNorm: Tensor;
  readonly query: Tensor;
  readonly key: Tensor;
  readonly value: Tensor;
  readonly attentionOutput: Tensor;
  readonly feedForwardNorm: Tensor;
  readonly gate: Tensor;
  readonly up: Tensor;
  readonly down: Tensor;
}

/** All weights of a Llama model. */
export interface LlamaWeights {
  /** `[V, C]`. */
  readonly embedding: Tensor;
  readonly layers: readonly LlamaLayerWeights[];
  readonly outputNorm: Tensor;
  /** `[V, C]`; the embedding itself where the checkpoint ties the two. */
  readonly head: Tensor;
  /** Divisors of the rotary frequencies, if the checkpoint has them. */
  readonly frequencyFactors: Float32Array | undefined;
}

/** Settings of {@link loadLlamaWeights}. */
export interface WeightLoadingOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called after each piece with bytes read so far and in all. */
  readonly onProgress?: ((progress: { loaded: number; total: number }) => void) | undefined;
}

const dtypes: Readonly<Partial<Record<string, DType>>> = {
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
  Q4_0: "q4_0",
  Q4_1: "q4_1",
  Q8_0: "q8_0",
  Q4_K: "q4_k",
  Q5_K: "q5_k",
  Q6_K: "q6_k",
};

/** Bytes per read: large enough to be fast, small enough to report progress and to stop. */
const pieceBytes = 4 * 2 ** 20;
/** Reads under way at a time: the system copies in as many threads. */
const readsAtATime = 4;

/**
 * Reads the weights from the file straight into the device's memory, packed as they are.
 *
 * @throws {GgufError} when a tensor is missing or has the wrong shape.
 * @throws {UnsupportedModelError} when one is quantized in a format without kernels.
 */
export async function loadLlamaWeights(
  file: GgufFile,
  config: LlamaConfig,
  device: Device,
  options: WeightLoadingOptions = {},
): Promise<LlamaWeights> {
  const loader = new WeightLoader(file, device);
  try {
    const weights = planLlama(loader, config);
    await loader.readAll(options);
    return { ...weights, frequencyFactors: loader.frequencyFactors() };
  } catch (error) {
    loader.dispose();
    throw error;
  }
}

function planLlama(loader: WeightLoader, config: LlamaConfig) {
  const { vocabularySize, hiddenSize, heads, kvHeads, headDim, feedForwardSize } = config;
  const embedding = loader.reserve("token_embd.weight", [vocabularySize, hiddenSize]);
  const layers = Array.from({ length: config.layers }, (_, layer): LlamaLayerWeights => {
    const weight = (name: string, shape: number[]) =>
      loader.reserve(`blk.${layer}.${name}.weight`, shape);
    return {
      attentionNorm: weight("attn_norm", [hiddenSize]),
      query: weight("attn_q", [heads * headDim, hiddenSize]),
      key: weight("attn_k", [kvHeads * headDim, hiddenSize]),
      value: weight("attn_v", [kvHeads * headDim, hiddenSize]),
      attentionOutput: weight("attn_output", [hiddenSize, heads * headDim]),
      feedForwardNorm: weight("ffn_norm", [hiddenSize]),
      gate: weight("ffn_gate", [feedForwardSize, hiddenSize]),
      up: weight("ffn_up", [feedForwardSize, hiddenSize]),
      down: weight("ffn_down", [hiddenSize, feedForwardSize]),
    };
  });
  const outputNorm = loader.reserve("output_norm.weight", [hiddenSize]);
  const head = loader.has("output.weight")
    ? loader.reserve("output.weight", [vocabularySize, hiddenSize])
    : embedding;
  if (loader.has("rope_freqs.weight")) {
    loader.reserve("rope_freqs.weight", [config.rotaryDimension / 2]);
  }
  return { embedding, layers, outputNorm, head };
}

/** Reserves memory for every tensor first, then reads: no allocation moves memory during a read. */
class WeightLoader {
  readonly #file: GgufFile;
  readonly #device: Device;
  readonly #reserved = new Map<string, { info: GgufTensorInfo; tensor: Tensor }>();

  constructor(file: GgufFile, device: Device) {
    this.#file = file;
    this.#device = device;
  }

  has(name: string): boolean {
    return this.#file.tensors.has(name);
  }

  reserve(name: string, shape: readonly number[]): Tensor {
    const info = this.#file.tensors.get(name);
    if (info === undefined) {
      throw new GgufError(`the checkpoint has no tensor "${name}"; it is not a complete Llama`, {
        name,
      });
    }
    if (info.shape.join() !== shape.join()) {
      throw new GgufError(
        `tensor "${name}" has shape [${info.shape.join(", ")}], but the metadata ask for [${shape.join(", ")}]`,
        { name, shape: info.shape, expected: shape },
      );
    }
    const tensor = empty(shape, { device: this.#device, dtype: dtypeOf(info, shape) });
    this.#reserved.set(name, { info, tensor });
    return tensor;
  }

  async readAll({ signal, onProgress }: WeightLoadingOptions): Promise<void> {
    const entries = [...this.#reserved.values()];
    const total = entries.reduce((sum, { info }) => sum + info.byteLength, 0);
    const pieces = entries.flatMap(({ info, tensor }) =>
      Array.from({ length: Math.ceil(info.byteLength / pieceBytes) }, (_, piece) => {
        const start = piece * pieceBytes;
        const target = bytesOf(tensor).subarray(start, start + pieceBytes);
        return { offset: info.offset + start, target };
      }),
    );
    let loaded = 0;
    const queue = pieces.values();
    const failures: unknown[] = [];
    const readQueue = async () => {
      for (const { offset, target } of queue) {
        if (failures.length > 0) return;
        try {
          signal?.throwIfAborted();
          await this.#file.source.read(offset, target, signal);
          loaded += target.byteLength;
          onProgress?.({ loaded, total });
        } catch (error) {
          failures.push(error);
        }
      }
    };
    // All have ended when a failure gives the memory back: none writes there any more.
    await Promise.all(Array.from({ length: readsAtATime }, readQueue));
    if (failures.length > 0) throw failures[0];
  }

  frequencyFactors(): Float32Array | undefined {
    return this.#reserved.get("rope_freqs.weight")?.tensor.dataSync() as Float32Array | undefined;
  }

  dispose(): void {
    for (const { tensor } of this.#reserved.values()) tensor.dispose();
  }
}

function dtypeOf({ name, type }: GgufTensorInfo, shape: readonly number[]): DType {
  const dtype = dtypes[type];
  const isVector = shape.length === 1;
  if (dtype === undefined || (isVector && dtype !== "float32")) {
    const known = isVector ? "F32" : Object.keys(dtypes).join(", ");
    throw new UnsupportedModelError(
      `tensor "${name}" is stored as ${type}, which has no kernel here; use a file with ${known}`,
      { name, type },
    );
  }
  return dtype;
}
