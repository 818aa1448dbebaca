import type { KernelArgument, KernelSource } from "../gpujs/kernel-source";
import type { Tensor } from "../tensor";
import { partOf } from "./operation";

/** Cells per launch: flat indexes stay exact, and a large tensor is split. */
export const cellsPerLaunch = 2 ** 22;

interface FlatLaunch {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  launch(
    source: KernelSource,
    kernelArguments: readonly KernelArgument[],
    cells: readonly number[],
    target: ReturnType<typeof partOf>,
  ): void;
}

/**
 * Runs an elementwise kernel over operands and a result of one size, all contiguous. The kernel's
 * parameters are the operands, flat, and then `numbers`.
 */
export function launchFlat(
  { inputs, outputs: [output], launch }: FlatLaunch,
  source: KernelSource,
  numbers: readonly number[] = [],
): void {
  if (output === undefined) return;
  const { size } = output;
  for (let start = 0; start < size; start += cellsPerLaunch) {
    const count = Math.min(cellsPerLaunch, size - start);
    const operands = inputs.map((input) => ({
      slice: partOf(input, start, count),
      sizes: [count],
    }));
    launch(source, [...operands, ...numbers], [count], partOf(output, start, count));
  }
}

/** Calls `visit` with blocks of rows of at most {@link cellsPerLaunch} elements, one row at least. */
export function forEachRowBlock(
  rows: number,
  columns: number,
  visit: (start: number, count: number) => void,
): void {
  const perBlock = Math.max(1, Math.floor(cellsPerLaunch / Math.max(1, columns)));
  for (let start = 0; start < rows; start += perBlock) {
    visit(start, Math.min(perBlock, rows - start));
  }
}
