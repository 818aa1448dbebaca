import type { Tensor } from "@x/tensor";
import { addressOf } from "@x/tensor/kernels";
import type { AttentionAttributes, AttentionOperands } from "../attention-attributes";
import { dropoutTable } from "../dropout";
import type { AttentionLayout } from "../layout";
import type { Problem, ProblemTables } from "../problem";
import { windowWord } from "../window";

const floatBytes = 4;

/** Whether the kernels can read the operands in place. */
export function areReadable({
  queries,
  keys,
  values,
  alibiSlopes,
  sinks,
}: AttentionOperands): boolean {
  const hasRows = (tensor: Tensor) => tensor.strides.at(-1) === 1 || tensor.dimension(-1) === 1;
  const isDense = (tensor?: Tensor) => tensor === undefined || tensor.isContiguous;
  return [queries, keys, values].every(hasRows) && isDense(alibiSlopes) && isDense(sinks);
}

/** What the kernels need to know of an attention, its results left out. */
export function describeAttention(
  operands: AttentionOperands,
  attributes: AttentionAttributes,
): { problem: Problem; tables: ProblemTables } {
  const { layout, window, tile, dropout } = attributes;
  const { queries, keys, values, alibiSlopes, sinks } = operands;
  const drop = dropout && dropoutTable(dropout, layout);
  const problem: Problem = {
    queries: addressOf(queries),
    keys: addressOf(keys),
    values: addressOf(values),
    batch: layout.batch,
    heads: layout.heads,
    kvHeads: layout.kvHeads,
    keySize: layout.keySize,
    valueSize: layout.valueSize,
    tileQueries: tile.queries,
    tileKeys: tile.keys,
    splits: 1,
    scale: attributes.scale,
    softcap: attributes.softcap,
    windowLeft: windowWord(window.left),
    windowRight: windowWord(window.right),
    ...rowStrides("query", queries, layout),
    ...rowStrides("key", keys, layout),
    ...rowStrides("value", values, layout),
    ...logSumExpStrides(layout),
    ...(alibiSlopes && {
      slopes: addressOf(alibiSlopes),
      slopesBatchStride: alibiSlopes.rank === 2 ? layout.heads : 0,
    }),
    ...(sinks && { sinks: addressOf(sinks) }),
    ...scoreOperand("bias", operands.bias),
    ...scoreOperand("mask", operands.mask),
    ...(drop && { dropThreshold: drop.threshold, keepScale: drop.keepScale }),
  };
  return { problem, tables: drop ? { dropoutKeys: drop.roundKeys } : {} };
}

/** Address and strides of a bias or mask; dimensions that repeat have stride 0. */
function scoreOperand(name: "bias" | "mask", tensor?: Tensor): Problem {
  if (tensor === undefined) return {};
  const stride = (fromEnd: number) =>
    (tensor.shape.at(-fromEnd) ?? 1) === 1 ? 0 : (tensor.strides.at(-fromEnd) ?? 0);
  return {
    [name]: addressOf(tensor),
    [`${name}BatchStride`]: stride(4),
    [`${name}HeadStride`]: stride(3),
    [`${name}QueryStride`]: stride(2),
    [`${name}KeyStride`]: stride(1),
  };
}

function rowStrides(
  name: "query" | "key" | "value",
  { strides }: Tensor,
  { isPacked }: AttentionLayout,
): Problem {
  return {
    [`${name}BatchBytes`]: isPacked ? 0 : (strides.at(-4) ?? 0) * floatBytes,
    [`${name}TokenBytes`]: (strides.at(-3) ?? 0) * floatBytes,
    [`${name}HeadBytes`]: (strides.at(-2) ?? 0) * floatBytes,
  };
}

function logSumExpStrides({ isPacked, heads, sequences }: AttentionLayout): Problem {
  if (isPacked) {
    const total = sequences.reduce((sum, { queryLength }) => sum + queryLength, 0);
    return { logSumExpBatchStride: 0, logSumExpHeadStride: total };
  }
  const length = sequences[0]?.queryLength ?? 0;
  return { logSumExpBatchStride: heads * length, logSumExpHeadStride: length };
}

/** Words of `Sequence` in `assembly/problem.ts`. */
const sequenceWords = 7;

/**
 * The table of sequences that the kernels read, and how many units of work they are.
 *
 * @param unitsOf - Units of a sequence.
 */
export function sequenceTable(
  { sequences, isPacked }: AttentionLayout,
  unitsOf: (index: number) => number,
): { table: Int32Array; units: number } {
  const table = new Int32Array((sequences.length + 1) * sequenceWords);
  let units = 0;
  sequences.forEach(({ queryStart, queryLength, keyStart, keyLength }, index) => {
    const outputStart = isPacked ? queryStart : index * queryLength;
    const keyRow = isPacked ? keyStart : index * keyLength;
    const sequence = [queryStart, queryLength, keyStart, keyLength, outputStart, keyRow, units];
    table.set(sequence, index * sequenceWords);
    units += unitsOf(index);
  });
  table[sequences.length * sequenceWords + sequenceWords - 1] = units;
  return { table, units };
}
