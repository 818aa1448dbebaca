import { addressOf, type Implementation, sliceOf, type WasmKernels } from "@x/tensor/kernels";
import { relaxedModuleBase64, simdModuleBase64 } from "../generated/kernels";
import type {
  RecurrenceAttributes,
  RecurrenceInputs,
  RecurrenceOutputs,
} from "../recurrence-operation";

/** What the compiled module exports. `assembly/recurrence.ts` documents the kernel. */
interface RecurrenceExports {
  readonly recurrenceScratchBytes: (keySize: number) => number;
  readonly linearRecurrence: (...parameters: number[]) => void;
}

/** The SIMD kernels of this package. */
export const wasmKernels: WasmKernels = {
  modules: { simd: simdModuleBase64, "relaxed-simd": relaxedModuleBase64 },
  implementations: (exports, host) => {
    const kernels = exports as unknown as RecurrenceExports;
    const recurrence: Implementation = {
      accepts: (inputs) => inputs.every(({ isContiguous }) => isContiguous),
      run: (inputs, outputs, attributes) => {
        const [queries, keys, values, logDecay, beta, initial] =
          inputs as unknown as RecurrenceInputs;
        const [output, state] = outputs as unknown as RecurrenceOutputs;
        const { starts } = attributes as RecurrenceAttributes;
        const [, heads = 0, keySize = 0, valueSize = 0] = state.shape;
        // The kernel changes the state in place, starting from the initial one.
        state.device.bytes(sliceOf(state)).set(initial.device.bytes(sliceOf(initial)));
        const scratchBytes = kernels.recurrenceScratchBytes(keySize);
        const startBytes = starts.length * Int32Array.BYTES_PER_ELEMENT;
        host.withScratch(scratchBytes + startBytes, (scratch) => {
          host.writeIntegers(scratch + scratchBytes, starts);
          kernels.linearRecurrence(
            starts.length - 1,
            scratch + scratchBytes,
            heads,
            keySize,
            valueSize,
            logDecay.size === 0 ? 0 : logDecay.dimension(2),
            addressOf(queries),
            addressOf(keys),
            addressOf(values),
            addressOf(logDecay),
            beta.size === 0 ? 0 : addressOf(beta),
            addressOf(output),
            addressOf(state),
            scratch,
          );
        });
      },
    };
    return new Map([["linearRecurrence", recurrence]]);
  },
};
