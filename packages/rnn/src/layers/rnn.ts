import type { RecurrentState } from "./layer-input";
import type { RNNOptions } from "./layer-options";
import { RecurrentLayer } from "./recurrent-layer";

/**
 * Simple recurrent network (Elman 1990): `h_t = tanh(W x_t + b + U h_{t-1} + b')`, or relu.
 *
 * @example
 * ```ts
 * using rnn = new RNN({ inputSize: 8, hiddenSize: 32, device });
 * const { output, state } = rnn.forward(input); // input [T, B, 8], output [T, B, 32]
 * ```
 */
export class RNN extends RecurrentLayer<RecurrentState> {
  /** @throws {RecurrentOptionsError} when the settings do not make a layer. */
  constructor({ nonlinearity = "tanh", ...options }: RNNOptions) {
    super("RNN", { ...options, kind: nonlinearity });
  }
}
