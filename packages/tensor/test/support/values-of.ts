import { type Tensor, type TensorData, tidy } from "../../src/index";

/** Reads a tensor, or the one that `compute` gives, and disposes it with all made on the way. */
export async function valuesOf(source: Tensor | (() => Tensor)): Promise<TensorData> {
  using result = typeof source === "function" ? tidy(source) : source;
  return await result.data();
}
