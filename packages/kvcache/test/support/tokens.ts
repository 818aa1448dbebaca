import { type Device, type Tensor, tensor } from "@x/tensor";
import type { CacheViews, SequenceCache } from "../../src/index";

/** Keys and values `[T, Hkv, D]` whose every element is the token's position, values negated. */
export function positionTokens(
  device: Device,
  { start, count, kvHeads, headDim }: Record<"start" | "count" | "kvHeads" | "headDim", number>,
): { keys: Tensor; values: Tensor } {
  const width = kvHeads * headDim;
  const elements = Array.from({ length: count * width }, (_, i) => start + Math.floor(i / width));
  const shape = [count, kvHeads, headDim];
  return {
    keys: tensor(elements, shape, { device }),
    values: tensor(
      elements.map((element) => -element),
      shape,
      { device },
    ),
  };
}

/** Appends tokens that hold their positions, to all layers. */
export function appendPositions(cache: SequenceCache, count: number): void {
  const { device, kvHeads, headDim } = cache.geometry;
  const start = cache.length();
  for (let layer = 0; layer < cache.layers; layer++) {
    const made = positionTokens(device, { start, count, kvHeads, headDim });
    using keys = made.keys;
    using values = made.values;
    cache.append(layer, keys, values);
  }
}

/** The first element of each key, and of each value negated: the positions that a view holds. */
export function shownPositions({ keys, values }: CacheViews): number[] {
  const headDim = keys.dimension(2);
  const held = keys.dimension(1);
  const [k, v] = [keys.dataSync(), values.dataSync()];
  const shown = Array.from({ length: held }, (_, entry) => k[entry * headDim]!);
  for (const [entry, position] of shown.entries()) {
    if (v[entry * headDim] !== -position) throw new Error("keys and values are of two tokens");
  }
  keys.dispose();
  values.dispose();
  return shown;
}
