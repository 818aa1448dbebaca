import { type Device, normalNumbers, type Tensor, tensor } from "@x/tensor";
import type { GatedOperands } from "../../src/gated-recurrence";
import type { NaiveOperands, Sizes } from "./naive-recurrence";

/** A member of the family, as the engine sees it. */
export interface Member {
  readonly name: string;
  readonly decay: "none" | "head" | "scalar" | "vector";
  readonly isDelta: boolean;
  /** Relative error allowed. */
  readonly tolerance: number;
}

export const members: readonly Member[] = [
  { name: "no decay", decay: "none", isDelta: false, tolerance: 2e-4 },
  { name: "decay per head", decay: "head", isDelta: false, tolerance: 2e-4 },
  { name: "scalar gate", decay: "scalar", isDelta: false, tolerance: 2e-4 },
  { name: "vector gate", decay: "vector", isDelta: false, tolerance: 2e-4 },
  { name: "delta rule", decay: "none", isDelta: true, tolerance: 1e-3 },
  { name: "gated delta rule", decay: "scalar", isDelta: true, tolerance: 1e-3 },
];

/** Random operands: keys of length 1 for the delta rule, gates from -0.01 to `strength`. */
export function makeOperands(
  member: Member,
  sizes: Sizes,
  seed: number,
  strength = 3,
): NaiveOperands {
  const { batch, time, heads, key, value } = sizes;
  const tokens = batch * time * heads;
  const numbers = (count: number, offset: number) => normalNumbers(count, seed * 100 + offset);
  const keys = Float64Array.from(numbers(tokens * key, 1));
  if (member.isDelta) {
    for (let token = 0; token < tokens; token++) {
      const row = keys.subarray(token * key, (token + 1) * key);
      const length = Math.hypot(...row);
      for (let i = 0; i < key; i++) row[i]! /= length;
    }
  }
  const gates = numbers(tokens * key, 2).map((x) => -0.01 - strength / (1 + Math.exp(-x * 4)));
  const logDecay = Float32Array.from({ length: tokens * key }, (_, index) => {
    const token = Math.floor(index / key);
    if (member.decay === "vector") return gates[index]!;
    if (member.decay === "scalar") return gates[token]!;
    return Math.log(1 - 2 ** (-5 - (token % heads)));
  });
  return {
    sizes,
    queries: numbers(tokens * key, 3).map((x) => x / Math.sqrt(key)),
    keys: Float32Array.from(keys),
    values: numbers(tokens * value, 4),
    initialState: numbers(batch * heads * key * value, 5),
    ...(member.decay === "none" ? {} : { logDecay }),
    ...(member.isDelta ? { beta: numbers(tokens, 6).map((x) => 1 / (1 + Math.exp(-x * 3))) } : {}),
  };
}

/** The operands and the initial state as tensors, gates of a head once for each token. */
export function toTensors(
  operands: NaiveOperands,
  member: Member,
  device: Device,
): GatedOperands & { readonly initialState: Tensor } {
  const { batch, time, heads, key, value } = operands.sizes;
  const { logDecay } = operands;
  const perToken =
    logDecay && Float32Array.from({ length: batch * time * heads }, (_, i) => logDecay[i * key]!);
  const from = (values: ArrayLike<number>, ...shape: number[]) => tensor(values, shape, { device });
  return {
    queries: from(operands.queries, batch, time, heads, key),
    keys: from(operands.keys, batch, time, heads, key),
    values: from(operands.values, batch, time, heads, value),
    logDecay:
      member.decay === "vector"
        ? logDecay && from(logDecay, batch, time, heads, key)
        : perToken && from(perToken, batch, time, heads),
    beta: operands.beta && from(operands.beta, batch, time, heads),
    initialState: from(operands.initialState!, batch, heads, key, value),
  };
}
