import { type Tensor, zeros } from "@x/tensor";
import { type Operation, runOperation } from "@x/tensor/kernels";
import { wasmKernels } from "../wasm/wasm-kernels";
import { backwardOperation } from "./backward-operation";
import { defineForward } from "./gpujs-forward";

/** Where the sequences lie among the tokens. */
export interface RecurrenceAttributes {
  /** First token of each of the S sequences, and the end of the last: S + 1 numbers. */
  readonly starts: readonly number[];
}

/**
 * `queries [N, H, K]`, `keys [N, H, K]`, `values [N, H, V]`, `logDecay [N, H, 1]`, `[N, H, K]` or
 * empty, `beta [N, H]` or empty, `state [S, H, K, V]`.
 */
export type ForwardInputs = [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];

/** `output [N, H, V]`, `state [S, H, K, V]` after the last tokens. */
export type ForwardOutputs = [Tensor, Tensor];

/** The recurrence token by token, of any number of sequences: the step of generation, fused. */
export const forwardOperation: Operation<RecurrenceAttributes, ForwardInputs, ForwardOutputs> = {
  name: "linearRecurrence",
  infer: ([, , values, , , state]) => [
    { dtype: "float32", shape: values.shape },
    { dtype: "float32", shape: state.shape },
  ],
  gpujs: defineForward,
  gradient: {
    saves: "inputs",
    compute: ({ inputs, outputGradients: [dOutput, dState], attributes, needs }) => {
      const [, , values, , , state] = inputs;
      const { device } = values;
      const gradients = runOperation(
        backwardOperation,
        [
          ...inputs,
          dOutput ?? zeros(values.shape, { device }),
          dState ?? zeros(state.shape, { device }),
        ],
        attributes,
      );
      return gradients.map((gradient, index) => (needs[index] ? gradient : undefined));
    },
  },
  kernels: { wasm: wasmKernels },
};
