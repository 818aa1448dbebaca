import type { Tensor } from "@x/tensor";
import type { AttentionAttributes } from "./attention-attributes";

/** Attributes of the backward pass. */
export interface BackwardAttributes extends AttentionAttributes {
  /** Whether a gradient of the log-sum-exp arrived; else its operand is not read. */
  readonly hasLogSumExpGradient: boolean;
}

/** Results and gradients of the forward pass that the backward pass takes first. */
interface SavedOperands {
  readonly output: Tensor;
  readonly logSumExp: Tensor;
  readonly outputGradient: Tensor;
  readonly logSumExpGradient: Tensor;
}

/** Names the operands of the backward pass; `rest` are those of the forward pass. */
export function backwardInputs(inputs: readonly Tensor[]): {
  saved: SavedOperands;
  rest: readonly Tensor[];
} {
  const [output, logSumExp, outputGradient, logSumExpGradient, ...rest] = inputs as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
    ...Tensor[],
  ];
  return { saved: { output, logSumExp, outputGradient, logSumExpGradient }, rest };
}

/** Gradients of the operands of an attention; those of absent operands are left out. */
export interface AttentionGradients {
  readonly queries: Tensor;
  readonly keys: Tensor;
  readonly values: Tensor;
  readonly bias?: Tensor;
  readonly sinks?: Tensor;
}

/** Names the results of the backward pass. */
export function backwardOutputs(
  outputs: readonly Tensor[],
  { present }: AttentionAttributes,
): AttentionGradients {
  const [queries, keys, values, ...rest] = outputs as [Tensor, Tensor, Tensor, ...Tensor[]];
  const named = differentiable(present).map((name, index) => [name, rest[index]]);
  return { queries, keys, values, ...Object.fromEntries(named) };
}

/** The optional operands that have a gradient, in the order of the results. */
export function differentiable(present: AttentionAttributes["present"]): ("bias" | "sinks")[] {
  return (["bias", "sinks"] as const).filter((name) => present.includes(name));
}
