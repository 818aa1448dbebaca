/**
 * Recurrent networks: RNN, LSTM and GRU, with fused kernels and training through time.
 *
 * @packageDocumentation
 */
export * from "./errors";
export { GRU } from "./layers/gru";
export type { RecurrentState } from "./layers/layer-input";
export type {
  GRUOptions,
  LSTMOptions,
  RecurrentOptions,
  RNNOptions,
} from "./layers/layer-options";
export { LSTM, type LSTMState } from "./layers/lstm";
export {
  type ForwardOptions,
  RecurrentLayer,
  type RecurrentResult,
} from "./layers/recurrent-layer";
export { RNN } from "./layers/rnn";
