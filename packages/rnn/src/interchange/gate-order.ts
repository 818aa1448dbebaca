import type { CellKind } from "../cell-kind";
import { WeightsError } from "../errors";
import type { WeightArray } from "./weight-array";

/** Position of PyTorch's gates (LSTM i, f, g, o; GRU r, z, n) in the order of another format. */
export const onnxOrder: Readonly<Record<CellKind, readonly number[]>> = {
  tanh: [0],
  relu: [0],
  lstm: [0, 2, 3, 1], // i, o, f, c
  gru: [1, 0, 2], // z, r, h
};

/** Keras: LSTM i, f, c, o; GRU z, r, h. */
export const kerasOrder: Readonly<Record<CellKind, readonly number[]>> = {
  tanh: [0],
  relu: [0],
  lstm: [0, 1, 2, 3],
  gru: [1, 0, 2],
};

/** Block `order[i]` of the rows becomes block `i`: from another format's order to PyTorch's. */
export function reorderRows(rows: Float32Array, order: readonly number[]): Float32Array {
  const size = rows.length / order.length;
  const result = new Float32Array(rows.length);
  for (const [target, source] of order.entries()) {
    result.set(rows.subarray(source * size, (source + 1) * size), target * size);
  }
  return result;
}

/** The order that undoes `order`. */
export function inverseOrder(order: readonly number[]): number[] {
  const inverse: number[] = [];
  for (const [target, source] of order.entries()) inverse[source] = target;
  return inverse;
}

/** The transpose of a matrix. */
export function transposed({ shape, data }: WeightArray): WeightArray {
  const [rows = 0, columns = 0] = shape;
  const result = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[column * rows + row] = data[row * columns + column] ?? 0;
    }
  }
  return { shape: [columns, rows], data: result };
}

/** @throws {WeightsError} unless `array` has `shape`. */
export function assertArray(name: string, array: WeightArray, shape: readonly number[]): void {
  const fits = array.shape.join() === shape.join();
  const count = shape.reduce((product, size) => product * size, 1);
  if (fits && array.data.length === count) return;
  throw new WeightsError(
    `${name} is [${array.shape.join(", ")}] but must be [${shape.join(", ")}]; check the cell kind and the sizes`,
    { name, expected: shape, given: array.shape },
  );
}
