import { add, layerNorm, linear, mul, relu, sigmoid, sub, type Tensor, tanh } from "@x/tensor";
import type { CellKind } from "../cell-kind";
import { RecurrentInputError } from "../errors";
import type { SequenceState } from "../sequence/recurrent-sequence";
import type { CellWeights } from "./cell-weights";

/** What a step computes. */
export interface StepOptions {
  readonly kind: CellKind;
  /** GRU: r scales the state before the product instead of after it. */
  readonly resetBefore: boolean;
}

/** What the input adds to the gates: `[..., I]` to `[..., G·H]`, for one step or for all. */
export function inputPart(input: Tensor, { input: weight, inputBias, norm }: CellWeights): Tensor {
  const product = withNorm(linear(input, weight), norm?.input);
  return inputBias === undefined ? product : add(product, inputBias);
}

/**
 * One step in plain operations: the definition that the fused kernels must equal. Runs in the
 * caller's scope.
 *
 * @param gates - `[B, G·H]` of {@link inputPart}.
 * @param state - Hidden `[B, H]` (with a projection `[B, P]`), cell `[B, H]`.
 */
export function stepCell(
  gates: Tensor,
  state: SequenceState,
  weights: CellWeights,
  options: StepOptions,
): SequenceState {
  switch (options.kind) {
    case "tanh":
      return { hidden: tanh(add(gates, statePart(state.hidden, weights))) };
    case "relu":
      return { hidden: relu(add(gates, statePart(state.hidden, weights))) };
    case "gru":
      return { hidden: stepGru(gates, state.hidden, weights, options.resetBefore) };
    case "lstm":
      return stepLstm(gates, state, weights);
    default:
      return options.kind satisfies never;
  }
}

function statePart(hidden: Tensor, { recurrent, recurrentBias, norm }: CellWeights): Tensor {
  const product = withNorm(linear(hidden, recurrent), norm?.recurrent);
  return recurrentBias === undefined ? product : add(product, recurrentBias);
}

function withNorm(input: Tensor, norm: readonly [Tensor, Tensor] | undefined): Tensor {
  return norm === undefined ? input : layerNorm(input, { weight: norm[0], bias: norm[1] });
}

/** Block `index` of `[B, blocks · H]`. */
function block(gates: Tensor, index: number, blocks: number): Tensor {
  const size = gates.dimension(-1) / blocks;
  return gates.slice(-1, index * size, (index + 1) * size);
}

/** Cho et al. 2014, arXiv 1406.1078 (reset before); cuDNN's variant (reset after). */
function stepGru(gates: Tensor, h: Tensor, weights: CellWeights, resetBefore: boolean): Tensor {
  const { recurrent, recurrentBias } = weights;
  const parts = statePart(h, weights);
  const reset = sigmoid(add(block(gates, 0, 3), block(parts, 0, 3)));
  const update = sigmoid(add(block(gates, 1, 3), block(parts, 1, 3)));
  let bracket: Tensor;
  if (resetBefore) {
    const size = h.dimension(-1);
    const product = linear(mul(reset, h), recurrent.slice(0, 2 * size, 3 * size));
    const bias = recurrentBias?.slice(0, 2 * size, 3 * size);
    bracket = bias === undefined ? product : add(product, bias);
  } else {
    bracket = mul(reset, block(parts, 2, 3));
  }
  const candidate = tanh(add(block(gates, 2, 3), bracket));
  return add(candidate, mul(update, sub(h, candidate)));
}

/**
 * Hochreiter and Schmidhuber 1997 with the forget gate of Gers et al. 2000; peepholes of Gers and
 * Schmidhuber 2000 (i and f see the old cell, o the new one); projection of Sak et al. 2014, arXiv
 * 1402.1128; layer normalization of Ba et al. 2016, arXiv 1607.06450, equations 20 to 22.
 */
function stepLstm(gates: Tensor, state: SequenceState, weights: CellWeights): SequenceState {
  const { peephole, projection, norm } = weights;
  const { hidden, cell } = state;
  if (cell === undefined) {
    throw new RecurrentInputError("lstm: the state has no cell; give hidden and cell together");
  }
  const sums = add(gates, statePart(hidden, weights));
  const seen = (index: number, source: Tensor, position: number): Tensor => {
    const sum = block(sums, index, 4);
    if (peephole === undefined) return sum;
    return add(sum, mul(source, block(peephole, position, 3)));
  };
  const input = sigmoid(seen(0, cell, 0));
  const forget = sigmoid(seen(1, cell, 1));
  const candidate = tanh(block(sums, 2, 4));
  const nextCell = withNorm(add(mul(forget, cell), mul(input, candidate)), norm?.cell);
  const output = sigmoid(seen(3, nextCell, 2));
  const full = mul(output, tanh(nextCell));
  return { hidden: projection === undefined ? full : linear(full, projection), cell: nextCell };
}
