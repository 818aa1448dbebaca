import type { WasmKernelHost } from "@x/tensor/kernels";

/** The words of `Problem` in `assembly/problem.ts`, in its order. */
const words = [
  "queries",
  "keys",
  "values",
  "output",
  "logSumExp",
  "sequences",
  "blockTable",
  "bias",
  "mask",
  "slopes",
  "sinks",
  "dropoutKeys",
  "batch",
  "heads",
  "kvHeads",
  "keySize",
  "valueSize",
  "tileQueries",
  "tileKeys",
  "splits",
  "partials",
  "queryBatchBytes",
  "queryTokenBytes",
  "queryHeadBytes",
  "keyBatchBytes",
  "keyTokenBytes",
  "keyHeadBytes",
  "keyBlockBytes",
  "valueBatchBytes",
  "valueTokenBytes",
  "valueHeadBytes",
  "valueBlockBytes",
  "storage",
  "blockSize",
  "blocksPerSequence",
  "logSumExpBatchStride",
  "logSumExpHeadStride",
  "biasBatchStride",
  "biasHeadStride",
  "biasQueryStride",
  "biasKeyStride",
  "maskBatchStride",
  "maskHeadStride",
  "maskQueryStride",
  "maskKeyStride",
  "slopesBatchStride",
  "windowLeft",
  "windowRight",
  "dropThreshold",
  "keepScale",
  "scale",
  "softcap",
  "outputGradient",
  "logSumExpGradient",
  "queryGradient",
  "keyGradient",
  "valueGradient",
  "biasGradient",
  "sinkGradient",
] as const;

/** One attention problem as the kernels read it; what is left out is 0. */
export type Problem = Partial<Record<(typeof words)[number], number>>;

/** Tables that a problem points to: lists of 32-bit integers. */
export type ProblemTables = Partial<
  Record<"sequences" | "blockTable" | "dropoutKeys", ArrayLike<number>>
>;

const floats: ReadonlySet<string> = new Set(["keepScale", "scale", "softcap"]);
const alignment = 64;

/** Writes a problem and its tables to the device's memory for as long as `use` runs. */
export function withProblem(
  host: WasmKernelHost,
  problem: Problem,
  tables: ProblemTables,
  use: (pointer: number) => void,
): void {
  const entries = Object.entries(tables);
  const bytes = entries.reduce((sum, [, table]) => sum + aligned(table.length * 4), 0);
  host.withScratch(aligned(words.length * 4) + bytes, (pointer) => {
    const addresses: Record<string, number> = {};
    let next = pointer + aligned(words.length * 4);
    for (const [name, table] of entries) {
      addresses[name] = next;
      host.writeIntegers(next, table);
      next += aligned(table.length * 4);
    }
    const all: Readonly<Record<string, number | undefined>> = { ...problem, ...addresses };
    const integers = new Int32Array(words.length);
    const reals = new Float32Array(integers.buffer);
    words.forEach((name, index) => {
      (floats.has(name) ? reals : integers)[index] = all[name] ?? 0;
    });
    host.writeIntegers(pointer, integers);
    use(pointer);
  });
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}
