import type { Tensor } from "@x/tensor";
import { assertShapes, type Operation } from "@x/tensor/kernels";
import { gateCount } from "../cell-kind";
import { wasmKernels } from "../wasm/wasm-kernels";
import { defineForward } from "./gpujs-forward";
import type { SequenceAttributes } from "./sequence-attributes";

/** How a forward pass is run. */
export interface ForwardAttributes extends SequenceAttributes {
  /** Whether the gates and cells of every step are kept for a backward pass. */
  readonly keeps: boolean;
}

/**
 * `pre [T, B, G·H]` (the input's part of the gates, without biases), `weight [G·H, H]`, `bias [G·H]`
 * of both parts together (GRU: `[4·H]`, of r, of z, of n within the bracket that r scales, and outside
 * of it), `h0 [B, H]`, `c0 [B, H]` (LSTM, else empty), `lengths [B]`.
 */
export type ForwardInputs = [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];

/**
 * `y [T, B, H]`, last `h [B, H]`, last `c [B, H]` (LSTM), gates `[T, B, 4·H]` (LSTM: i, f, g, o;
 * GRU: r, z, n and the bracket that r scales), cells `[T, B, H]` (LSTM). What is not there is empty.
 */
export type ForwardOutputs = [Tensor, Tensor, Tensor, Tensor, Tensor];

/** A recurrent layer's steps, in one direction. */
export const forwardOperation: Operation<ForwardAttributes, ForwardInputs, ForwardOutputs> = {
  name: "recurrentForward",
  infer: ([pre, weight, , h0], { kind, keeps }) => {
    const [steps, batch] = [pre.dimension(0), pre.dimension(1)];
    const size = weight.dimension(1);
    const fits = pre.dimension(2) === gateCount(kind) * size && h0.dimension(1) === size;
    assertShapes("recurrentForward", fits, "use [T, B, G·H], [G·H, H] and [B, H]", pre, weight, h0);
    const isLstm = kind === "lstm";
    const hasGates = isLstm || kind === "gru";
    return [
      { dtype: "float32", shape: [steps, batch, size] },
      { dtype: "float32", shape: [batch, size] },
      { dtype: "float32", shape: isLstm ? [batch, size] : [0] },
      { dtype: "float32", shape: keeps && hasGates ? [steps, batch, 4 * size] : [0] },
      { dtype: "float32", shape: keeps && isLstm ? [steps, batch, size] : [0] },
    ];
  },
  gpujs: defineForward,
  gradient: "unsupported",
  kernels: { wasm: wasmKernels },
};
