import type { Tensor } from "@x/tensor";
import { assertDType, assertShapes, runOperation } from "@x/tensor/kernels";
import { logSumExpShape } from "./attention-operation";
import { type AttentionGradients, backwardOutputs } from "./backward-attributes";
import { backwardOperation } from "./backward-operation";
import { attributesOf, type FlashAttentionOptions } from "./flash-attention";

/** What {@link flashAttentionBackward} takes: operands and results of the forward pass, and gradients. */
export interface FlashAttentionBackwardOperands {
  /** As given to the forward pass. */
  readonly queries: Tensor;
  /** As given to the forward pass. */
  readonly keys: Tensor;
  /** As given to the forward pass. */
  readonly values: Tensor;
  /** What the forward pass returned. */
  readonly output: Tensor;
  /** What the forward pass returned. */
  readonly logSumExp: Tensor;
  /** Gradient of `output`, in its shape. */
  readonly outputGradient: Tensor;
  /** Gradient of `logSumExp`, in its shape. Default: none. */
  readonly logSumExpGradient?: Tensor;
}

/**
 * Gradients of {@link flashAttention}. The weights are computed again from the log-sum-exp, so that
 * training holds nothing of size `Nq · Nk` either, except the gradient of a full bias.
 *
 * @param operands - Operands and results of the forward pass, and the gradients that arrived.
 * @param options - As given to the forward pass.
 * @returns Gradients of queries, keys and values, and of `bias` and `sinks` where given, in their
 * shapes. Masks and ALiBi slopes have none.
 * @throws {ShapeError} when the shapes do not fit.
 *
 * @example
 * ```ts
 * const { output, logSumExp } = flashAttentionWithLogSumExp(queries, keys, values);
 * const gradients = flashAttentionBackward({
 *   ...{ queries, keys, values, output, logSumExp },
 *   outputGradient,
 * });
 * gradients.queries; // shaped as the queries
 * ```
 */
export function flashAttentionBackward(
  operands: FlashAttentionBackwardOperands,
  options: FlashAttentionOptions = {},
): AttentionGradients {
  const { queries, keys, values, output, logSumExp } = operands;
  const { outputGradient, logSumExpGradient } = operands;
  const attributes = attributesOf(queries, keys, values, options);
  const { layout, present } = attributes;
  const rowShape = [...queries.shape.slice(0, -1), layout.valueSize];
  assertFits("output", output, rowShape);
  assertFits("outputGradient", outputGradient, rowShape);
  assertFits("logSumExp", logSumExp, logSumExpShape(layout));
  if (logSumExpGradient) assertFits("logSumExpGradient", logSumExpGradient, logSumExpShape(layout));
  const inputs = [
    ...[output, logSumExp, outputGradient, logSumExpGradient ?? logSumExp],
    ...[queries, keys, values, ...present.flatMap((name) => options[name] ?? [])],
  ];
  const backward = { ...attributes, hasLogSumExpGradient: logSumExpGradient !== undefined };
  return backwardOutputs(runOperation(backwardOperation, inputs, backward), backward);
}

function assertFits(what: string, tensor: Tensor, shape: readonly number[]): void {
  const name = "flashAttentionBackward";
  assertDType(name, what, tensor, "float32");
  const fits =
    tensor.rank === shape.length && shape.every((size, axis) => tensor.shape[axis] === size);
  assertShapes(name, fits, `${what} must be [${shape.join(", ")}]`, tensor);
}
