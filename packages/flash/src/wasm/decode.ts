import { type DType, dtypeLayout, type Tensor } from "@x/tensor";
import { addressOf, type Implementation, type WasmKernelHost } from "@x/tensor/kernels";
import { type AttentionAttributes, operandsOf } from "../attention-attributes";
import type { DecodeAttributes } from "../decode-attributes";
import type { AttentionLayout } from "../layout";
import { type Problem, type ProblemTables, withProblem } from "../problem";
import { areReadable, describeAttention, sequenceTable } from "./describe-attention";
import type { FlashExports } from "./kernel-exports";

/** Rows per key/value head up to which reading keys in place beats laying them out in tiles. */
const fewRows = 8;

/** Whether the kernel for few queries takes this attention. */
export function suitsDecode({ layout, dropout }: AttentionAttributes): boolean {
  return dropout === undefined && mostRows(layout) <= fewRows;
}

function mostRows({ sequences, heads, kvHeads }: AttentionLayout): number {
  const longest = sequences.reduce((most, { queryLength }) => Math.max(most, queryLength), 0);
  return (longest * heads) / kvHeads;
}

/** Runs the split kernel and combines its parts; `assembly/decode.ts` documents both. */
export function runDecode(
  kernels: FlashExports,
  host: WasmKernelHost,
  problem: Problem,
  tables: ProblemTables,
  layout: AttentionLayout,
  splits: number,
): void {
  const { table, units } = sequenceTable(layout, (index) =>
    layout.sequences[index]?.queryLength === 0 ? 0 : splits,
  );
  // Each key/value head takes one lane, or whole vectors of four.
  const rows = mostRows(layout);
  const tileQueries = rows <= 1 ? 1 : Math.ceil(rows / 4) * 4;
  const { kvHeads, valueSize } = layout;
  const partBytes = kernels.flashDecodePartBytes(kvHeads, tileQueries, valueSize);
  host.withScratch(units * partBytes, (partials) =>
    withProblem(
      host,
      { ...problem, splits, tileQueries, partials },
      { ...tables, sequences: table },
      (pointer) => {
        host.withScratch(kernels.flashDecodeScratchBytes(pointer), (scratch) =>
          kernels.flashDecode(pointer, 0, units, scratch),
        );
        kernels.flashCombine(pointer, 0, layout.batch);
      },
    ),
  );
}

/** `Storage` in `assembly/unpack.ts`. */
const storages: Partial<Readonly<Record<DType, number>>> = {
  float32: 0,
  float16: 1,
  q8_0: 2,
  q4_0: 3,
  q4_1: 4,
};

/** Decoding in SIMD, over contiguous and paged caches. */
export function decodeImplementation(kernels: FlashExports, host: WasmKernelHost): Implementation {
  return {
    accepts: (inputs, attributes) => {
      const operands = operandsOf(inputs, attributes as DecodeAttributes);
      const isPlain = operands.keys.dtype === "float32";
      const isDense = operands.keys.isContiguous && operands.values.isContiguous;
      return areReadable(operands) && (isPlain || isDense);
    },
    run: (inputs, outputs, given) => {
      const attributes = given as DecodeAttributes;
      const operands = operandsOf(inputs, attributes);
      const [output, logSumExp] = outputs as [Tensor, Tensor];
      const { problem, tables } = describeAttention(operands, attributes);
      const { blockTable, blocksPerSequence, blockSize, layout, splits } = attributes;
      const cache: Problem = {
        output: addressOf(output),
        logSumExp: addressOf(logSumExp),
        storage: storages[operands.keys.dtype] ?? 0,
        blockSize,
        blocksPerSequence,
        ...cacheStrides("key", operands.keys),
        ...cacheStrides("value", operands.values),
      };
      const allTables = blockTable ? { ...tables, blockTable } : tables;
      runDecode(kernels, host, { ...problem, ...cache }, allTables, layout, splits);
    },
  };
}

/** Strides in bytes of a cache in any dtype; its outermost dimension is sequences, or blocks. */
function cacheStrides(name: "key" | "value", { strides, dtype }: Tensor): Problem {
  const { blockSize, blockBytes } = dtypeLayout(dtype);
  const [outer = 0, token = 0, head = 0] = strides.map(
    (stride) => (stride / blockSize) * blockBytes,
  );
  return {
    [`${name}BatchBytes`]: outer,
    [`${name}BlockBytes`]: outer,
    [`${name}TokenBytes`]: token,
    [`${name}HeadBytes`]: head,
  };
}
