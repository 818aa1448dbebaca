import {
  assign,
  concat,
  dropout,
  noGrad,
  type Parameters,
  stack,
  type Tensor,
  tidy,
  zeros,
} from "@x/tensor";
import type { CellKind } from "../cell-kind";
import { RecurrentOptionsError } from "../errors";
import { recurrentSequence, type SequenceResult } from "../sequence/recurrent-sequence";
import { stepSequence } from "../sequence/step-sequence";
import { type ArrangedInput, arrangeInput, assertState, type RecurrentState } from "./layer-input";
import { assertOptions } from "./layer-options";
import {
  assertParameters,
  cellWeights,
  createParameters,
  layerShapes,
  nameEnding,
  type ParameterPlan,
} from "./parameters";

/** Settings of one forward pass. */
export interface ForwardOptions<State extends RecurrentState> {
  /** Initial state. Default: zeros. It stays the caller's. */
  readonly state?: State | undefined;
  /**
   * Steps of each sequence; what follows in the input is padding, which changes neither a result
   * nor a gradient. The output is 0 there, and the last state is that of the last step. A sequence
   * of length 0 keeps its initial state. Default: all steps.
   */
  readonly lengths?: readonly number[] | undefined;
  /** Switches dropout on. Equal seeds drop the same elements. */
  readonly training?: { readonly seed: number } | undefined;
  /** Used instead of the layer's own, by name: the tracked handles of `valueAndGrad`. */
  readonly parameters?: Parameters | undefined;
  /**
   * `fused`: one kernel for all steps; `steps`: plain operations. Default: fused where the layer has
   * a fused kernel (no projection, peepholes or layer normalization; GRU with `reset: "after"`).
   */
  readonly execution?: "fused" | "steps" | undefined;
  /**
   * Keeps only the state at every so many steps for the backward pass, and computes the gates again
   * from there: memory for time. Fused execution only. Default: everything is kept.
   */
  readonly recomputeEvery?: number | undefined;
  /**
   * Added to the hidden states of one layer, `[D, T, B, H]`: its gradient is ∂loss/∂h_t. For
   * diagnostics; runs step by step. @internal
   */
  readonly nudge?: { readonly layer: number; readonly values: Tensor } | undefined;
}

/** What a forward pass gives. Dispose the tensors. */
export interface RecurrentResult<State extends RecurrentState> {
  /** `[T, B, D·H]`, in the layout of the input; `P` instead of `H` with a projection. */
  readonly output: Tensor;
  /** After the last step of each sequence. */
  readonly state: State;
}

/** What all recurrent layers have in common: a stack of layers in one or two directions. */
export abstract class RecurrentLayer<State extends RecurrentState> implements Disposable {
  /** By PyTorch's names: `weight_ih_l0`, `bias_hh_l1_reverse`. */
  readonly parameters: Record<string, Tensor>;
  /** Layers times directions: the first dimension of a state. */
  readonly stateCount: number;
  /** Features of the hidden state: `H`, or `P` with a projection. */
  readonly outputSize: number;
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
    this.#shapes = layerShapes(plan);
    this.outputSize = plan.projectionSize ?? plan.hiddenSize;
    this.stateCount = (plan.layers ?? 1) * (plan.bidirectional ? 2 : 1);
    this.parameters = createParameters(this.#shapes, plan);
  }

  /** What a step computes. */
  get kind(): CellKind {
    return this.#plan.kind;
  }

  /** Features of a step's input. */
  get inputSize(): number {
    return this.#plan.inputSize;
  }

  /** Features of the gates and the cell, `H`. */
  get hiddenSize(): number {
    return this.#plan.hiddenSize;
  }

  /** Layers on top of each other. */
  get layers(): number {
    return this.#plan.layers ?? 1;
  }

  /** Whether a second set of weights reads backwards. */
  get bidirectional(): boolean {
    return this.#plan.bidirectional ?? false;
  }

  /** Whether the layer runs as one kernel. */
  get hasFusedKernel(): boolean {
    const { projectionSize, peepholes, layerNorm } = this.#plan;
    return projectionSize === undefined && !peepholes && !layerNorm && !this.#resetBefore;
  }

  /** A state of zeros for `batch` sequences. Dispose its tensors. */
  createState(batch: number): State {
    const { device } = this.#plan;
    const shapes = this.#stateShapes(batch);
    return {
      hidden: zeros(shapes.hidden, { device }),
      ...(shapes.cell && { cell: zeros(shapes.cell, { device }) }),
    } as unknown as State;
  }

