import { add, stack, type Tensor, tensor, tidy, where, zeros } from "@x/tensor";
import type { CellWeights } from "../cells/cell-weights";
import { inputPart, type StepOptions, stepCell } from "../cells/step-cell";
import type { SequenceResult, SequenceState } from "./recurrent-sequence";
import { type SequenceAttributes, stepOrder } from "./sequence-attributes";

/** How a sequence is run step by step. */
export interface StepSequenceOptions extends SequenceAttributes, StepOptions {
  readonly lengths: readonly number[];
  /** `[T, B, H]`, added to the hidden state of each step: its gradient is that of the state. */
  readonly nudge?: Tensor | undefined;
}

/**
 * A whole sequence in one direction, in plain operations, with every option and automatic
 * gradients. The slow way round: the fused kernels are held against it.
 *
 * @param input - `[T, B, I]`.
 */
export function stepSequence(
  input: Tensor,
  weights: CellWeights,
  initial: SequenceState,
  { kind, isReverse, resetBefore, lengths, nudge }: StepSequenceOptions,
): SequenceResult {
  return tidy(() => {
    const [steps, batch] = [input.dimension(0), input.dimension(1)];
    const { device } = input;
    const gates = inputPart(input, weights); // [T, B, G·H]
    const nothing = zeros(initial.hidden.shape, { device });
    const outputs: Tensor[] = [];
    let state: SequenceState = initial;
    for (const t of stepOrder(steps, isReverse)) {
      const pre = gates.slice(0, t, t + 1).squeeze(0);
      const stepped = stepCell(pre, state, weights, { kind, resetBefore });
      const next =
        nudge === undefined
          ? stepped
          : { ...stepped, hidden: add(stepped.hidden, nudge.slice(0, t, t + 1).squeeze(0)) };
      if (lengths.every((length) => t < length)) {
        state = next;
        outputs[t] = next.hidden;
        continue;
      }
      const isActive = tensor(
        lengths.map((length) => (t < length ? 1 : 0)),
        [batch, 1],
        { device, dtype: "bool" },
      );
      outputs[t] = where(isActive, next.hidden, nothing);
      state = {
        hidden: where(isActive, next.hidden, state.hidden),
        ...(next.cell && state.cell && { cell: where(isActive, next.cell, state.cell) }),
      };
    }
    const shape = [0, ...initial.hidden.shape];
    const output = outputs.length === 0 ? zeros(shape, { device }) : stack(outputs);
    const { hidden, cell } = state;
    return { output, state: { hidden: hidden.alias(), ...(cell && { cell: cell.alias() }) } };
  });
}
