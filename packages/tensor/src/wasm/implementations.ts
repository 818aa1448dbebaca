import { dtypeLayout } from "../dtype";
import { contiguousName } from "../ops/copy-contiguous";
import { type Implementation, rowsOf } from "../ops/operation";
import { sizeOf } from "../shape";
import type { Tensor } from "../tensor";
import { addressOf } from "./address";
import { elementwiseImplementations } from "./elementwise-implementations";
import { indexingImplementations } from "./indexing-implementations";
import type { KernelExports } from "./kernel-exports";
import { areContiguous, operand } from "./operands";
import { hasFormat } from "./program-writer";
import { reductionImplementations } from "./reduction-implementations";
import { rowImplementations } from "./row-implementations";
import type { WasmDevice } from "./wasm-device";

/** The SIMD kernels by operation name. Each must equal the operation's gpu.js definition. */
export function simdImplementations(
  device: WasmDevice,
  kernels: KernelExports,
): ReadonlyMap<string, Implementation> {
  return new Map<string, Implementation>([
    ["linear", linear(device)],
    ["matmul", matmul(device, kernels)],
    ["embedding", embedding(device)],
    ["rmsNorm", rmsNorm(kernels)],
    ["softmax", softmax(kernels)],
    ["silu", silu(kernels)],
    ["rotaryEmbedding", rotaryEmbedding(kernels)],
    ["argmax", argmax(kernels)],
    ["topK", topK(device, kernels)],
    [contiguousName, copyStrided(device, kernels)],
    ...elementwiseImplementations(kernels),
    ...reductionImplementations(device, kernels),
    ...rowImplementations(kernels),
    ...indexingImplementations(kernels),
  ]);
}

function linear(device: WasmDevice): Implementation {
  return {
    accepts: (inputs) => areContiguous(inputs) && hasFormat(operand(inputs, 1).dtype),
    run: (inputs, outputs) => {
      const input = operand(inputs, 0);
      const weight = operand(inputs, 1);
      const { rows, columns } = rowsOf(input.shape);
      if (rows === 0 || weight.dimension(0) === 0) return;
      device.runLinear(addressOf(input), addressOf(weight), addressOf(operand(outputs, 0)), {
        dtype: weight.dtype,
        rows,
        columns,
        features: weight.dimension(0),
      });
    },
  };
}

/** A matrix whose rows, or whose columns, are gapless; leading dimensions merge into one stride. */
interface MatrixLayout {
  readonly batchStride: number;
  readonly rowStride: number;
  readonly columnStride: number;
}

function matrixLayout({ shape, strides }: Tensor): MatrixLayout | undefined {
  let merged = 1;
  let batchStride = 0;
  for (let axis = shape.length - 3; axis >= 0; axis--) {
    const size = shape[axis] ?? 1;
    if (size === 1) continue;
    const stride = strides[axis] ?? 0;
    if (merged === 1) batchStride = stride;
    else if (stride !== batchStride * merged) return undefined;
    merged *= size;
  }
  return { batchStride, rowStride: strides.at(-2) ?? 0, columnStride: strides.at(-1) ?? 0 };
}

function isRowMajor(layout: MatrixLayout, columns: number): boolean {
  return layout.columnStride === 1 || columns === 1;
}

function matmul(device: WasmDevice, kernels: KernelExports): Implementation {
  return {
    accepts: (inputs) => {
      const left = operand(inputs, 0);
      const right = operand(inputs, 1);
      const leftLayout = matrixLayout(left);
      const rightLayout = matrixLayout(right);
      if (leftLayout === undefined || rightLayout === undefined) return false;
      if (!isRowMajor(leftLayout, left.dimension(-1))) return false;
      return isRowMajor(rightLayout, right.dimension(-1)) || rightLayout.rowStride === 1;
    },
    run: (inputs, outputs) => {
      const left = operand(inputs, 0);
      const right = operand(inputs, 1);
      const output = operand(outputs, 0);
      const a = matrixLayout(left);
      const b = matrixLayout(right);
      if (a === undefined || b === undefined) return;
      const [m, k, n] = [left.dimension(-2), left.dimension(-1), right.dimension(-1)];
      const batch = sizeOf(output.shape.slice(0, -2));
      if (isRowMajor(b, n)) {
        device.runMatmul(
          [addressOf(left), addressOf(right), addressOf(output)],
          [batch, m, k, n],
          [a.batchStride, b.batchStride, m * n],
          [a.rowStride, b.rowStride, n],
        );
        return;
      }
      device.withScratch(kernels.matmulScratchBytes(m, k, n), (scratch) =>
        kernels.matmulTransposed(
          addressOf(left),
          addressOf(right),
          addressOf(output),
          batch,
          m,
          k,
          n,
          a.batchStride,
          a.rowStride,
          b.batchStride,
          b.columnStride,
          m * n,
          n,
          scratch,
        ),
      );
    },
  };
}

