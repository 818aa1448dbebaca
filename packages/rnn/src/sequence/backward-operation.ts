import type { Tensor } from "@x/tensor";
import type { Operation } from "@x/tensor/kernels";
import { wasmKernels } from "../wasm/wasm-kernels";
import { defineBackward } from "./gpujs-backward";
import type { SequenceAttributes } from "./sequence-attributes";

/**
 * `weight [G·H, H]`, `y [T, B, H]`, `h0 [B, H]`, `c0`, `gates`, `cells` as in the forward pass,
 * `dy [T, B, H]`, `dh [B, H]` and `dc [B, H]` (LSTM) of the last state, `lengths [B]`.
 */
export type BackwardInputs = [
  Tensor,
  Tensor,
  Tensor,
  Tensor,
  Tensor,
  Tensor,
  Tensor,
  Tensor,
  Tensor,
  Tensor,
];

/**
 * `dPre [T, B, G·H]`, gradient of what enters the gates; of the state's part of it, `[T, B, 3·H]`,
 * where that differs (GRU); of the initial `h [B, H]` and `c [B, H]` (LSTM).
 */
export type BackwardOutputs = [Tensor, Tensor, Tensor, Tensor];

/**
 * Backpropagation through time of `recurrentForward`. With the LSTM's `dh` the gradient of h at a
 * step, and o, i, f, g its gates: `dc += dh ∘ o ∘ (1 - tanh² c)`, the gates' gradients follow from dc,
 * `dc₋ = dc ∘ f` and `dh₋ = da · U`.
 */
export const backwardOperation: Operation<SequenceAttributes, BackwardInputs, BackwardOutputs> = {
  name: "recurrentBackward",
  infer: ([weight, y, h0, c0], { kind }) => {
    const shape = [...y.shape.slice(0, 2), weight.dimension(0)];
    return [
      { dtype: "float32", shape },
      { dtype: "float32", shape: kind === "gru" ? shape : [0] },
      { dtype: "float32", shape: h0.shape },
      { dtype: "float32", shape: c0.shape },
    ];
  },
  gpujs: defineBackward,
  gradient: "unsupported",
  kernels: { wasm: wasmKernels },
};
