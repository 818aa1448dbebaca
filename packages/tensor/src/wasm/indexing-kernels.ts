import type { PlainDType } from "../ops/cast";
import type { PointerKernel } from "./row-kernels";

/** The kernel of each conversion that has one. */
export const castNames = {
  float32: {
    int32: "castFloatToInteger",
    bool: "castFloatToBool",
    float16: "castFloatToHalf",
    bfloat16: "castFloatToBrain",
  },
  int32: { float32: "castIntegerToFloat", bool: "castIntegerToBool" },
  bool: { float32: "castBoolToFloat", int32: "castBoolToInteger" },
  float16: { float32: "castHalfToFloat" },
  bfloat16: { float32: "castBrainToFloat" },
} as const satisfies Record<PlainDType, Partial<Record<PlainDType, string>>>;

type Names<Table> =
  Table extends Record<string, unknown>
    ? { [From in keyof Table]: Table[From][keyof Table[From]] }[keyof Table]
    : never;

/** Kernels that move elements; their arguments are pointers and then numbers. */
export type IndexingKernels = Readonly<
  Record<
    | Names<typeof castNames>
    | "causalConv1d"
    | "copyRows"
    | "cumulativeSum"
    | "cumulativeSumIntegers"
    | "gather"
    | "scatterAdd"
    | "scatterAddIntegers"
    | "scatterAddRows"
    | "takeRows"
    | "triangle",
    PointerKernel
  >
>;
