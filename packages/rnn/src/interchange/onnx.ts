import { type CellKind, gateCount } from "../cell-kind";
import { WeightsError } from "../errors";
import { nameEnding } from "../layers/parameters";
import { assertArray, inverseOrder, onnxOrder, reorderRows } from "./gate-order";
import type { WeightArray } from "./weight-array";

/**
 * Inputs of ONNX's `RNN`, `LSTM` and `GRU` operators for one layer, `D` directions:
 * `W [D, G·H, I]`, `R [D, G·H, H]`, `B [D, 2·G·H]` (the biases of both one after the other), `P
 * [D, 3·H]` (LSTM peepholes). Gate orders are i, o, f, c and z, r, h; of `P`: i, o, f.
 *
 * A GRU with `linear_before_reset` 1 is one with `reset: "after"`, with 0 (ONNX's default) one with
 * `reset: "before"`.
 */
export interface OnnxWeights {
  readonly W: WeightArray;
  readonly R: WeightArray;
  readonly B?: WeightArray | undefined;
  readonly P?: WeightArray | undefined;
}

/** Order of the peepholes: ours is i, f, o. */
const peepholeOrder = [0, 2, 1];

/**
 * One layer's weights under PyTorch's names, from ONNX's. `load` takes them as tensors.
 *
 * @param layer - Index of the layer in its stack. Default 0.
 * @throws {WeightsError} when the shapes do not fit each other.
 */
export function fromOnnx(
  kind: CellKind,
  { W, R, B, P }: OnnxWeights,
  layer = 0,
): Record<string, WeightArray> {
  const [directions = 0, rows = 0, inputSize = 0] = W.shape;
  const hiddenSize = rows / gateCount(kind);
  if (directions < 1 || directions > 2 || !Number.isInteger(hiddenSize)) {
    throw new WeightsError(
      `fromOnnx: W is [${W.shape.join(", ")}]; use [1 or 2, ${gateCount(kind)}·H, I]`,
      { shape: W.shape },
    );
  }
  assertArray("W", W, [directions, rows, inputSize]);
  assertArray("R", R, [directions, rows, hiddenSize]);
  if (B) assertArray("B", B, [directions, 2 * rows]);
  if (P) assertArray("P", P, [directions, 3 * hiddenSize]);
  const order = onnxOrder[kind];
  const weights: Record<string, WeightArray> = {};
  for (let direction = 0; direction < directions; direction++) {
    const ending = nameEnding(layer, direction === 1);
    const part = ({ data }: WeightArray, size: number, offset = 0) =>
      data.subarray(direction * (data.length / directions) + offset).subarray(0, size);
    const add = (name: string, shape: number[], data: Float32Array) => {
      weights[name + ending] = { shape, data };
    };
    add("weight_ih", [rows, inputSize], reorderRows(part(W, rows * inputSize), order));
    add("weight_hh", [rows, hiddenSize], reorderRows(part(R, rows * hiddenSize), order));
    if (B) {
      add("bias_ih", [rows], reorderRows(part(B, rows), order));
      add("bias_hh", [rows], reorderRows(part(B, rows, rows), order));
    }
    if (P) {
      add("weight_peephole", [3 * hiddenSize], reorderRows(part(P, 3 * hiddenSize), peepholeOrder));
    }
  }
  return weights;
}

/**
 * One layer's weights as ONNX's operators take them: what {@link fromOnnx} undoes.
 *
 * @throws {WeightsError} when a weight is missing.
 */
export function toOnnx(
  kind: CellKind,
  weights: Readonly<Record<string, WeightArray>>,
  layer = 0,
): OnnxWeights {
  const endings = [false, true]
    .map((isReverse) => nameEnding(layer, isReverse))
    .filter((ending) => weights[`weight_ih${ending}`] !== undefined);
  const order = inverseOrder(onnxOrder[kind]);
  const collect = (names: readonly string[], own: readonly number[]): WeightArray | undefined => {
    const parts = endings.flatMap((ending) => names.map((name) => weights[name + ending]));
    const found = parts.filter((part) => part !== undefined);
    if (found.length === 0) return undefined;
    const shape = [...(found[0]?.shape ?? [])];
    if (found.length !== parts.length) {
      throw new WeightsError(`toOnnx: ${names.join(" or ")} is missing in a direction; pass all`, {
        names,
      });
    }
    const data = new Float32Array(found.reduce((sum, one) => sum + one.data.length, 0));
    let offset = 0;
    for (const one of found) {
      data.set(reorderRows(one.data, own), offset);
      offset += one.data.length;
    }
    shape[0] = (shape[0] ?? 0) * names.length;
    return { shape: [endings.length, ...shape], data };
  };
  const [W, R] = [collect(["weight_ih"], order), collect(["weight_hh"], order)];
  if (W === undefined || R === undefined) {
    throw new WeightsError(`toOnnx: layer ${layer} has no weight_ih or weight_hh; pass both`, {
      layer,
    });
  }
  const B = collect(["bias_ih", "bias_hh"], order);
  const P = collect(["weight_peephole"], inverseOrder(peepholeOrder));
  return { W, R, ...(B && { B }), ...(P && { P }) };
}
