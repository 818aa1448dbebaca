import type { Device } from "@x/tensor";
import { RecurrentOptionsError } from "../errors";

/** Settings that all recurrent layers share. */
export interface RecurrentOptions {
  /** Features of the input, `I`. */
  readonly inputSize: number;
  /** Features of the hidden state, `H`. */
  readonly hiddenSize: number;
  /** Layers on top of each other. Default 1. */
  readonly layers?: number;
  /** Whether there are bias vectors. Default true. */
  readonly bias?: boolean;
  /** Whether a second set of weights reads the sequence backwards. Default false. */
  readonly bidirectional?: boolean;
  /** Input and output are `[B, T, …]` instead of `[T, B, …]`. Default false. */
  readonly batchFirst?: boolean;
  /** Share of the outputs between layers that is dropped in training, 0 to 1. Default 0. */
  readonly dropout?: number;
  /** Where the parameters live. */
  readonly device: Device;
  /** Chooses the initial parameters. Default 0. */
  readonly seed?: number;
}

/** Settings of an {@link RNN}. */
export interface RNNOptions extends RecurrentOptions {
  /** Default `tanh`. */
  readonly nonlinearity?: "tanh" | "relu";
}

/** Settings of a {@link GRU}. */
export interface GRUOptions extends RecurrentOptions {
  /**
   * Whether the reset gate scales the state's product (PyTorch, Keras, ONNX with
   * `linear_before_reset` 1) or the state before it (Cho et al. 2014). Default `after`.
   */
  readonly reset?: "after" | "before";
}

/** Settings of an {@link LSTM}. */
export interface LSTMOptions extends RecurrentOptions {
  /** Features of the hidden state after a projection, `P`. Default: no projection. */
  readonly projectionSize?: number;
  /** Whether the gates see the cell (ONNX's `P`). Default false. */
  readonly peepholes?: boolean;
  /** Layer normalization of both products and of the cell. Default false. */
  readonly layerNorm?: boolean;
}

/** @throws {RecurrentOptionsError} unless the settings make a layer. */
export function assertOptions(name: string, options: RecurrentOptions & LSTMOptions): void {
  const { inputSize, hiddenSize, layers = 1, dropout = 0, projectionSize } = options;
  const sizes = { inputSize, hiddenSize, layers, projectionSize: projectionSize ?? 1 };
  for (const [setting, value] of Object.entries(sizes)) {
    if (Number.isSafeInteger(value) && value > 0) continue;
    throw new RecurrentOptionsError(
      `${name}: ${setting} is ${value}; use an integer of 1 or more`,
      { [setting]: value },
    );
  }
  if (!(dropout >= 0 && dropout <= 1)) {
    throw new RecurrentOptionsError(`${name}: dropout is ${dropout}; use a share from 0 to 1`, {
      dropout,
    });
  }
  if (projectionSize !== undefined && projectionSize >= hiddenSize) {
    throw new RecurrentOptionsError(
      `${name}: projectionSize ${projectionSize} is not below hiddenSize ${hiddenSize}; project to fewer features`,
      { projectionSize, hiddenSize },
    );
  }
}
