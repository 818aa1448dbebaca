import { type DType, dtypeLayout } from "../dtype";
import type { Implementation } from "../ops/operation";
import type { ReduceAttributes } from "../ops/reduce-operation";
import type { Tensor } from "../tensor";
import { addressOf } from "./address";
import { type CommonDimension, forEachOffset, mergedDimensions } from "./broadcast-layout";
import { operand } from "./operands";
import type { ColumnReduction, RowKernels, RowReduction } from "./row-kernels";
import type { WasmDevice } from "./wasm-device";

interface Fold {
  readonly rows: RowReduction;
  /** Absent where columns are copied to rows first. */
  readonly columns?: ColumnReduction;
}

/** The reductions, by dtype of the operand. */
export function reductionImplementations(
  device: WasmDevice,
  kernels: RowKernels,
): readonly (readonly [string, Implementation])[] {
  const reduction = (byDType: Partial<Record<DType, Fold>>) => reduce(device, kernels, byDType);
  return [
    [
      "sum",
      reduction({
        float32: { rows: kernels.sumRows, columns: kernels.sumColumns },
        int32: { rows: kernels.sumIntegersRows, columns: kernels.sumIntegersColumns },
      }),
    ],
    [
      "prod",
      reduction({ float32: { rows: kernels.productRows, columns: kernels.productColumns } }),
    ],
    [
      "max",
      reduction({
        float32: { rows: kernels.largestRows, columns: kernels.largestColumns },
        int32: { rows: kernels.largestIntegerRows, columns: kernels.largestIntegerColumns },
      }),
    ],
    [
      "min",
      reduction({
        float32: { rows: kernels.smallestRows, columns: kernels.smallestColumns },
        int32: { rows: kernels.smallestIntegerRows, columns: kernels.smallestIntegerColumns },
      }),
    ],
    ["any", reduction({ bool: { rows: kernels.anyRows } })],
    ["all", reduction({ bool: { rows: kernels.allRows } })],
  ];
}

/** How the kernels see a view whose last dimensions are reduced. */
interface Plan {
  /** Dimensions that are walked here, outermost first. */
  readonly outer: readonly CommonDimension[];
  readonly kind: "rows" | "columns";
  readonly rows: number;
  readonly columns: number;
  /** Distance of the rows, in elements. */
  readonly stride: number;
}

const single: CommonDimension = { size: 1, strides: [0] };

/**
 * Rows where the reduced elements lie side by side, columns where the kept ones do; `undefined`
 * where neither is so.
 */
function planOf({ shape, strides }: Tensor, { reducedRank }: ReduceAttributes): Plan | undefined {
  const keptRank = shape.length - reducedRank;
  const kept = mergedDimensions(shape.slice(0, keptRank), [strides.slice(0, keptRank)]);
  const reduced = mergedDimensions(shape.slice(keptRank), [strides.slice(keptRank)]);
  if (reduced.length > 1) return undefined;
  const [fold = single] = reduced;
  const [foldStride = 0] = fold.strides;
  if (fold.size === 1 || foldStride === 1) {
    const row = kept.pop() ?? single;
    const [stride = 0] = row.strides;
    return { kind: "rows", outer: kept, rows: row.size, columns: fold.size, stride };
  }
  const column = kept.pop() ?? single;
  if (column.size !== 1 && column.strides[0] !== 1) return undefined;
  return {
    kind: "columns",
    outer: kept,
    rows: fold.size,
    columns: column.size,
    stride: foldStride,
  };
}

function reduce(
  device: WasmDevice,
  kernels: RowKernels,
  byDType: Partial<Record<DType, Fold>>,
): Implementation {
  return {
    accepts: (inputs, attributes) => {
      const input = operand(inputs, 0);
      const fold = byDType[input.dtype];
      if (fold === undefined) return false;
      const plan = planOf(input, attributes as ReduceAttributes);
      return plan !== undefined && (plan.kind === "rows" || fold.columns !== undefined);
    },
    run: (inputs, outputs, attributes) => {
      const input = operand(inputs, 0);
      const output = operand(outputs, 0);
      const fold = byDType[input.dtype];
      const plan = planOf(input, attributes as ReduceAttributes);
      if (fold === undefined || plan === undefined || output.size === 0) return;
      const { outer, kind, rows, columns, stride } = plan;
      const bytes = dtypeLayout(input.dtype).blockBytes;
      const results = kind === "rows" ? rows : columns;
      const visit = (scratch: number) =>
        forEachOffset(outer, 1, ([offset = 0], index) => {
          const source = addressOf(input) + offset * bytes;
          const target = addressOf(output) + index * results * bytes;
          if (kind === "rows") fold.rows(source, target, rows, columns, stride * bytes);
          else fold.columns?.(source, target, rows, columns, stride * bytes, scratch);
        });
      if (kind === "rows") visit(0);
      else device.withScratch(kernels.columnsScratchBytes(columns), visit);
    },
  };
}
