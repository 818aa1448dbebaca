import type { Tensor } from "@x/tensor";
import { addressOf, type Implementation, sliceOf, type WasmKernels } from "@x/tensor/kernels";
import { relaxedModuleBase64, simdModuleBase64 } from "../generated/kernels";
import type { BackwardInputs, BackwardOutputs } from "../sequence/backward-operation";
import type {
  ForwardAttributes,
  ForwardInputs,
  ForwardOutputs,
} from "../sequence/forward-operation";
import { kindNumbers, type SequenceAttributes } from "../sequence/sequence-attributes";

/** What the compiled module exports. `assembly/sequence.ts` documents the kernels. */
interface RecurrentExports {
  readonly forwardScratchBytes: (kind: number, batch: number, size: number) => number;
  readonly recurrentForward: (...parameters: number[]) => void;
  readonly backwardScratchBytes: (kind: number, batch: number, size: number) => number;
  readonly recurrentBackward: (...parameters: number[]) => void;
}

/** The SIMD kernels of this package. */
export const wasmKernels: WasmKernels = {
  modules: { simd: simdModuleBase64, "relaxed-simd": relaxedModuleBase64 },
  implementations: (exports, host) => {
    const kernels = exports as unknown as RecurrentExports;
    const forward: Implementation = {
      accepts: areContiguous,
      run: (inputs, outputs, attributes) => {
        const [pre, weight, bias, h0, c0, lengths] = inputs as unknown as ForwardInputs;
        const [y, h, c, saved, cells] = outputs as unknown as ForwardOutputs;
        const { kind, isReverse } = attributes as ForwardAttributes;
        const [steps, batch, size] = [y.dimension(0), y.dimension(1), y.dimension(2)];
        copy(h0, h);
        copy(c0, c);
        const number = kindNumbers[kind];
        host.withScratch(kernels.forwardScratchBytes(number, batch, size), (scratch) =>
          kernels.recurrentForward(
            number,
            steps,
            batch,
            size,
            isReverse ? 1 : 0,
            addressOf(lengths),
            addressOf(pre),
            addressOf(weight),
            addressOf(bias),
            addressOf(y),
            addressOf(h),
            addressOf(c),
            addressOrNone(saved),
            addressOrNone(cells),
            scratch,
          ),
        );
      },
    };
    const backward: Implementation = {
      accepts: areContiguous,
      run: (inputs, outputs, attributes) => {
        const [weight, y, h0, c0, saved, cells, dy, dhLast, dcLast, lengths] =
          inputs as unknown as BackwardInputs;
        const [dPre, dRecurrent, dh, dc] = outputs as unknown as BackwardOutputs;
        const { kind, isReverse } = attributes as SequenceAttributes;
        const [steps, batch, size] = [y.dimension(0), y.dimension(1), y.dimension(2)];
        copy(dhLast, dh);
        copy(dcLast, dc);
        const number = kindNumbers[kind];
        host.withScratch(kernels.backwardScratchBytes(number, batch, size), (scratch) =>
          kernels.recurrentBackward(
            number,
            steps,
            batch,
            size,
            isReverse ? 1 : 0,
            addressOf(lengths),
            addressOf(weight),
            addressOf(y),
            addressOf(h0),
            addressOf(c0),
            addressOf(saved),
            addressOf(cells),
            addressOf(dy),
            addressOf(dh),
            addressOf(dc),
            addressOf(dPre),
            addressOf(dRecurrent),
            scratch,
          ),
        );
      },
    };
    return new Map([
      ["recurrentForward", forward],
      ["recurrentBackward", backward],
    ]);
  },
};

function areContiguous(inputs: readonly Tensor[]): boolean {
  return inputs.every(({ isContiguous }) => isContiguous);
}

/** The kernels read address 0 as "not kept". */
function addressOrNone(tensor: Tensor): number {
  return tensor.size === 0 ? 0 : addressOf(tensor);
}

/** The kernels change the state in place, starting from the initial one. */
function copy(source: Tensor, target: Tensor): void {
  target.device.bytes(sliceOf(target)).set(source.device.bytes(sliceOf(source)));
}