function embedding(device: WasmDevice): Implementation {
  return {
    accepts: (inputs) => areContiguous(inputs) && hasFormat(operand(inputs, 0).dtype),
    run: (inputs, outputs) => {
      const weight = operand(inputs, 0);
      const ids = operand(inputs, 1);
      const output = addressOf(operand(outputs, 0));
      device.runEmbedding(addressOf(weight), weight.dtype, addressOf(ids), output, {
        rows: ids.size,
        columns: weight.dimension(1),
      });
    },
  };
}

function rmsNorm(kernels: KernelExports): Implementation {
  return {
    accepts: areContiguous,
    run: (inputs, outputs, attributes) => {
      const input = operand(inputs, 0);
      const { rows, columns } = rowsOf(input.shape);
      const { epsilon } = attributes as { epsilon: number };
      const weight = addressOf(operand(inputs, 1));
      const output = addressOf(operand(outputs, 0));
      kernels.rmsNorm(addressOf(input), weight, output, rows, columns, epsilon);
    },
  };
}

function softmax(kernels: KernelExports): Implementation {
  return {
    accepts: areContiguous,
    run: (inputs, outputs) => {
      const input = operand(inputs, 0);
      const { rows, columns } = rowsOf(input.shape);
      kernels.softmax(addressOf(input), addressOf(operand(outputs, 0)), rows, columns);
    },
  };
}

function silu(kernels: KernelExports): Implementation {
  return {
    accepts: areContiguous,
    run: (inputs, outputs) => {
      const input = operand(inputs, 0);
      kernels.silu(addressOf(input), addressOf(operand(outputs, 0)), input.size);
    },
  };
}

function rotaryEmbedding(kernels: KernelExports): Implementation {
  return {
    accepts: areContiguous,
    run: (inputs, outputs, attributes) => {
      const input = operand(inputs, 0);
      const cosine = operand(inputs, 1);
      const { interleaved } = attributes as { interleaved: boolean };
      kernels.rotary(
        addressOf(input),
        addressOf(cosine),
        addressOf(operand(inputs, 2)),
        addressOf(operand(inputs, 3)),
        addressOf(operand(outputs, 0)),
        input.dimension(0),
        input.dimension(1),
        input.dimension(2),
        cosine.dimension(1) * 2,
        interleaved ? 1 : 0,
      );
    },
  };
}

function argmax(kernels: KernelExports): Implementation {
  return {
    accepts: areContiguous,
    run: (inputs, outputs) => {
      const input = operand(inputs, 0);
      const { rows, columns } = rowsOf(input.shape);
      kernels.argmax(addressOf(input), addressOf(operand(outputs, 0)), rows, columns);
    },
  };
}

function topK(device: WasmDevice, kernels: KernelExports): Implementation {
  return {
    accepts: areContiguous,
    run: (inputs, outputs, attributes) => {
      const input = operand(inputs, 0);
      const { rows, columns } = rowsOf(input.shape);
      const { k } = attributes as { k: number };
      const values = addressOf(operand(outputs, 0));
      const indices = addressOf(operand(outputs, 1));
      device.withScratch(kernels.topKScratchBytes(columns, k), (scratch) =>
        kernels.topK(addressOf(input), values, indices, rows, columns, k, scratch),
      );
    },
  };
}

/** The largest rank that the copy kernel walks. */
const maximumCopyRank = 6;

function copyStrided(device: WasmDevice, kernels: KernelExports): Implementation {
  return {
    accepts: (inputs) => operand(inputs, 0).rank <= maximumCopyRank,
    run: (inputs, outputs) => {
      const source = operand(inputs, 0);
      const target = operand(outputs, 0);
      const { blockBytes } = dtypeLayout(source.dtype);
      const layout = [...source.shape, ...source.strides, ...target.strides];
      device.withScratch(Math.max(4, layout.length * 4), (pointer) => {
        device.writeIntegers(pointer, layout);
        kernels.copyStrided(addressOf(source), addressOf(target), blockBytes, source.rank, pointer);
      });
    },
  };
}
