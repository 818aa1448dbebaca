import type { Tensor } from "@x/tensor";
import {
  addressOf,
  type Implementation,
  sliceOf,
  type WasmKernelHost,
  type WasmKernels,
} from "@x/tensor/kernels";
import { relaxedModuleBase64, simdModuleBase64 } from "../generated/kernels";
import type { BackwardInputs, BackwardOutputs } from "../recurrent/backward-operation";
import type {
  ForwardInputs,
  ForwardOutputs,
  RecurrenceAttributes,
} from "../recurrent/forward-operation";

/** What the compiled module exports. `assembly/forward.ts` and `backward.ts` document the kernels. */
interface RecurrenceExports {
  readonly recurrenceScratchBytes: (keySize: number) => number;
  readonly linearRecurrence: (...parameters: number[]) => void;
  readonly recurrenceBackwardScratchBytes: (
    keySize: number,
    valueSize: number,
    tokens: number,
  ) => number;
  readonly linearRecurrenceBackward: (...parameters: number[]) => void;
}

/** The SIMD kernels of this package. */
export const wasmKernels: WasmKernels = {
  modules: { simd: simdModuleBase64, "relaxed-simd": relaxedModuleBase64 },
  implementations: (exports, host) => {
    const kernels = exports as unknown as RecurrenceExports;
    return new Map([
      ["linearRecurrence", forward(kernels, host)],
      ["linearRecurrenceBackward", backward(kernels, host)],
    ]);
  },
};

function forward(kernels: RecurrenceExports, host: WasmKernelHost): Implementation {
  return {
    accepts: areContiguous,
    run: (inputs, outputs, attributes) => {
      const operands = inputs as ForwardInputs;
      const [output, state] = outputs as ForwardOutputs;
      const { starts } = attributes as RecurrenceAttributes;
      copy(operands[5], state);
      const bytes = kernels.recurrenceScratchBytes(state.dimension(2));
      withTables(host, operands, starts, bytes, ({ problem, sequences, scratch }) => {
        const results = [addressOf(output), addressOf(state)];
        kernels.linearRecurrence(problem, starts.length - 1, sequences, ...results, scratch);
      });
    },
  };
}

function backward(kernels: RecurrenceExports, host: WasmKernelHost): Implementation {
  return {
    accepts: areContiguous,
    run: (inputs, outputs, attributes) => {
      const [queries, keys, values, logDecay, beta, initial, dOutput, dLast] =
        inputs as BackwardInputs;
      const [dQueries, dKeys, dValues, dLogDecay, dBeta, dState] = outputs as BackwardOutputs;
      const { starts } = attributes as RecurrenceAttributes;
      copy(dLast, dState);
      const lengths = starts.map((start, index) => start - (starts[index - 1] ?? 0));
      const [, , keySize = 0, valueSize = 0] = dState.shape;
      const longest = Math.max(...lengths);
      const bytes = kernels.recurrenceBackwardScratchBytes(keySize, valueSize, longest);
      const operands: ForwardInputs = [queries, keys, values, logDecay, beta, initial];
      withTables(host, operands, starts, bytes, ({ problem, sequences, scratch }) => {
        const given = [initial, dOutput].map(addressOf);
        const results = [dQueries, dKeys, dValues, dLogDecay, dBeta, dState].map(addressOf);
        kernels.linearRecurrenceBackward(
          problem,
          starts.length - 1,
          sequences,
          ...given,
          ...results,
          scratch,
        );
      });
    },
  };
}

interface Tables {
  readonly problem: number;
  readonly sequences: number;
  readonly scratch: number;
}

/** Writes `Operands` of `assembly/token.ts` and the sequences' first tokens beside the scratch. */
function withTables(
  host: WasmKernelHost,
  [queries, keys, values, logDecay, beta, state]: ForwardInputs,
  starts: readonly number[],
  scratchBytes: number,
  use: (tables: Tables) => void,
): void {
  const wordBytes = Int32Array.BYTES_PER_ELEMENT;
  const [, heads = 0, keySize = 0, valueSize = 0] = state.shape;
  const words = [
    heads,
    keySize * wordBytes,
    valueSize * wordBytes,
    logDecay.size === 0 ? 0 : logDecay.dimension(2),
    ...[queries, keys, values, logDecay].map(addressOf),
    beta.size === 0 ? 0 : addressOf(beta),
  ];
  const tableBytes = Math.ceil(((words.length + starts.length) * wordBytes) / 64) * 64;
  host.withScratch(tableBytes + scratchBytes, (problem) => {
    host.writeIntegers(problem, [...words, ...starts]);
    const sequences = problem + words.length * wordBytes;
    use({ problem, sequences, scratch: problem + tableBytes });
  });
}

function areContiguous(inputs: readonly Tensor[]): boolean {
  return inputs.every(({ isContiguous }) => isContiguous);
}

/** The kernels change a state in place, starting from the one that is given. */
function copy(source: Tensor, target: Tensor): void {
  target.device.bytes(sliceOf(target)).set(source.device.bytes(sliceOf(source)));
}
