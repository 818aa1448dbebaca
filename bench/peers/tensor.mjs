import { openJax } from "./tensor-jax.mjs";
import { openOnnx } from "./tensor-onnx.mjs";
import { openTfjs } from "./tensor-tfjs.mjs";

/**
 * The libraries that the tensor suite runs beside ours, each on one thread.
 *
 * @returns {Promise<TensorPeer[]>}
 *
 * @typedef {object} TensorPeer
 * @property {string} name - With its version.
 * @property {(request: TensorCase) => Promise<PreparedCase | undefined>} prepare - `undefined` for
 *   what the library cannot do.
 *
 * @typedef {object} TensorCase
 * @property {string} operation
 * @property {{ values: Float32Array, shape: number[] }[]} inputs
 * @property {number[][]} outputs - Shapes.
 *
 * @typedef {object} PreparedCase
 * @property {() => unknown} [select] - Called before a series of runs, outside the measurement.
 * @property {() => unknown} run - Computes once, to the end, and frees the result.
 * @property {() => number[] | Promise<number[]>} result - Computes once more and reads the result.
 * @property {() => unknown} dispose
 */
export async function openPeers() {
  return [await openTfjs("wasm"), await openTfjs("cpu"), await openOnnx(), await openJax()];
}
