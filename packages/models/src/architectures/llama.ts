import { SequenceCache } from "@x/kvcache";
import {
  add,
  assign,
  type Device,
  embedding,
  empty,
  linear,
  mul,
  rmsNorm,
  rotaryEmbedding,
  silu,
  type Tensor,
  tensor,
  tidy,
} from "@x/tensor";
import type {
  CausalLM,
  PagedCache,
  PagedCacheOptions,
  SequenceChunk,
  SequenceState,
  StateOptions,
} from "../causal-lm";
import { InvalidArgumentError } from "../errors";
import { cachedAttention } from "./cached-attention";
import type { LlamaConfig } from "./llama-config";
import { LlamaProgram } from "./llama-program";
import type { LlamaLayerWeights, LlamaWeights } from "./llama-weights";
import { assertDistinctSlots } from "./paged-program-state";
import { ProgramState } from "./program-state";
import { requireChunks, requireContext } from "./require-chunks";
import { type RotaryTables, rotaryTables } from "./rotary-tables";

/** A batch as the layers see it: `N` tokens, and which of them belong to which sequence. */
interface FlatBatch {
  /** int32 `[N]`: rotary positions, which some caches count anew in each layer. */
  readonly positionsOf: (layer: number) => Tensor;
  readonly sequences: readonly { cache: SequenceCache; start: number; end: number }[];
}

/**
 * The Llama architecture (Touvron et al. 2023, arXiv 2302.13971): pre-normalization with RMSNorm,
 * rotary positions, grouped-query attention, SwiGLU feed-forward (Shazeer 2020, arXiv 2002.05202).
 */
export class Llama implements CausalLM {
  readonly config: LlamaConfig;
  readonly device: Device;
  readonly #weights: LlamaWeights;
  readonly #rotary: RotaryTables;
  readonly #program: LlamaProgram | undefined;
  /** See `CausalLM.createPagedCache`; `undefined` where steps do not run as programs. */
  readonly createPagedCache?: (options: PagedCacheOptions) => PagedCache;

