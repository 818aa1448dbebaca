import type { CacheStore, SavableCache, SequenceCache } from "@x/kvcache";
import type { Device, Tensor } from "@x/tensor";

/** Sizes of a language model, as its checkpoint states them. */
export interface CausalLMConfig {
  /** Architecture by its GGUF name: `llama`. */
  readonly architecture: string;
  readonly vocabularySize: number;
  /** Most tokens of one sequence, prompt and answer together. */
  readonly contextLength: number;
  readonly layers: number;
  /** Width of the residual stream. */
  readonly hiddenSize: number;
  /** Key/value heads, of models that attend. */
  readonly kvHeads?: number;
  /** Elements of a head, of models that attend. */
  readonly headDim?: number;
}

/** What a model remembers of one sequence: a key/value cache, or a recurrent state. */
export interface SequenceState extends Disposable {
  /** Tokens taken in so far. */
  readonly length: number;
  /** Bytes that the state holds. */
  readonly bytes: number;
  /** The keys and values, of models that attend. The state's: do not dispose. */
  readonly cache?: SequenceCache;
  /** What `saveCache` and `restoreCache` take, of models whose states can be saved. */
  readonly savable?: SavableCache;
  /** Forgets all but the first `length` tokens. */
  crop(length: number): void;
  /**
   * Whether `crop` can go back to `length`: not where a bounded cache dropped older
   * tokens, nor, but for 0, in a recurrent state.
   */
  canCrop(length: number): boolean;
  /** A copy that goes its own way. Dispose it. */
  fork(): SequenceState;
  /** Frees the memory. Safe to call twice. */
  dispose(): void;
}

/** How a sequence is remembered. */
export interface StateOptions {
  /**
   * How to keep keys and values, for models that have some: for all layers, or layer by layer.
   * Default: `dynamicStore()` of `@x/kvcache`.
   */
  readonly cache?: CacheStore | ((layer: number) => CacheStore) | undefined;
}

/** Consecutive tokens of one sequence, to be appended to its state. */
export interface SequenceChunk {
  readonly state: SequenceState;
  /** Token ids, at least one. */
  readonly tokenIds: ArrayLike<number>;
  /** Rows of logits to compute: of the chunk's last token (default), of all, or of none. */
  readonly logits?: "last" | "all" | "none";
}

/**
 * A causal language model: whatever mixes the tokens inside, it takes chunks of sequences with
 * their states and gives the logits of the next tokens.
 */
export interface CausalLM extends Disposable {
  readonly config: CausalLMConfig;
  readonly device: Device;
  /** An empty state for a new sequence. */
  createState(options?: StateOptions): SequenceState;
  /**
   * One step over a flattened batch: `N` tokens of one or more sequences.
   *
   * @param batch - Chunks of different sequences, in any order.
   * @returns Logits, float32 `[R, V]`: the rows that the chunks asked for, in their order. Dispose
   * it.
   * @throws {ContextLengthError} when a chunk does not fit its sequence's context;
   * {@link InvalidArgumentError} when a chunk is empty, a token id is not of the vocabulary or a
   * state is not this model's or comes twice. No state changes then.
   */
  forward(batch: readonly SequenceChunk[]): Tensor;
  /** Gives back the weights and everything else on the device. */
  dispose(): void;
}
