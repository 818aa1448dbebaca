import { type Device, type Tensor, tensor } from "@x/tensor";

/**
 * The additive causal mask of `T` new tokens after `S - T` earlier ones: query `t` sees keys 0 to
 * `S - T + t`; later ones get `-Infinity`.
 *
 * @returns float32 `[T, S]`.
 */
export function causalMask(device: Device, newTokens: number, totalTokens: number): Tensor {
  const mask = new Float32Array(newTokens * totalTokens);
  for (let row = 0; row < newTokens; row++) {
    const firstHidden = totalTokens - newTokens + row + 1;
    mask.fill(Number.NEGATIVE_INFINITY, row * totalTokens + firstHidden, (row + 1) * totalTokens);
  }
  return tensor(mask, [newTokens, totalTokens], { device });
}
