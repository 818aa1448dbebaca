import { type Tensor, zeros } from "@x/tensor";
import { type GradientContext, type Operation, runOperation } from "@x/tensor/kernels";
import type { AttentionAttributes } from "./attention-attributes";
import { backwardOutputs } from "./backward-attributes";
import { backwardOperation } from "./backward-operation";
import { defineAttention } from "./gpujs/attention";
import type { AttentionLayout } from "./layout";
import { wasmKernels } from "./wasm/wasm-kernels";

/** Inputs: queries, keys, values, and the optional operands of the attributes. Outputs: output and log-sum-exp. */
export const attentionOperation: Operation<AttentionAttributes> = {
  name: "flashAttention",
  infer: ([queries], { layout }) => [
    { dtype: "float32", shape: [...(queries?.shape.slice(0, -1) ?? []), layout.valueSize] },
    { dtype: "float32", shape: logSumExpShape(layout) },
  ],
  gpujs: defineAttention,
  gradient: { saves: "both", compute: gradientsOf },
  kernels: { wasm: wasmKernels },
};

/** The backward pass for autograd: gradients in the order of the inputs. */
function gradientsOf({
  inputs,
  outputs,
  attributes,
  outputGradients,
}: GradientContext<AttentionAttributes>): (Tensor | undefined)[] {
  const [output, logSumExp] = outputs as [Tensor, Tensor];
  const [outputGradient, logSumExpGradient] = outputGradients;
  const { device } = output;
  const backward = { ...attributes, hasLogSumExpGradient: logSumExpGradient !== undefined };
  const gradients = runOperation(
    backwardOperation,
    [
      ...[output, logSumExp],
      ...[outputGradient ?? zeros(output.shape, { device }), logSumExpGradient ?? logSumExp],
      ...inputs,
    ],
    backward,
  );
  const { queries, keys, values, bias, sinks } = backwardOutputs(gradients, attributes);
  const optional = { bias, sinks, mask: undefined, alibiSlopes: undefined };
  return [queries, keys, values, ...attributes.present.map((name) => optional[name])];
}

/** `[B, H, Nq]`, or packed `[H, total]`. */
export function logSumExpShape({ batch, heads, isPacked, sequences }: AttentionLayout): number[] {
  if (isPacked) return [heads, sequences.reduce((sum, { queryLength }) => sum + queryLength, 0)];
  return [batch, heads, sequences[0]?.queryLength ?? 0];
}
