import type { Tensor } from "@x/tensor";
import type { LSTMOptions } from "./layer-options";
import { RecurrentLayer } from "./recurrent-layer";

/** State of an {@link LSTM}: hidden `[L·D, B, H]` (`P` with a projection), cell `[L·D, B, H]`. */
export interface LSTMState {
  readonly hidden: Tensor;
  readonly cell: Tensor;
}

/**
 * Long short-term memory (Hochreiter and Schmidhuber 1997, with forget gate), gates in the order
 * i, f, g, o: `c_t = f ∘ c_{t-1} + i ∘ g`, `h_t = o ∘ tanh(c_t)`.
 *
 * @example
 * ```ts
 * using lstm = new LSTM({ inputSize: 8, hiddenSize: 32, bidirectional: true, device });
 * const { output, state } = lstm.forward(input); // output [T, B, 64]
 * ```
 */
export class LSTM extends RecurrentLayer<LSTMState> {
  /** @throws {RecurrentOptionsError} when the settings do not make a layer. */
  constructor(options: LSTMOptions) {
    super("LSTM", { ...options, kind: "lstm" });
  }
}
