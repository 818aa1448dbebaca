import type { LinearLanguageModel } from "@x/attention-linear";
import { clone, keep, type Tensor, zeros } from "@x/tensor";
import type { SequenceState } from "../causal-lm";
import { InvalidArgumentError } from "../errors";

/** What a model of linear attention remembers of one sequence: a matrix for each head and layer. */
export class LinearAttentionState implements SequenceState {
  readonly model: LinearLanguageModel;
  /** One for each layer, `[1, H, K, V]`. */
  #layers: readonly Tensor[];
  #length = 0;

  constructor(model: LinearLanguageModel) {
    this.model = model;
    this.#layers = empty(model);
  }

  get length(): number {
    return this.#length;
  }

  get bytes(): number {
    const elements = this.#layers.reduce((sum, { size }) => sum + size, 0);
    return elements * Float32Array.BYTES_PER_ELEMENT;
  }

  layer(index: number): Tensor {
    const layer = this.#layers[index];
    if (layer !== undefined) return layer;
    throw new InvalidArgumentError(`this state has no layer ${index}`, { index });
  }

  /** Takes over `layers`, the states after `tokens` more tokens. */
  advance(layers: readonly Tensor[], tokens: number): void {
    this.#replace(layers.map((layer) => keep(layer)));
    this.#length += tokens;
  }

  /** A sum over all tokens cannot be taken back by some. */
  canCrop(length: number): boolean {
    return length === 0 || length >= this.#length;
  }

  crop(length: number): void {
    if (!this.canCrop(length)) {
      throw new InvalidArgumentError(
        `a state of linear attention cannot go back from ${this.#length} tokens to ${length}; crop to 0, or fork before`,
        { length: this.#length, target: length },
      );
    }
    if (length >= this.#length) return;
    this.#replace(empty(this.model));
    this.#length = 0;
  }

  fork(): SequenceState {
    const copy = new LinearAttentionState(this.model);
    copy.advance(
      this.#layers.map((layer) => clone(layer)),
      this.#length,
    );
    return copy;
  }

  dispose(): void {
    for (const layer of this.#layers) layer.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #replace(layers: readonly Tensor[]): void {
    this.dispose();
    this.#layers = layers;
  }
}

function empty({ device, config, stateShape }: LinearLanguageModel): readonly Tensor[] {
  return Array.from({ length: config.layers }, () => keep(zeros([1, ...stateShape], { device })));
}
