import type { Tensor } from "@x/tensor";
import type { Operation } from "@x/tensor/kernels";
import { defineRecurrence } from "./gpujs-recurrence";
import { wasmKernels } from "./wasm/wasm-kernels";

/** Where the sequences lie among the tokens. */
export interface RecurrenceAttributes {
  /** First token of each of the S sequences, and the end of the last: S + 1 numbers. */
  readonly starts: readonly number[];
}

/**
 * `queries [N, H, K]`, `keys [N, H, K]`, `values [N, H, V]`, `logDecay [N, H, 1]`, `[N, H, K]` or
 * empty, `beta [N, H]` or empty, `state [S, H, K, V]`.
 */
export type RecurrenceInputs = [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];

/** `output [N, H, V]`, `state [S, H, K, V]` after the last tokens. */
export type RecurrenceOutputs = [Tensor, Tensor];

/** The recurrence token by token, of any number of sequences: the step of generation, fused. */
export const recurrenceOperation: Operation<
  RecurrenceAttributes,
  RecurrenceInputs,
  RecurrenceOutputs
> = {
  name: "linearRecurrence",
  infer: ([, , values, , , state]) => [
    { dtype: "float32", shape: values.shape },
    { dtype: "float32", shape: state.shape },
  ],
  gpujs: defineRecurrence,
  gradient: "unsupported",
  kernels: { wasm: wasmKernels },
};
