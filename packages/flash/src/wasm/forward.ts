import type { Tensor } from "@x/tensor";
import { addressOf, type Implementation, type WasmKernelHost } from "@x/tensor/kernels";
import { type AttentionAttributes, operandsOf } from "../attention-attributes";
import { withProblem } from "../problem";
import { runDecode, suitsDecode } from "./decode";
import { areReadable, describeAttention, sequenceTable } from "./describe-attention";
import type { FlashExports } from "./kernel-exports";

/** The forward pass in SIMD; `assembly/forward.ts` documents the kernel. */
export function forwardImplementation(kernels: FlashExports, host: WasmKernelHost): Implementation {
  return {
    accepts: (inputs, attributes) =>
      areReadable(operandsOf(inputs, attributes as AttentionAttributes)),
    run: (inputs, outputs, given) => {
      const attributes = given as AttentionAttributes;
      const { layout, tile } = attributes;
      const [output, logSumExp] = outputs as [Tensor, Tensor];
      const { problem, tables } = describeAttention(operandsOf(inputs, attributes), attributes);
      const rowsPerToken = layout.heads / layout.kvHeads;
      if (suitsDecode(attributes)) {
        const addresses = { output: addressOf(output), logSumExp: addressOf(logSumExp) };
        runDecode(kernels, host, { ...problem, ...addresses }, tables, layout, 1);
        return;
      }
      const { table, units } = sequenceTable(layout, (index) => {
        const rows = (layout.sequences[index]?.queryLength ?? 0) * rowsPerToken;
        return Math.ceil(rows / tile.queries) * layout.kvHeads;
      });
      const results = { output: addressOf(output), logSumExp: addressOf(logSumExp) };
      withProblem(host, { ...problem, ...results }, { ...tables, sequences: table }, (pointer) =>
        host.withScratch(kernels.flashForwardScratchBytes(pointer), (scratch) =>
          kernels.flashForward(pointer, 0, units, scratch),
        ),
      );
    },
  };
}
