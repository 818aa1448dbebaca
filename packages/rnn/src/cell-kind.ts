/** What a step of a recurrent layer computes; `tanh` and `relu` are the simple RNN's. */
export type CellKind = "tanh" | "relu" | "lstm" | "gru";

/** Blocks of `H` rows in the weights of a kind. */
export function gateCount(kind: CellKind): 1 | 3 | 4 {
  switch (kind) {
    case "tanh":
    case "relu":
      return 1;
    case "gru":
      return 3;
    case "lstm":
      return 4;
    default:
      return kind satisfies never;
  }
}
