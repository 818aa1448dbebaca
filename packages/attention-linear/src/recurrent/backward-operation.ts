import type { Tensor } from "@x/tensor";
import type { Operation } from "@x/tensor/kernels";
import { wasmKernels } from "../wasm/wasm-kernels";
import type { ForwardInputs, RecurrenceAttributes } from "./forward-operation";
import { defineBackward } from "./gpujs-backward";

/** The operands of the way forward, `dOutput [N, H, V]`, `dState [S, H, K, V]`. */
export type BackwardInputs = [...ForwardInputs, Tensor, Tensor];

/** Gradients of the operands of the way forward. */
export type BackwardOutputs = ForwardInputs;

/**
 * Gradients of the recurrence, with the states computed again from the initial one: 2√T of them are
 * kept at a time.
 */
export const backwardOperation: Operation<RecurrenceAttributes, BackwardInputs, BackwardOutputs> = {
  name: "linearRecurrenceBackward",
  infer: ([queries, keys, values, logDecay, beta, state]) =>
    [queries, keys, values, logDecay, beta, state].map(({ shape }) => ({
      dtype: "float32",
      shape,
    })),
  gpujs: defineBackward,
  gradient: "unsupported",
  kernels: { wasm: wasmKernels },
};
