import {
  Adam,
  clipByGlobalNorm,
  keep,
  type LearningRate,
  noGrad,
  openSafetensors,
  type Parameters,
  type Tensor,
  tensor,
  tidy,
  valueAndGrad,
  writeSafetensors,
} from "@x/tensor";
import { WeightsError } from "../errors";
import type { RecurrentLanguageModel } from "../language-model/recurrent-language-model";
import type { RecurrentState } from "../layers/layer-input";
import { Lanes } from "./lanes";

/** Settings of a {@link LanguageTrainer}. */
export interface LanguageTrainerOptions {
  readonly model: RecurrentLanguageModel;
  /** The text to learn. */
  readonly tokens: ArrayLike<number>;
  /** Texts side by side, `B`. Default 16. */
  readonly batch?: number;
  /** Steps through which gradients flow, `T`. Default 64. */
  readonly steps?: number;
  /** Default 2e-3. */
  readonly learningRate?: LearningRate;
  /** Largest norm of all gradients together. Default 1. */
  readonly clipNorm?: number;
}

/** What a training step did. */
export interface TrainingStep {
  /** Steps done so far. */
  readonly step: number;
  /** Mean loss of the step's tokens before the update, in nats. */
  readonly loss: number;
  /** Norm of all gradients before clipping. */
  readonly gradientNorm: number;
}

/**
 * Trains a language model by truncated backpropagation through time (Williams and Peng 1990): the
 * state goes from window to window, gradients stay within one. Training resumed from
 * {@link checkpoint} takes the steps that it would have taken uninterrupted, bit for bit.
 */
export class LanguageTrainer implements Disposable {
  readonly model: RecurrentLanguageModel;
  readonly #lanes: Lanes;
  readonly #optimizer: Adam;
  readonly #clipNorm: number;
  #state: RecurrentState | undefined;

  /** @throws {RecurrentInputError} when the text is too short for one step. */
  constructor({
    model,
    tokens,
    batch = 16,
    steps = 64,
    learningRate = 2e-3,
    clipNorm = 1,
  }: LanguageTrainerOptions) {
    this.model = model;
    this.#lanes = new Lanes(tokens, { batch, steps });
    this.#optimizer = new Adam(model.parameters, { learningRate });
    this.#clipNorm = clipNorm;
  }

  /** Steps done so far. */
  get stepCount(): number {
    return this.#optimizer.stepCount;
  }

  /** Steps of one pass over the text. */
  get stepsPerPass(): number {
    return this.#lanes.windowCount;
  }

