import type { DType } from "../dtype";
import { ShapeError } from "../errors";
import type { KernelSource } from "../gpujs/kernel-source";
import { formatShape, resolveAxis, sizeOf } from "../shape";
import type { Tensor } from "../tensor";
import { borrowPermuted } from "./borrowed";
import { cellsPerLaunch, forEachRowBlock } from "./launch-flat";
import { type GpujsContext, type Gradient, type Operation, partOf, runSingle } from "./operation";
import { reshape } from "./reshape";

/** Which dimensions are reduced. */
export interface ReductionOptions {
  /** One dimension or several, negative from the end. Default: all. */
  readonly axis?: number | readonly number[];
  /** Whether reduced dimensions stay, with size 1. Default false. */
  readonly keepDims?: boolean;
}

/** How many of the last dimensions of the operand are reduced. */
export interface ReduceAttributes {
  readonly reducedRank: number;
}

interface ReduceDefinition {
  readonly name: string;
  /** Statements that fold the element `x` into `r`, which starts as `initial` or the first `x`. */
  readonly combine: string;
  /** The result of no elements; `undefined` where there is none. */
  readonly empty: number | undefined;
  readonly gradient: Gradient<ReduceAttributes, [Tensor], [Tensor]> | "none";
}

/** Elements that one cell folds; more are folded in stages, for accuracy and parallelism. */
const chunkSize = 512;

const constant: KernelSource = {
  name: "constant",
  source: "function (value) { return value; }",
  parameters: ["float"],
};

/** Folds the last `reducedRank` dimensions. */
export function reduceOperation({
  name,
  combine,
  empty,
  gradient,
}: ReduceDefinition): Operation<ReduceAttributes, [Tensor], [Tensor]> {
  const fold: KernelSource = {
    name: `${name}-fold`,
    source: `function (operand, columns, chunk) {
      const first = this.thread.x * chunk;
      let r = operand[this.thread.y][first];
      for (let i = 1; i < chunk; i++) {
        const column = first + i;
        if (column < columns) {
          const x = operand[this.thread.y][column];
          ${combine}
        }
      }
      return r;
    }`,
    parameters: ["array", "integer", "integer"],
  };
  return {
    name,
    infer: ([input], { reducedRank }) => {
      const kept = input.shape.slice(0, input.rank - reducedRank);
      const columns = sizeOf(input.shape.slice(input.rank - reducedRank));
      if (columns === 0 && empty === undefined && sizeOf(kept) > 0) {
        throw new ShapeError(
          `${name}: no element to choose from in ${formatShape(input.shape)}; reduce a dimension that is not empty`,
          { operation: name, shape: input.shape },
        );
      }
      return [{ dtype: input.dtype, shape: kept }];
    },
    gpujs: (context) => {
      const [input] = context.inputs;
      const [output] = context.outputs;
      if (output.size === 0) return;
      if (input.size === 0) {
        context.launch(constant, [empty ?? 0], [output.size], partOf(output, 0, output.size));
        return;
      }
      foldRows(context, fold, input, output);
    },
    gradient,
  };
}

/** Folds rows in stages: each leaves one element for every chunk, until one is left. */
function foldRows(
  context: GpujsContext<unknown>,
  fold: KernelSource,
  input: Tensor,
  output: Tensor,
): void {
  const rows = output.size;
  let source = input;
  let columns = input.size / rows;
  for (;;) {
    const chunks = columns > 2 * chunkSize ? Math.ceil(columns / chunkSize) : 1;
    const target = chunks === 1 ? output : context.temporary([rows, chunks]);
    foldStage(context, fold, source, target, rows, columns, chunks);
    if (chunks === 1) return;
    source = target;
    columns = chunks;
  }
}

function foldStage(
  { launch }: GpujsContext<unknown>,
  fold: KernelSource,
  source: Tensor,
  target: Tensor,
  rows: number,
  columns: number,
  chunks: number,
): void {
  const chunk = chunks === 1 ? columns : chunkSize;
  forEachRowBlock(rows, columns, (row, count) => {
    if (count > 1 || columns <= cellsPerLaunch) {
      const slice = partOf(source, row * columns, count * columns);
      const part = partOf(target, row * chunks, count * chunks);
      launch(fold, [{ slice, sizes: [columns, count] }, columns, chunk], [chunks, count], part);
      return;
    }
    // A row too long for one launch goes piece by piece; pieces are whole chunks.
    for (let start = 0; start < columns; start += cellsPerLaunch) {
      const length = Math.min(cellsPerLaunch, columns - start);
      const cells = Math.ceil(length / chunk);
      const slice = partOf(source, row * columns + start, length);
      const part = partOf(target, row * chunks + start / chunk, cells);
      launch(fold, [{ slice, sizes: [length, 1] }, length, chunk], [cells, 1], part);
    }
  });
}

/** The dimensions that are reduced, ascending. @throws {ShapeError} when one is named twice. */
export function reducedAxes(
  operation: string,
  rank: number,
  axis: number | readonly number[] | undefined,
): number[] {
  if (axis === undefined) return Array.from({ length: rank }, (_, index) => index);
  const named = typeof axis === "number" ? [axis] : axis;
  const axes = named.map((one) => resolveAxis(operation, one, rank));
  if (new Set(axes).size !== axes.length) {
    throw new ShapeError(`${operation}: axes [${named.join(", ")}] name a dimension twice`, {
      operation,
      axis,
    });
  }
  return axes.sort((left, right) => left - right);
}

/** Runs a reduction over any dimensions: they are moved to the end as a view, then folded. */
export function runReduction(
  operation: Operation<ReduceAttributes, [Tensor], [Tensor]>,
  input: Tensor,
  { axis, keepDims = false }: ReductionOptions,
): Tensor {
  const axes = reducedAxes(operation.name, input.rank, axis);
  if (axes.length === 0) return input.alias();
  const kept = input.shape.map((_, index) => index).filter((index) => !axes.includes(index));
  using arranged = borrowPermuted(input, [...kept, ...axes]);
  const folded = runSingle(operation, [arranged.tensor], { reducedRank: axes.length });
  if (!keepDims) return folded;
  using result = folded;
  return reshape(
    result,
    input.shape.map((size, index) => (axes.includes(index) ? 1 : size)),
  );
}

/** The result of a reduction, or its gradient, repeated along the reduced dimensions of `shape`. */
export function spreadReduced(
  reduced: Tensor,
  shape: readonly number[],
  { reducedRank }: ReduceAttributes,
): Tensor {
  const kept = shape.slice(0, shape.length - reducedRank);
  const ones = new Array<number>(reducedRank).fill(1);
  return reshape(reduced, [...kept, ...ones]).broadcastTo(shape);
}

/** The dtype in which a reduction computes: `bool` counts as int32. */
export function reducedDType(dtype: DType): DType {
  return dtype === "int32" || dtype === "bool" ? "int32" : "float32";
}
