import type { Operation } from "@x/tensor/kernels";
import type { AttentionAttributes } from "./attention-attributes";
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
  kernels: { wasm: wasmKernels },
};

/** `[B, H, Nq]`, or packed `[H, total]`. */
export function logSumExpShape({ batch, heads, isPacked, sequences }: AttentionLayout): number[] {
  if (isPacked) return [heads, sequences.reduce((sum, { queryLength }) => sum + queryLength, 0)];
  return [batch, heads, sequences[0]?.queryLength ?? 0];
}