  /** Takes over `weights` and `device`: {@link Llama.dispose} disposes both. */
  constructor(config: LlamaConfig, weights: LlamaWeights, device: Device) {
    this.config = config;
    this.device = device;
    this.#weights = weights;
    this.#rotary = rotaryTables(device, config.contextLength, {
      dimension: config.rotaryDimension,
      base: config.rotaryBase,
      linearFactor: config.rotaryLinearFactor,
      ...(weights.frequencyFactors && { frequencyFactors: weights.frequencyFactors }),
    });
    const program = LlamaProgram.create(config, weights, this.#rotary, device);
    this.#program = program;
    if (program !== undefined)
      this.createPagedCache = (options) => program.createPagedCache(options);
  }

  createState({ cache }: StateOptions = {}): SequenceState {
    if (cache === undefined && this.#program !== undefined) return this.#program.createState();
    const { layers, kvHeads, headDim } = this.config;
    const rotateKeys = (keys: Tensor, positions: Int32Array) =>
      tidy(() => this.#rotate(keys, this.#integers(positions)));
    const sizes = { layers, kvHeads, headDim, rotateKeys };
    return new LlamaState(new SequenceCache({ device: this.device, ...sizes, store: cache }));
  }

  forward(batch: readonly SequenceChunk[]): Tensor {
    this.#assertBatch(batch);
    const lengths = batch.map(({ state }) => state.length);
    try {
      if (batch.every(({ state }) => state instanceof ProgramState)) {
        return this.#requireProgram().forward(batch);
      }
      return tidy(() => this.#forward(batch));
    } catch (error) {
      // Layers may have appended already; a failed step must leave no trace.
      for (const [index, { state }] of batch.entries()) {
        const length = lengths[index] ?? 0;
        // A bounded cache may have dropped what it would need; an empty one is consistent at least.
        state.crop(state.canCrop(length) ? length : 0);
      }
      throw error;
    }
  }

  /** Disposes the device, and with it weights and tables. */
  dispose(): void {
    this.device.dispose();
  }

  /** As `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #forward(batch: readonly SequenceChunk[]): Tensor {
    const tokenIds = batch.flatMap((chunk) => Array.from(chunk.tokenIds));
    const flat = this.#flatten(batch);
    let hidden = embedding(this.#weights.embedding, this.#integers(tokenIds)); // [N, C]
    for (const [layer, weights] of this.#weights.layers.entries()) {
      hidden = tidy(() => this.#block(hidden, weights, layer, flat));
    }
    const rows = embedding(hidden, this.#integers(logitRows(batch))); // [R, C]
    return linear(this.#norm(rows, this.#weights.outputNorm), this.#weights.head); // [R, V]
  }

  #block(input: Tensor, weights: LlamaLayerWeights, layer: number, flat: FlatBatch): Tensor {
    const normed = this.#norm(input, weights.attentionNorm);
    const attended = this.#attention(normed, weights, layer, flat);
    const residual = add(input, linear(attended, weights.attentionOutput));
    const wide = this.#norm(residual, weights.feedForwardNorm);
    const gated = mul(silu(linear(wide, weights.gate)), linear(wide, weights.up));
    return add(residual, linear(gated, weights.down));
  }

  #attention(
    input: Tensor,
    weights: LlamaLayerWeights,
    layer: number,
    { positionsOf, sequences }: FlatBatch,
  ): Tensor {
    const { heads, kvHeads, headDim } = this.config;
    const tokens = input.dimension(0);
    const positions = positionsOf(layer);
    const split = (weight: Tensor, count: number) =>
      linear(input, weight).reshape([tokens, count, headDim]); // [N, H, D]
    const queries = this.#rotate(split(weights.query, heads), positions);
    const rawKeys = split(weights.key, kvHeads);
    const keys = this.#rotate(rawKeys, positions);
    const values = split(weights.value, kvHeads);
    const attend = ({ cache, start, end }: FlatBatch["sequences"][number]) => {
      const part = (tensor: Tensor) => tensor.slice(0, start, end);
      const fitting = cache.layer(layer).takesRawKeys ? rawKeys : keys;
      return cachedAttention(cache, layer, part(queries), part(fitting), part(values));
    };
    const [only, ...others] = sequences;
    if (only !== undefined && others.length === 0) return attend(only);
    const output = empty([tokens, heads * headDim], { device: this.device });
    for (const sequence of sequences) {
      assign(output.slice(0, sequence.start, sequence.end), attend(sequence));
    }
    return output;
  }

  /** GGUF files hold the query and key rows of Llama in the order of interleaved pairs. */
  #rotate(input: Tensor, positions: Tensor): Tensor {
    const { cosine, sine } = this.#rotary;
    return rotaryEmbedding(input, cosine, sine, positions, { interleaved: true });
  }

  #norm(input: Tensor, weight: Tensor): Tensor {
    return rmsNorm(input, weight, { epsilon: this.config.normEpsilon });
  }

  #flatten(batch: readonly SequenceChunk[]): FlatBatch {
    let end = 0;
    const sequences = batch.map(({ state, tokenIds }) => {
      const start = end;
      end += tokenIds.length;
      return { cache: (state as LlamaState).cache, start, end };
    });
    const positions = (layer: number) =>
      sequences.flatMap(({ cache, start, end }) => {
        const first = cache.firstPosition(layer, end - start);
        return Array.from({ length: end - start }, (_, index) => first + index);
      });
    if (sequences.some(({ cache }) => hasOwnPositions(cache))) {
      return { positionsOf: (layer) => this.#integers(positions(layer)), sequences };
    }
    const shared = this.#integers(positions(0));
    return { positionsOf: () => shared, sequences };
  }

  #integers(values: ArrayLike<number>): Tensor {
    return tensor(values, [values.length], { device: this.device, dtype: "int32" });
  }

  #assertBatch(batch: readonly SequenceChunk[]): void {
    requireChunks(
      batch,
      this.config,
      (state): state is LlamaState | ProgramState =>
        state instanceof LlamaState ||
        (state instanceof ProgramState && state.device === this.device),
    );
    for (const { state, tokenIds } of batch) {
      requireContext(lastPosition(state, tokenIds.length) + 1, this.config.contextLength);
      const { cache }: SequenceState = state;
      cache?.assertRoom(tokenIds.length);
      if (state instanceof ProgramState) state.assertRoom(tokenIds.length);
    }
    if (new Set(batch.map(({ state }) => state.cache === undefined)).size > 1) {
      throw new InvalidArgumentError(
        "forward: the batch mixes states with and without a cache of their own; use one kind",
      );
    }
    assertDistinctSlots(batch);
  }

  #requireProgram(): LlamaProgram {
    if (this.#program !== undefined) return this.#program;
    throw new InvalidArgumentError("forward: a state belongs to another model");
  }
}

/** Whether a layer of the cache counts positions in its own way. */
function hasOwnPositions(cache: SequenceCache): boolean {
  return Array.from({ length: cache.layers }, (_, layer) => cache.layer(layer)).some(
    ({ takesRawKeys }) => takesRawKeys === true,
  );
}

/** The largest rotary position that `tokens` new tokens get in any layer. */
function lastPosition({ cache, length }: SequenceState, tokens: number): number {
  if (cache === undefined) return length + tokens - 1;
  let last = 0;
  for (let layer = 0; layer < cache.layers; layer++) {
    last = Math.max(last, cache.firstPosition(layer, tokens) + tokens - 1);
  }
  return last;
}

/** The key/value cache of one sequence. */
class LlamaState implements SequenceState {
  readonly cache: SequenceCache;

  constructor(cache: SequenceCache) {
    this.cache = cache;
  }

  get savable(): SequenceCache {
    return this.cache;
  }

  get length(): number {
    return this.cache.length();
  }

  get bytes(): number {
    return this.cache.bytes;
  }

  crop(length: number): void {
    this.cache.crop(length);
  }

  canCrop(length: number): boolean {
    return this.cache.canCrop(length);
  }

  fork(): LlamaState {
    return new LlamaState(this.cache.fork());
  }

  dispose(): void {
    this.cache.dispose();
  }

  /** As `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Rows of the flat batch whose logits are asked for. */
function logitRows(batch: readonly SequenceChunk[]): number[] {
  const rows: number[] = [];
  let start = 0;
  for (const { tokenIds, logits = "last" } of batch) {
    const end = start + tokenIds.length;
    const first = logits === "all" ? start : logits === "last" ? end - 1 : end;
    for (let row = first; row < end; row++) rows.push(row);
    start = end;
  }
  return rows;
}
