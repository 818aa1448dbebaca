import { GRU, LSTM, type LSTMState, type RecurrentState } from "@x/rnn";
import {
  add,
  clone,
  concat,
  type Device,
  embedding,
  keep,
  linear,
  reshape,
  type Tensor,
  take,
  tensor,
  tidy,
} from "@x/tensor";
import type { CausalLM, SequenceChunk, SequenceState } from "../causal-lm";
import { InvalidArgumentError } from "../errors";
import type { RecurrentConfig, RecurrentWeights } from "./recurrent-weights";
import { requireChunks } from "./require-chunks";

/**
 * A recurrent language model: embedding, LSTM or GRU layers, a linear head. The state of a sequence
 * has one size, and a token costs the same, however long the text is.
 */
export class RecurrentModel implements CausalLM {
  readonly config: RecurrentConfig;
  readonly device: Device;
  readonly #weights: RecurrentWeights;
  readonly #layer: LSTM | GRU;

  /**
   * Takes over `weights` and `device`: {@link RecurrentModel.dispose} disposes both.
   *
   * @throws WeightsError of `@x/rnn` when the layers' weights do not fit the sizes.
   */
  constructor(config: RecurrentConfig, weights: RecurrentWeights, device: Device) {
    this.config = config;
    this.device = device;
    this.#weights = weights;
    const { embeddingSize: inputSize, hiddenSize, layers } = config;
    const settings = { inputSize, hiddenSize, layers, device };
    this.#layer = config.architecture === "lstm" ? new LSTM(settings) : new GRU(settings);
    this.#layer.load(weights.layers);
    for (const one of Object.values(weights.layers)) one.dispose();
  }

  createState(): SequenceState {
    return new RecurrentSequence(this.#layer);
  }

  forward(batch: readonly SequenceChunk[]): Tensor {
    const sequences = this.#sequencesOf(batch);
    const { logits, states } = tidy(() => this.#forward(batch, sequences));
    for (const [index, sequence] of sequences.entries()) {
      const state = states[index];
      if (state !== undefined) sequence.advance(state, batch[index]?.tokenIds.length ?? 0);
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

  #forward(batch: readonly SequenceChunk[], sequences: readonly RecurrentSequence[]) {
    const lengths = batch.map(({ tokenIds }) => tokenIds.length);
    const steps = Math.max(...lengths);
    const count = batch.length;
    const ids = new Int32Array(steps * count); // [T, B], padded with token 0
    for (const [row, { tokenIds }] of batch.entries()) {
      for (let t = 0; t < tokenIds.length; t++) ids[t * count + row] = tokenIds[t] ?? 0;
    }
    const input = embedding(this.#weights.embedding, this.#integers(ids, [steps, count]));
    const state = join(sequences.map((sequence) => sequence.state));
    const { output, state: next } =
      this.#layer instanceof LSTM
        ? this.#layer.forward(input, { state: state as LSTMState, lengths })
        : this.#layer.forward(input, { state, lengths });
    const flat = reshape(output, [steps * count, this.config.hiddenSize]);
    const chosen = logitRows(batch);
    const rows = take(flat, this.#integers(Int32Array.from(chosen), [chosen.length])); // [R, H]
    const logits = add(linear(rows, this.#weights.head), this.#weights.headBias); // [R, V]
    return { logits, states: split(next, count) };
  }

  #integers(values: Int32Array, shape: readonly number[]): Tensor {
    return tensor(values, shape, { device: this.device, dtype: "int32" });
  }

  #sequencesOf(batch: readonly SequenceChunk[]): RecurrentSequence[] {
    return requireChunks(
      batch,
      this.config,
      (state): state is RecurrentSequence =>
        state instanceof RecurrentSequence && state.layer === this.#layer,
    );
  }
}

/** Rows of `[T · B]` whose logits are asked for, chunk by chunk. */
function logitRows(batch: readonly SequenceChunk[]): number[] {
  return batch.flatMap(({ tokenIds, logits = "last" }, row) => {
    const all = Array.from(tokenIds, (_, t) => t * batch.length + row);
    return logits === "all" ? all : logits === "last" ? all.slice(-1) : [];
  });
}

/** The states of several sequences side by side. */
function join(states: readonly RecurrentState[]): RecurrentState {
  const cells = states.flatMap(({ cell }) => (cell === undefined ? [] : [cell]));
  return {
    hidden: concat(
      states.map(({ hidden }) => hidden),
      { axis: 1 },
    ),
    ...(cells.length > 0 && { cell: concat(cells, { axis: 1 }) }),
  };
}

function split({ hidden, cell }: RecurrentState, count: number): RecurrentState[] {
  const part = (all: Tensor, row: number) => clone(all.slice(1, row, row + 1));
  return Array.from({ length: count }, (_, row) => ({
    hidden: part(hidden, row),
    ...(cell && { cell: part(cell, row) }),
  }));
}

/** The recurrent state of one sequence. */
class RecurrentSequence implements SequenceState {
  readonly layer: LSTM | GRU;
  #state: RecurrentState;
  #length = 0;

  constructor(layer: LSTM | GRU) {
    this.layer = layer;
    this.#state = owned(layer.createState(1));
  }

  get state(): RecurrentState {
    return this.#state;
  }

  get length(): number {
    return this.#length;
  }

  get bytes(): number {
    const { hidden, cell } = this.#state;
    return (hidden.size + (cell?.size ?? 0)) * Float32Array.BYTES_PER_ELEMENT;
  }

  advance(state: RecurrentState, tokens: number): void {
    this.#replace(owned(state));
    this.#length += tokens;
  }

  /** A recurrent state cannot be taken back by some tokens. */
  canCrop(length: number): boolean {
    return length === 0 || length >= this.#length;
  }

  crop(length: number): void {
    if (!this.canCrop(length)) {
      throw new InvalidArgumentError(
        `a recurrent state cannot go back from ${this.#length} tokens to ${length}; crop to 0, or fork before`,
        { length: this.#length, target: length },
      );
    }
    if (length >= this.#length) return;
    this.#replace(owned(this.layer.createState(1)));
    this.#length = 0;
  }

  fork(): SequenceState {
    const copy = new RecurrentSequence(this.layer);
    const { hidden, cell } = this.#state;
    copy.advance({ hidden: clone(hidden), ...(cell && { cell: clone(cell) }) }, this.#length);
    return copy;
  }

  dispose(): void {
    this.#state.hidden.dispose();
    this.#state.cell?.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #replace(state: RecurrentState): void {
    this.dispose();
    this.#state = state;
  }
}

/** Takes a state out of the scope in which it was made. */
function owned(state: RecurrentState): RecurrentState {
  keep(state.hidden);
  if (state.cell !== undefined) keep(state.cell);
  return state;
}
