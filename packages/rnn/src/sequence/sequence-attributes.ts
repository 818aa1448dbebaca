import type { CellKind } from "../cell-kind";

/** How a sequence is run. */
export interface SequenceAttributes {
  readonly kind: CellKind;
  /** From the last step to the first; each row starts at the end of its own length. */
  readonly isReverse: boolean;
}

/** Number of a kind in the kernels: `Kind` in `assembly/sequence.ts`. */
export const kindNumbers = { tanh: 0, relu: 1, lstm: 2, gru: 3 } as const satisfies Record<
  CellKind,
  number
>;

/** The steps in the order in which they are run. */
export function* stepOrder(steps: number, isReverse: boolean): Generator<number> {
  for (let step = 0; step < steps; step++) yield isReverse ? steps - 1 - step : step;
}
