import type { Operation } from "@x/tensor/kernels";
import { operandsOf } from "./attention-attributes";
import { type BackwardAttributes, backwardInputs, differentiable } from "./backward-attributes";
import { defineAttentionBackward } from "./gpujs/attention-backward";
import { wasmKernels } from "./wasm/wasm-kernels";

/** Inputs and outputs: see `backwardInputs` and `backwardOutputs`. */
export const backwardOperation: Operation<BackwardAttributes> = {
  name: "flashAttentionBackward",
  infer: (inputs, attributes) => {
    const operands = operandsOf(backwardInputs(inputs).rest, attributes);
    const names = ["queries", "keys", "values", ...differentiable(attributes.present)] as const;
    return names.map((name) => ({ dtype: "float32", shape: operands[name]?.shape ?? [] }));
  },
  gpujs: defineAttentionBackward,
  gradient: "unsupported",
  kernels: { wasm: wasmKernels },
};