  /**
   * Runs the layer over sequences.
   *
   * @param input - float32 `[T, B, I]`, with `batchFirst` `[B, T, I]`, or one sequence `[T, I]`,
   * whose output and state have no batch dimension. `T` may be 0.
   * @throws {RecurrentInputError} when input, lengths or state do not fit the layer.
   */
  forward(input: Tensor, options: ForwardOptions<State> = {}): RecurrentResult<State> {
    const isFused = this.#isFused(options);
    if (options.parameters !== undefined) {
      assertParameters(this.#name, this.#shapes, options.parameters);
    }
    const { inputSize, batchFirst = false } = this.#plan;
    return tidy(() => {
      const arranged = arrangeInput(this.#name, input, inputSize, batchFirst, options.lengths);
      const state = this.#arrangeState(options.state, arranged);
      const result = this.#runStack(arranged, state, options, isFused);
      return this.#restoreLayout(result, arranged.isBatched, batchFirst);
    });
  }

  /**
   * Copies weights into the parameters.
   *
   * @throws {WeightsError} when names are missing or unknown or a shape differs. Nothing is changed
   * then.
   */
  load(weights: Parameters): void {
    assertParameters(this.#name, this.#shapes, weights);
    noGrad(() => {
      for (const [name, parameter] of Object.entries(this.parameters)) {
        const values = weights[name];
        if (values !== undefined) assign(parameter, values);
      }
    });
  }

  /** Steps and sequences of a batched input. @internal */
  stepsAndBatch(input: Tensor): [steps: number, batch: number] {
    const [first = 0, second = 0] = input.shape;
    return this.#plan.batchFirst ? [second, first] : [first, second];
  }

  /** Frees the parameters. */
  dispose(): void {
    for (const parameter of Object.values(this.parameters)) parameter.dispose();
  }

  /** As `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #isFused({ execution, nudge, recomputeEvery }: ForwardOptions<State>): boolean {
    if (execution === "fused" && !this.hasFusedKernel) {
      throw new RecurrentOptionsError(
        `${this.#name}: no fused kernel for these settings; leave execution out, or use "steps"`,
      );
    }
    if (
      recomputeEvery !== undefined &&
      !(Number.isSafeInteger(recomputeEvery) && recomputeEvery > 0)
    ) {
      throw new RecurrentOptionsError(
        `${this.#name}: recomputeEvery is ${recomputeEvery}; use an integer of 1 or more`,
        { recomputeEvery },
      );
    }
    return this.hasFusedKernel && execution !== "steps" && nudge === undefined;
  }

  #stateShapes(batch: number | undefined): { hidden: number[]; cell?: number[] } {
    const lead = batch === undefined ? [this.stateCount] : [this.stateCount, batch];
    return {
      hidden: [...lead, this.outputSize],
      ...(this.#plan.kind === "lstm" && { cell: [...lead, this.hiddenSize] }),
    };
  }

  #arrangeState(state: State | undefined, { input, isBatched }: ArrangedInput): RecurrentState {
    if (state === undefined) return this.createState(input.dimension(1));
    assertState(this.#name, state, this.#stateShapes(isBatched ? input.dimension(1) : undefined));
    if (isBatched) return state;
    const { hidden, cell } = state;
    return { hidden: hidden.expandDims(1), ...(cell && { cell: cell.expandDims(1) }) };
  }

  #runStack(
    { input, lengths }: ArrangedInput,
    initial: RecurrentState,
    options: ForwardOptions<State>,
    isFused: boolean,
  ): SequenceResult {
    const { dropout: probability = 0 } = this.#plan;
    const directions = this.bidirectional ? [false, true] : [false];
    const states: RecurrentState[] = [];
    let current = input;
    for (let layer = 0; layer < this.layers; layer++) {
      if (layer > 0 && options.training !== undefined && probability > 0) {
        const seed = options.training.seed * 64 + layer;
        current = dropout(current, { probability, seed });
      }
      const results = directions.map((isReverse) => {
        const index = states.length;
        const result = this.#runDirection(current, lengths, rowOf(initial, index), options, {
          layer,
          isReverse,
          isFused,
        });
        states.push(result.state);
        return result.output;
      });
      const [only] = results;
      current = results.length === 1 && only !== undefined ? only : concat(results, { axis: -1 });
    }
    const cells = states.flatMap(({ cell }) => (cell === undefined ? [] : [cell]));
    return {
      output: current,
      state: {
        hidden: stack(states.map(({ hidden }) => hidden)),
        ...(cells.length > 0 && { cell: stack(cells) }),
      },
    };
  }

  #runDirection(
    input: Tensor,
    lengths: readonly number[],
    initial: RecurrentState,
    { parameters = this.parameters, recomputeEvery, nudge }: ForwardOptions<State>,
    place: { readonly layer: number; readonly isReverse: boolean; readonly isFused: boolean },
  ): SequenceResult {
    const { layer, isReverse, isFused } = place;
    const { kind } = this.#plan;
    const weights = cellWeights(parameters, nameEnding(layer, isReverse));
    if (isFused && input.dimension(0) > 0) {
      return recurrentSequence(input, weights, initial, {
        kind,
        isReverse,
        lengths,
        recomputeEvery,
      });
    }
    const direction = isReverse ? 1 : 0;
    const values =
      nudge?.layer === layer
        ? nudge.values.slice(0, direction, direction + 1).squeeze(0)
        : undefined;
    const resetBefore = this.#resetBefore;
    return stepSequence(input, weights, initial, {
      kind,
      isReverse,
      resetBefore,
      lengths,
      nudge: values,
    });
  }

  #restoreLayout(
    { output, state }: SequenceResult,
    isBatched: boolean,
    batchFirst: boolean,
  ): RecurrentResult<State> {
    const { hidden, cell } = state;
    if (isBatched) {
      return {
        output: batchFirst ? output.transpose(0, 1) : output,
        state: state as unknown as State,
      };
    }
    const unbatched = { hidden: hidden.squeeze(1), ...(cell && { cell: cell.squeeze(1) }) };
    return { output: output.squeeze(1), state: unbatched as unknown as State };
  }
}

/** The state of one direction of one layer. */
function rowOf({ hidden, cell }: RecurrentState, index: number): RecurrentState {
  return {
    hidden: hidden.slice(0, index, index + 1).squeeze(0),
    ...(cell && { cell: cell.slice(0, index, index + 1).squeeze(0) }),
  };
}
