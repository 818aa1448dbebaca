import { type CellKind, gateCount } from "../cell-kind";
import { WeightsError } from "../errors";
import { nameEnding } from "../layers/parameters";
import { assertArray, inverseOrder, kerasOrder, reorderRows, transposed } from "./gate-order";
import type { WeightArray } from "./weight-array";

/**
 * `get_weights()` of a Keras layer in one direction: `kernel [I, G·H]`, `recurrentKernel [H, G·H]`,
 * `bias [G·H]`, for a GRU with `reset_after` `[2, G·H]`. Gate orders are i, f, c, o and z, r, h.
 *
 * A GRU with `reset_after` true (the default of Keras 2 and 3) is one with `reset: "after"`.
 */
export interface KerasWeights {
  readonly kernel: WeightArray;
  readonly recurrentKernel: WeightArray;
  readonly bias?: WeightArray | undefined;
}

/** Where weights go in a stack. */
export interface LayerPlace {
  /** Default 0. */
  readonly layer?: number;
  /** Default false. */
  readonly isReverse?: boolean;
}

/**
 * One direction's weights under PyTorch's names, from Keras's. A single bias becomes `bias_ih`;
 * `bias_hh` is 0.
 *
 * @throws {WeightsError} when the shapes do not fit each other.
 */
export function fromKeras(
  kind: CellKind,
  { kernel, recurrentKernel, bias }: KerasWeights,
  { layer = 0, isReverse = false }: LayerPlace = {},
): Record<string, WeightArray> {
  const [inputSize = 0, rows = 0] = kernel.shape;
  const hiddenSize = rows / gateCount(kind);
  assertArray("kernel", kernel, [inputSize, rows]);
  assertArray("recurrentKernel", recurrentKernel, [hiddenSize, rows]);
  const ending = nameEnding(layer, isReverse);
  const order = kerasOrder[kind];
  const matrix = (array: WeightArray): WeightArray => {
    const { shape, data } = transposed(array);
    return { shape, data: reorderRows(data, order) };
  };
  const weights: Record<string, WeightArray> = {
    [`weight_ih${ending}`]: matrix(kernel),
    [`weight_hh${ending}`]: matrix(recurrentKernel),
  };
  if (bias !== undefined) {
    const isDouble = bias.shape.length === 2;
    assertArray("bias", bias, isDouble ? [2, rows] : [rows]);
    const vector = (start: number): WeightArray => ({
      shape: [rows],
      data: reorderRows(bias.data.slice(start, start + rows), order),
    });
    weights[`bias_ih${ending}`] = vector(0);
    weights[`bias_hh${ending}`] = isDouble
      ? vector(rows)
      : { shape: [rows], data: new Float32Array(rows) };
  }
  return weights;
}

/**
 * One direction's weights as Keras's `set_weights` takes them. The two biases are added, except for a
 * GRU, which gets both (`reset_after`).
 *
 * @throws {WeightsError} when a weight is missing.
 */
export function toKeras(
  kind: CellKind,
  weights: Readonly<Record<string, WeightArray>>,
  { layer = 0, isReverse = false }: LayerPlace = {},
): KerasWeights {
  const ending = nameEnding(layer, isReverse);
  const order = inverseOrder(kerasOrder[kind]);
  const matrix = (name: string): WeightArray => {
    const found = weights[name + ending];
    if (found === undefined) {
      throw new WeightsError(
        `toKeras: ${name}${ending} is missing; pass all weights of the layer`,
        {
          name,
        },
      );
    }
    return transposed({ shape: found.shape, data: reorderRows(found.data, order) });
  };
  const [kernel, recurrentKernel] = [matrix("weight_ih"), matrix("weight_hh")];
  const [first, second] = [weights[`bias_ih${ending}`], weights[`bias_hh${ending}`]];
  if (first === undefined || second === undefined) return { kernel, recurrentKernel };
  const [one, other] = [reorderRows(first.data, order), reorderRows(second.data, order)];
  const rows = one.length;
  const bias =
    kind === "gru"
      ? { shape: [2, rows], data: Float32Array.from([...one, ...other]) }
      : { shape: [rows], data: one.map((value, index) => value + (other[index] ?? 0)) };
  return { kernel, recurrentKernel, bias };
}
