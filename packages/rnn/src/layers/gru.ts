import type { RecurrentState } from "./layer-input";
import type { GRUOptions } from "./layer-options";
import { RecurrentLayer } from "./recurrent-layer";

/**
 * Gated recurrent unit (Cho et al. 2014, arXiv 1406.1078), gates in the order r, z, n:
 * `h_t = (1 - z) ∘ n + z ∘ h_{t-1}`.
 *
 * @example
 * ```ts
 * using gru = new GRU({ inputSize: 8, hiddenSize: 32, layers: 2, device });
 * const { output, state } = gru.forward(input, { lengths: [9, 7, 4] });
 * ```
 */
export class GRU extends RecurrentLayer<RecurrentState> {
  /** @throws {RecurrentOptionsError} when the settings do not make a layer. */
  constructor({ reset = "after", ...options }: GRUOptions) {
    super("GRU", { ...options, kind: "gru" }, reset === "before");
  }
}
