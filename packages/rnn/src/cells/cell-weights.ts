import type { Tensor } from "@x/tensor";
import type { SequenceWeights } from "../sequence/recurrent-sequence";

/** Weights of one direction of a layer. */
export interface CellWeights extends SequenceWeights {
  /** `[P, H]`: projects the hidden state (LSTM). */
  readonly projection?: Tensor | undefined;
  /** `[3·H]`: from the cell to i, f and o (LSTM). */
  readonly peephole?: Tensor | undefined;
  /** Scale and shift of each layer normalization. */
  readonly norm?: CellNorms | undefined;
}

/** Layer normalization: of the input's part `[G·H]`, the state's part `[G·H]`, the cell `[H]` (LSTM). */
interface CellNorms {
  readonly input: readonly [Tensor, Tensor];
  readonly recurrent: readonly [Tensor, Tensor];
  readonly cell?: readonly [Tensor, Tensor] | undefined;
}
