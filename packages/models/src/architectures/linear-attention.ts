import type { LinearLanguageModel } from "@x/attention-linear";
import { clone, concat, type Device, type Tensor, take, tensor, tidy } from "@x/tensor";
import type { CausalLM, CausalLMConfig, SequenceChunk, SequenceState } from "../causal-lm";
import { LinearAttentionState } from "./linear-attention-state";
import { requireChunks, requireContext } from "./require-chunks";

/** Settings of a {@link LinearAttentionModel}. */
export interface LinearAttentionModelOptions {
  /**
   * Most tokens of a sequence. Default: the model's learned positions, or 1,048,576 where it has
   * none: the state has one size at any length.
   */
  readonly contextLength?: number;
}

/**
 * A language model of linear attention as a `CausalLM`: the state of a sequence has one size, and a
 * token costs the same, however long the text is. Chunks of many sequences go through every layer
 * together.
 *
 * @example
 * ```ts
 * using model = new LinearAttentionModel(new LinearLanguageModel({ ...sizes, device }));
 * using state = model.createState();
 * const logits = model.forward([{ state, tokenIds: [1, 2, 3] }]); // [1, V]
 * ```
 */
export class LinearAttentionModel implements CausalLM {
  readonly config: CausalLMConfig;
  readonly device: Device;
  readonly #model: LinearLanguageModel;

  /** Takes over `model` and its device: {@link LinearAttentionModel.dispose} disposes both. */
  constructor(model: LinearLanguageModel, { contextLength }: LinearAttentionModelOptions = {}) {
    const { kind, vocabularySize, layers, dim, positions = 2 ** 20 } = model.config;
    this.config = {
      architecture: `linear-attention/${kind}`,
      vocabularySize,
      layers,
      hiddenSize: dim,
      contextLength: Math.min(contextLength ?? positions, positions),
    };
    this.device = model.device;
    this.#model = model;
  }

  createState(): SequenceState {
    return new LinearAttentionState(this.#model);
  }

  forward(batch: readonly SequenceChunk[]): Tensor {
    const sequences = this.#sequencesOf(batch);
    const { logits, states } = tidy(() => this.#forward(batch, sequences));
    for (const [index, sequence] of sequences.entries()) {
      sequence.advance(states[index] ?? [], batch[index]?.tokenIds.length ?? 0);
    }
    return logits;
  }

  /** Disposes the device, and with it the weights. */
  dispose(): void {
    this.device.dispose();
  }

  /** As `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Logits, and each sequence's states, one for each layer. */
  #forward(batch: readonly SequenceChunk[], sequences: readonly LinearAttentionState[]) {
    const ids = batch.flatMap(({ tokenIds }) => Array.from(tokenIds));
    const cuSeqlens = [0];
    for (const { tokenIds } of batch) cuSeqlens.push((cuSeqlens.at(-1) ?? 0) + tokenIds.length);
    const { value, state } = this.#model.features(this.#integers(ids, [1, ids.length]), {
      cuSeqlens,
      pastLengths: sequences.map(({ length }) => length),
      state: Array.from({ length: this.config.layers }, (_, layer) =>
        joined(sequences.map((sequence) => sequence.layer(layer))),
      ),
    });
    const rows = logitRows(batch, cuSeqlens);
    const chosen = take(value.squeeze(0), this.#integers(rows, [rows.length])); // [R, dim]
    return {
      logits: this.#model.head(chosen), // [R, V]
      states: sequences.map((_, index) =>
        state.map((all) => clone(all.slice(0, index, index + 1))),
      ),
    };
  }

  #integers(values: readonly number[], shape: readonly number[]): Tensor {
    return tensor(values, shape, { device: this.device, dtype: "int32" });
  }

  #sequencesOf(batch: readonly SequenceChunk[]): LinearAttentionState[] {
    const sequences = requireChunks(
      batch,
      this.config,
      (state): state is LinearAttentionState =>
        state instanceof LinearAttentionState && state.model === this.#model,
    );
    for (const { state, tokenIds } of batch) {
      requireContext(state.length + tokenIds.length, this.config.contextLength);
    }
    return sequences;
  }
}

/** Rows of the packed tokens whose logits are asked for, chunk by chunk. */
function logitRows(batch: readonly SequenceChunk[], starts: readonly number[]): number[] {
  return batch.flatMap(({ tokenIds, logits = "last" }, index) => {
    const all = Array.from(tokenIds, (_, t) => (starts[index] ?? 0) + t);
    return logits === "all" ? all : logits === "last" ? all.slice(-1) : [];
  });
}

/** The states of several sequences, `[S, H, K, V]`, without a copy where there is one. */
function joined(states: readonly Tensor[]): Tensor {
  const [only] = states;
  return states.length === 1 && only !== undefined ? only : concat(states);
}
