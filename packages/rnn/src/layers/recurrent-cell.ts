import { type Parameters, type Tensor, tidy, zeros } from "@x/tensor";
import { inputPart, stepCell } from "../cells/step-cell";
import { RecurrentInputError } from "../errors";
import { assertState, type RecurrentState } from "./layer-input";
import {
  assertOptions,
  type GRUOptions,
  type LSTMOptions,
  type RecurrentOptions,
  type RNNOptions,
} from "./layer-options";
import type { LSTMState } from "./lstm";
import {
  assertParameters,
  cellShapes,
  cellWeights,
  createParameters,
  type ParameterPlan,
} from "./parameters";

/** Settings of a cell: those of its layer that make sense for one step. */
export type CellOptions<Options extends RecurrentOptions> = Omit<
  Options,
  "layers" | "bidirectional" | "batchFirst" | "dropout"
>;

/** Settings of a {@link RecurrentCell.step}. */
export interface CellStepOptions<State extends RecurrentState> {
  /** `[B, H]` each; default: zeros. */
  readonly state?: State | undefined;
  /** Used instead of the cell's own, by name. */
  readonly parameters?: Parameters | undefined;
}

/** One step at a time, in plain operations: for streams, and for loops of one's own. */
export abstract class RecurrentCell<State extends RecurrentState> implements Disposable {
  /** By PyTorch's names: `weight_ih`, `bias_hh`. */
  readonly parameters: Record<string, Tensor>;
  readonly #name: string;
  readonly #plan: ParameterPlan;
  readonly #shapes: ReadonlyMap<string, readonly number[]>;
  readonly #resetBefore: boolean;

  /** @internal */
  protected constructor(name: string, plan: ParameterPlan, resetBefore = false) {
    assertOptions(name, plan);
    this.#name = name;
    this.#plan = plan;
    this.#resetBefore = resetBefore;
    this.#shapes = cellShapes(plan, plan.inputSize);
    this.parameters = createParameters(this.#shapes, plan);
  }

  /**
   * The state after one more input.
   *
   * @param input - float32 `[B, I]`.
   * @returns The new state, hidden `[B, H]` (LSTM: cell too). Dispose it.
   * @throws {RecurrentInputError} when the input or the state does not fit the cell.
   */
  step(input: Tensor, { state, parameters }: CellStepOptions<State> = {}): State {
    const { inputSize, hiddenSize, projectionSize, kind, device } = this.#plan;
    if (input.rank !== 2 || input.dimension(1) !== inputSize) {
      throw new RecurrentInputError(
        `${this.#name}: the input is [${input.shape.join(", ")}]; use [B, ${inputSize}]`,
        { shape: input.shape, inputSize },
      );
    }
    if (parameters !== undefined) assertParameters(this.#name, this.#shapes, parameters);
    const batch = input.dimension(0);
    const hidden = [batch, projectionSize ?? hiddenSize];
    const cell = kind === "lstm" ? [batch, hiddenSize] : undefined;
    if (state !== undefined) assertState(this.#name, state, { hidden, cell });
    return tidy(() => {
      const weights = cellWeights(parameters ?? this.parameters, "");
      const before = state ?? {
        hidden: zeros(hidden, { device }),
        ...(cell && { cell: zeros(cell, { device }) }),
      };
      const options = { kind, resetBefore: this.#resetBefore };
      return stepCell(inputPart(input, weights), before, weights, options) as unknown as State;
    });
  }

  /** Frees the parameters. */
  dispose(): void {
    for (const parameter of Object.values(this.parameters)) parameter.dispose();
  }

  /** As `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * One step of an {@link RNN}.
 *
 * @example
 * ```ts
 * using cell = new RNNCell({ inputSize: 8, hiddenSize: 32, device });
 * const state = cell.step(input); // input [B, 8]
 * const next = cell.step(otherInput, { state });
 * ```
 */
export class RNNCell extends RecurrentCell<RecurrentState> {
  /** @throws {RecurrentOptionsError} when the settings do not make a cell. */
  constructor({ nonlinearity = "tanh", ...options }: CellOptions<RNNOptions>) {
    super("RNNCell", { ...options, kind: nonlinearity });
  }
}

/** One step of a {@link GRU}. */
export class GRUCell extends RecurrentCell<RecurrentState> {
  /** @throws {RecurrentOptionsError} when the settings do not make a cell. */
  constructor({ reset = "after", ...options }: CellOptions<GRUOptions>) {
    super("GRUCell", { ...options, kind: "gru" }, reset === "before");
  }
}

/** One step of an {@link LSTM}. */
export class LSTMCell extends RecurrentCell<LSTMState> {
  /** @throws {RecurrentOptionsError} when the settings do not make a cell. */
  constructor(options: CellOptions<LSTMOptions>) {
    super("LSTMCell", { ...options, kind: "lstm" });
  }
}
