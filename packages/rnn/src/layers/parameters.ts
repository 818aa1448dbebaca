import { keep, ones, type Parameters, type Tensor, uniform, zeros } from "@x/tensor";
import { type CellKind, gateCount } from "../cell-kind";
import type { CellWeights } from "../cells/cell-weights";
import { WeightsError } from "../errors";
import type { LSTMOptions } from "./layer-options";

/** What decides the parameters of a layer. */
export interface ParameterPlan extends LSTMOptions {
  readonly kind: CellKind;
}

/** Ending of the names of one direction of a layer, as in PyTorch: `_l0`, `_l0_reverse`. */
export function nameEnding(layer: number, isReverse: boolean): string {
  return `_l${layer}${isReverse ? "_reverse" : ""}`;
}

/** Name and shape of every parameter of one direction of one layer. */
export function cellShapes(plan: ParameterPlan, inputSize: number): Map<string, number[]> {
  const { kind, hiddenSize, bias = true, projectionSize, peepholes, layerNorm } = plan;
  const rows = gateCount(kind) * hiddenSize;
  const shapes = new Map<string, number[]>([
    ["weight_ih", [rows, inputSize]],
    ["weight_hh", [rows, projectionSize ?? hiddenSize]],
  ]);
  if (bias) shapes.set("bias_ih", [rows]).set("bias_hh", [rows]);
  if (projectionSize !== undefined) shapes.set("weight_hr", [projectionSize, hiddenSize]);
  if (peepholes) shapes.set("weight_peephole", [3 * hiddenSize]);
  if (layerNorm) {
    const normed = { ih: rows, hh: rows, cell: hiddenSize };
    for (const [part, size] of Object.entries(normed)) {
      shapes.set(`norm_${part}_weight`, [size]).set(`norm_${part}_bias`, [size]);
    }
  }
  return shapes;
}

/** Name and shape of every parameter of a stack. */
export function layerShapes(plan: ParameterPlan): Map<string, number[]> {
  const { layers = 1, bidirectional = false, hiddenSize, projectionSize } = plan;
  const directions = bidirectional ? [false, true] : [false];
  const outputSize = (projectionSize ?? hiddenSize) * directions.length;
  const shapes = new Map<string, number[]>();
  for (let layer = 0; layer < layers; layer++) {
    for (const isReverse of directions) {
      const inputSize = layer === 0 ? plan.inputSize : outputSize;
      for (const [name, shape] of cellShapes(plan, inputSize)) {
        shapes.set(name + nameEnding(layer, isReverse), shape);
      }
    }
  }
  return shapes;
}

/** Uniform between ±1/√H, as PyTorch does it; normalization starts as the identity. */
export function createParameters(
  shapes: ReadonlyMap<string, readonly number[]>,
  { hiddenSize, device, seed = 0 }: LSTMOptions,
): Record<string, Tensor> {
  const bound = 1 / Math.sqrt(hiddenSize);
  const parameters: Record<string, Tensor> = {};
  let index = 0;
  for (const [name, shape] of shapes) {
    const created = name.startsWith("norm_")
      ? (name.includes("_weight") ? ones : zeros)(shape, { device })
      : uniform(shape, { device, seed: seed * 1_000 + index, low: -bound, high: bound });
    parameters[name] = keep(created);
    index++;
  }
  return parameters;
}

/**
 * @throws {WeightsError} unless `given` has exactly the names and shapes of `shapes`.
 */
export function assertParameters(
  layer: string,
  shapes: ReadonlyMap<string, readonly number[]>,
  given: Readonly<Record<string, { readonly shape: readonly number[] }>>,
): void {
  const missing = [...shapes.keys()].filter((name) => given[name] === undefined);
  const extra = Object.keys(given).filter((name) => !shapes.has(name));
  if (missing.length > 0 || extra.length > 0) {
    throw new WeightsError(
      `${layer}: weights do not match: missing ${listed(missing)}, unknown ${listed(extra)}; use those of a layer with the same settings`,
      { missing, extra },
    );
  }
  for (const [name, shape] of shapes) {
    const found = given[name]?.shape ?? [];
    if (found.length === shape.length && found.every((size, axis) => size === shape[axis]))
      continue;
    throw new WeightsError(
      `${layer}: ${name} is [${found.join(", ")}] but must be [${shape.join(", ")}]; use the weights of a layer of the same sizes`,
      { name, expected: shape, given: found },
    );
  }
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? "none" : names.join(", ");
}

/** The weights of one direction of a layer, by their names with `ending`. */
export function cellWeights(parameters: Parameters, ending: string): CellWeights {
  const named = (name: string) => parameters[name + ending];
  const [input, recurrent] = [named("weight_ih"), named("weight_hh")];
  if (input === undefined || recurrent === undefined) {
    throw new WeightsError(
      `weights${ending}: weight_ih or weight_hh is missing; pass all parameters`,
      {
        ending,
      },
    );
  }
  const normOf = (part: string) => {
    const [weight, bias] = [named(`norm_${part}_weight`), named(`norm_${part}_bias`)];
    return weight && bias ? ([weight, bias] as const) : undefined;
  };
  const [inputNorm, recurrentNorm] = [normOf("ih"), normOf("hh")];
  return {
    input,
    recurrent,
    inputBias: named("bias_ih"),
    recurrentBias: named("bias_hh"),
    projection: named("weight_hr"),
    peephole: named("weight_peephole"),
    norm: inputNorm &&
      recurrentNorm && { input: inputNorm, recurrent: recurrentNorm, cell: normOf("cell") },
  };
}
