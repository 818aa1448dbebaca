import type { WasmKernels } from "@x/tensor/kernels";
import { relaxedModuleBase64, simdModuleBase64 } from "../generated/kernels";
import { backwardImplementation } from "./backward";
import { decodeImplementation } from "./decode";
import { forwardImplementation } from "./forward";
import type { FlashExports } from "./kernel-exports";

/** The SIMD kernels of this package. */
export const wasmKernels: WasmKernels = {
  modules: { simd: simdModuleBase64, "relaxed-simd": relaxedModuleBase64 },
  implementations: (exports, host) => {
    const kernels = exports as unknown as FlashExports;
    return new Map([
      ["flashAttention", forwardImplementation(kernels, host)],
      ["flashDecode", decodeImplementation(kernels, host)],
      ["flashAttentionBackward", backwardImplementation(kernels, host)],
    ]);
  },
};
