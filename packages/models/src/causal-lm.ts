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

/** Sizes of a pool of blocks. */
export interface PagedCacheOptions {
  /** Blocks, with ids from 0 to `numBlocks - 1`; at least 1. */
  readonly numBlocks: number;
  /** Tokens that a block holds, in every layer; at least 1. */
  readonly blockSize: number;
}

/**
 * Keys and values of many sequences in one pool, cut into blocks that the caller hands out (Kwon et
 * al. 2023, arXiv 2309.06180): which block belongs to whom is a scheduler's business. Sequences may
 * share blocks that none of them writes to.
 *
 * @example
 * ```ts
 * using cache = model.createPagedCache({ numBlocks: 64, blockSize: 16 });
 * using state = cache.createState();
 * state.assign([5, 2], 0); // room for 32 tokens
 * using logits = model.forward([{ state, tokenIds: prompt }]);
 * ```
 */
export interface PagedCache extends Disposable {
  readonly numBlocks: number;
  readonly blockSize: number;
  /** Bytes of a block, all layers together. */
  readonly bytesPerBlock: number;
  /** Bytes of the pool. */
  readonly bytes: number;
  /** A state without blocks, for `forward` of the model that made the cache. Dispose it. */
  createState(): PagedState;
  /**
   * Copies whole blocks, one after the other, as `copies` of `@x/paged-scheduler` asks.
   *
   * @throws {InvalidArgumentError} on blocks that the pool does not have. Nothing is copied then.
   */
  copyBlocks(copies: readonly { readonly source: number; readonly destination: number }[]): void;
  /** Frees the pool; states that lie in it can no longer be used. Safe to call twice. */
  dispose(): void;
}

/** A sequence that lies in blocks of a {@link PagedCache}. */
export interface PagedState extends SequenceState {
  /** Bytes of the assigned blocks. */
  readonly bytes: number;
  /**
   * Says which blocks hold the sequence, in place of what was said before. `forward` writes new
   * tokens to the slots that follow the first `length`; they must be no other sequence's.
   *
   * @param blockIds - The blocks by position: token `p` lies in block `p / blockSize`. Copied.
   * @param length - Tokens that the blocks hold already: of a shared prefix, or of earlier steps.
   * An earlier chunk of the same `forward` may still have to write them.
   * @throws {InvalidArgumentError} on blocks that the pool does not have, and when the blocks cannot
   * hold `length` tokens. Nothing changes then.
   */
  assign(blockIds: ArrayLike<number>, length: number): void;
  /** Not for paged states: blocks come from the caller. @throws {InvalidArgumentError} always. */
  fork(): never;
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
   * A pool of blocks for the keys and values of many sequences, of models that can address them
   * through block tables; their states go with others into one `forward`. Dispose it.
   *
   * @throws {InvalidArgumentError} on sizes that are not positive integers. @throws {LimitError}
   * when the device has not that much memory.
   */
  createPagedCache?(options: PagedCacheOptions): PagedCache;
  /**
   * One step over a flattened batch: `N` tokens of one or more sequences.
   *
   * @param batch - Chunks of different sequences, in any order.
   * @returns Logits, float32 `[R, V]`: the rows that the chunks asked for, in their order. Dispose
   * it.
   * @throws {ContextLengthError} when a chunk does not fit its sequence's context;
   * {@link InvalidArgumentError} when a chunk is empty, a token id is not of the vocabulary or a
   * state is not this model's or comes twice, or when the blocks of a paged state do not cover its
   * tokens or two tokens go to one slot. No state changes then.
   */
  forward(batch: readonly SequenceChunk[]): Tensor;
  /** Gives back the weights and everything else on the device. */
  dispose(): void;
}
