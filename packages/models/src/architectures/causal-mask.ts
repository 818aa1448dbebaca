import { type Device, type Tensor, tensor } from "@x/tensor";

/**
 * The additive causal mask of `T` new tokens after `S - T` earlier ones: query `t` sees keys 0 to
 * `S - T + t`; later ones get `-Infinity`, and with a window `W` those before the `W` newest too.
 *
 * @returns float32 `[T, S]`.
 */
export function causalMask(
  device: Device,
  newTokens: number,
  totalTokens: number,
  window = Number.POSITIVE_INFINITY,
): Tensor {
  const mask = new Float32Array(newTokens * totalTokens);
  for (let row = 0; row < newTokens; row++) {
    const firstHidden = totalTokens - newTokens + row + 1;
    const start = row * totalTokens;
    mask.fill(Number.NEGATIVE_INFINITY, start + firstHidden, start + totalTokens);
    if (firstHidden > window)
      mask.fill(Number.NEGATIVE_INFINITY, start, start + firstHidden - window);
  }
  return tensor(mask, [newTokens, totalTokens], { device });
}
