import { addressOf, type Implementation, type WasmKernelHost } from "@x/tensor/kernels";
import { operandsOf } from "../attention-attributes";
import { type BackwardAttributes, backwardInputs, backwardOutputs } from "../backward-attributes";
import { withProblem } from "../problem";
import { areReadable, describeAttention, sequenceTable } from "./describe-attention";
import type { FlashExports } from "./kernel-exports";

/** The backward pass in SIMD; `assembly/backward.ts` documents the kernel. */
export function backwardImplementation(
  kernels: FlashExports,
  host: WasmKernelHost,
): Implementation {
  return {
    accepts: (inputs, attributes) => {
      const { saved, rest } = backwardInputs(inputs);
      const operands = operandsOf(rest, attributes as BackwardAttributes);
      const isDense = Object.values(saved).every(({ isContiguous }) => isContiguous);
      // The gradient of a bias has the strides of the bias.
      return isDense && areReadable(operands) && (operands.bias?.isContiguous ?? true);
    },
    run: (inputs, outputs, given) => {
      const attributes = given as BackwardAttributes;
      const { layout } = attributes;
      const { saved, rest } = backwardInputs(inputs);
      const gradients = backwardOutputs(outputs, attributes);
      for (const gradient of Object.values(gradients)) {
        kernels.flashClear(addressOf(gradient), gradient.size * Float32Array.BYTES_PER_ELEMENT);
      }
      const { problem, tables } = describeAttention(operandsOf(rest, attributes), attributes);
      const { table, units } = sequenceTable(layout, () => layout.kvHeads);
      const addresses = {
        output: addressOf(saved.output),
        logSumExp: addressOf(saved.logSumExp),
        outputGradient: addressOf(saved.outputGradient),
        ...(attributes.hasLogSumExpGradient && {
          logSumExpGradient: addressOf(saved.logSumExpGradient),
        }),
        queryGradient: addressOf(gradients.queries),
        keyGradient: addressOf(gradients.keys),
        valueGradient: addressOf(gradients.values),
        ...(gradients.bias && { biasGradient: addressOf(gradients.bias) }),
        ...(gradients.sinks && { sinkGradient: addressOf(gradients.sinks) }),
      };
      withProblem(host, { ...problem, ...addresses }, { ...tables, sequences: table }, (pointer) =>
        host.withScratch(kernels.flashBackwardScratchBytes(pointer), (scratch) =>
          kernels.flashBackward(pointer, 0, units, scratch),
        ),
      );
    },
  };
}
