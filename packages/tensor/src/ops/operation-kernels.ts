import type { WasmKernels } from "../wasm/wasm-kernels";

/**
 * Hand-written kernels that an operation of another package brings with it, by device. A device
 * without an entry runs the gpu.js definition; a new kind of device adds its entry here.
 */
export interface OperationKernels {
  /** A WebAssembly module over the memory of the `wasm` device. */
  readonly wasm?: WasmKernels;
}
