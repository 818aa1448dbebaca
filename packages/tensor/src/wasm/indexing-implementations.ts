import { type DType, dtypeLayout } from "../dtype";
import { type Implementation, rowsOf } from "../ops/operation";
import { sizeOf } from "../shape";
import type { Tensor } from "../tensor";
import { addressOf } from "./address";
import { castNames, type IndexingKernels } from "./indexing-kernels";
import { areContiguous, operand } from "./operands";
import type { PointerKernel } from "./row-kernels";

/** Kernels that pick, add by index, convert, join and shift elements. */
export function indexingImplementations(
  kernels: IndexingKernels,
): readonly (readonly [string, Implementation])[] {
  return [
    ["cast", cast(kernels)],
    ["gather", ofWords(kernels.gather, ([x, index]) => [...sizes(x), index?.shape.at(-1) ?? 1])],
    ["take", take(kernels)],
    ["scatterAdd", scatterAdd(kernels)],
    ["scatterAddRows", scatterAddRows(kernels)],
    ["cumsum", cumsum(kernels)],
    ["triangle", triangle(kernels)],
    ["concat", concat(kernels)],
    ["causalConv1d", causalConv1d(kernels)],
  ];
}

function sizes(tensor: Tensor | undefined): [rows: number, columns: number] {
  const { rows, columns } = rowsOf(tensor?.shape ?? []);
  return [rows, columns];
}

function bytesOf({ dtype }: Tensor): number {
  return dtypeLayout(dtype).blockBytes;
}

/** A kernel over elements of four bytes: the pointers of all tensors, then numbers. */
function ofWords(
  kernel: PointerKernel,
  numbersOf: (inputs: readonly Tensor[], attributes: unknown) => readonly number[],
): Implementation {
  return {
    accepts: (inputs) => areContiguous(inputs) && bytesOf(operand(inputs, 0)) === 4,
    run: (inputs, outputs, attributes) =>
      kernel(...[...inputs, ...outputs].map(addressOf), ...numbersOf(inputs, attributes)),
  };
}

function cast(kernels: IndexingKernels): Implementation {
  const table: Partial<Record<DType, Partial<Record<DType, keyof IndexingKernels>>>> = castNames;
  const nameOf = (input: Tensor, attributes: unknown) =>
    table[input.dtype]?.[(attributes as { to: DType }).to];
  return {
    accepts: (inputs, attributes) =>
      areContiguous(inputs) && nameOf(operand(inputs, 0), attributes) !== undefined,
    run: (inputs, outputs, attributes) => {
      const input = operand(inputs, 0);
      const name = nameOf(input, attributes);
      if (name === undefined) return;
      kernels[name](addressOf(input), addressOf(operand(outputs, 0)), input.size);
    },
  };
}

function take({ takeRows }: IndexingKernels): Implementation {
  return {
    accepts: areContiguous,
    run: (inputs, outputs) => {
      const table = operand(inputs, 0);
      const ids = operand(inputs, 1);
      const rowBytes = table.dimension(1) * bytesOf(table);
      const output = addressOf(operand(outputs, 0));
      takeRows(addressOf(table), addressOf(ids), output, ids.size, rowBytes);
    },
  };
}

function scatterAdd(kernels: IndexingKernels): Implementation {
  return {
    accepts: areContiguous,
    run: (inputs, outputs, attributes) => {
      const index = operand(inputs, 0);
      const source = operand(inputs, 1);
      const output = operand(outputs, 0);
      const { columns } = attributes as { columns: number };
      const kernel = source.dtype === "int32" ? kernels.scatterAddIntegers : kernels.scatterAdd;
      const pointers = [index, source, output].map(addressOf);
      kernel(...pointers, ...sizes(index), columns);
    },
  };
}

function scatterAddRows(kernels: IndexingKernels): Implementation {
  return ofWords(kernels.scatterAddRows, (inputs, attributes) => {
    const { rows } = attributes as { rows: number };
    return [operand(inputs, 0).size, rows, operand(inputs, 1).dimension(1)];
  });
}

function cumsum(kernels: IndexingKernels): Implementation {
  return {
    accepts: areContiguous,
    run: (inputs, outputs) => {
      const input = operand(inputs, 0);
      const isInteger = input.dtype === "int32";
      const kernel = isInteger ? kernels.cumulativeSumIntegers : kernels.cumulativeSum;
      kernel(addressOf(input), addressOf(operand(outputs, 0)), ...sizes(input));
    },
  };
}

function triangle(kernels: IndexingKernels): Implementation {
  return ofWords(kernels.triangle, (inputs, attributes) => {
    const { diagonal, isUpper } = attributes as { diagonal: number; isUpper: boolean };
    const input = operand(inputs, 0);
    // Beyond the matrix one diagonal is as good as another, and the kernel adds in int32.
    const bounded = Math.max(-input.size, Math.min(input.size, diagonal));
    return [...sizes(input), input.dimension(-2), bounded, isUpper ? 1 : 0];
  });
}

function concat({ copyRows }: IndexingKernels): Implementation {
  return {
    accepts: areContiguous,
    run: (inputs, outputs, attributes) => {
      const output = operand(outputs, 0);
      const { axis } = attributes as { axis: number };
      const rows = sizeOf(output.shape.slice(0, axis));
      if (output.size === 0) return;
      const rowBytes = (output.size / rows) * bytesOf(output);
      let target = addressOf(output);
      for (const input of inputs) {
        const bytes = (input.size / rows) * bytesOf(input);
        copyRows(addressOf(input), target, rows, bytes, bytes, rowBytes);
        target += bytes;
      }
    },
  };
}

function causalConv1d(kernels: IndexingKernels): Implementation {
  return ofWords(kernels.causalConv1d, ([input, weight]) => {
    const [batch = 0, channels = 0, times = 0] = input?.shape ?? [];
    return [batch * channels, channels, times, weight?.dimension(1) ?? 1];
  });
}