  /** Learns from the next window. */
  async step(): Promise<TrainingStep> {
    const { model } = this;
    const index = this.stepCount;
    const shape = [this.#lanes.steps, this.#lanes.batch];
    const window = this.#lanes.window(index);
    const { loss, norm } = tidy(() => {
      const settings = { device: this.#device, dtype: "int32" } as const;
      const inputs = tensor(window.inputs, shape, settings);
      const targets = tensor(window.targets, shape, settings);
      const before =
        this.#lanes.isStart(index) || this.#state === undefined
          ? model.createState(this.#lanes.batch)
          : this.#state;
      let after: RecurrentState | undefined;
      const compute = valueAndGrad((parameters: Parameters) => {
        const { value, state } = model.loss(inputs, targets, before, parameters);
        after = detached(state);
        for (const one of Object.values(stateTensors(after))) keep(one);
        return value;
      });
      const { value, gradients } = compute(model.parameters);
      const clipped = clipByGlobalNorm(gradients, this.#clipNorm);
      this.#optimizer.step(clipped.gradients);
      this.#replaceState(after);
      return { loss: value, norm: clipped.norm };
    });
    const [lossValue, normValue] = await Promise.all([loss.data(), norm.data()]);
    loss.dispose();
    norm.dispose();
    return { step: this.stepCount, loss: Number(lossValue[0]), gradientNorm: Number(normValue[0]) };
  }

  /** Everything that training needs to go on, as a safetensors file. */
  async checkpoint(metadata: Readonly<Record<string, string>> = {}): Promise<Uint8Array> {
    const { step, tensors } = this.#optimizer.state();
    const all: Record<string, Tensor> = {
      ...prefixed("model.", this.model.parameters),
      ...prefixed("optimizer.", tensors),
      ...(this.#state && prefixed("state.", stateTensors(this.#state))),
    };
    const bytes = await writeSafetensors(all, { metadata: { ...metadata, step: String(step) } });
    for (const one of Object.values(tensors)) one.dispose();
    return bytes;
  }

  /**
   * Continues from {@link checkpoint}, taken of a trainer with the same settings and text.
   *
   * @returns The metadata given then.
   * @throws {WeightsError} when the checkpoint is of another model. Nothing is changed then.
   */
  async restore(bytes: Uint8Array): Promise<Readonly<Record<string, string>>> {
    const file = await openSafetensors(bytes);
    const step = Number(file.metadata.get("step"));
    if (!Number.isSafeInteger(step) || step < 0) {
      throw new WeightsError("training: the file is no checkpoint; use one of this command", {
        step: file.metadata.get("step"),
      });
    }
    const all: Record<string, Tensor> = {};
    try {
      for (const name of file.names) all[name] = await file.read(name, { device: this.#device });
      const part = (prefix: string): Record<string, Tensor> =>
        Object.fromEntries(
          Object.entries(all)
            .filter(([name]) => name.startsWith(prefix))
            .map(([name, one]) => [name.slice(prefix.length), one]),
        );
      this.model.load(part("model."));
      this.#optimizer.restore({ step, tensors: part("optimizer.") });
      const { hidden, cell } = part("state.");
      this.#replaceState(
        hidden && { hidden: hidden.detach(), ...(cell && { cell: cell.detach() }) },
      );
    } finally {
      for (const one of Object.values(all)) one.dispose();
    }
    return Object.fromEntries(file.metadata);
  }

  /**
   * Mean loss over a text that is read in order, without learning.
   *
   * @param tokens - A text of its own.
   * @param maxWindows - Stop after so many windows. Default: all.
   */
  async evaluate(
    tokens: ArrayLike<number>,
    maxWindows = Number.POSITIVE_INFINITY,
  ): Promise<number> {
    const lanes = new Lanes(tokens, { batch: this.#lanes.batch, steps: this.#lanes.steps });
    const count = Math.min(maxWindows, lanes.windowCount);
    let state = this.model.createState(lanes.batch);
    let total = 0;
    for (let index = 0; index < count; index++) {
      const { inputs, targets } = lanes.window(index);
      const result = tidy(() => {
        const settings = { device: this.#device, dtype: "int32" } as const;
        const shape = [lanes.steps, lanes.batch];
        return noGrad(() =>
          this.model.loss(tensor(inputs, shape, settings), tensor(targets, shape, settings), state),
        );
      });
      disposeState(state);
      state = result.state;
      total += Number((await result.value.data())[0]);
      result.value.dispose();
    }
    disposeState(state);
    return total / count;
  }

  /** Frees what the trainer holds; the model stays. */
  dispose(): void {
    this.#optimizer.dispose();
    this.#replaceState(undefined);
  }

  /** As `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  get #device() {
    const [first] = Object.values(this.model.parameters);
    if (first === undefined) throw new WeightsError("training: the model has no parameters");
    return first.device;
  }

  #replaceState(state: RecurrentState | undefined): void {
    if (this.#state !== undefined) disposeState(this.#state);
    this.#state = state;
  }
}

/** A state cut off from the graph: what truncated backpropagation carries on. Dispose it. */
export function detached<State extends RecurrentState>(state: State): State {
  const { hidden, cell } = state;
  return { hidden: hidden.detach(), ...(cell && { cell: cell.detach() }) } as unknown as State;
}

function stateTensors({ hidden, cell }: RecurrentState): Record<string, Tensor> {
  return { hidden, ...(cell && { cell }) };
}

function disposeState(state: RecurrentState): void {
  for (const one of Object.values(stateTensors(state))) one.dispose();
}

function prefixed(prefix: string, tensors: Parameters): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(tensors).map(([name, one]) => [prefix + name, one]));
}
