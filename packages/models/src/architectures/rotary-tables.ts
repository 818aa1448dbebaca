import { type Device, type Tensor, tensor } from "@x/tensor";

/** What the angles of a rotary embedding depend on. */
export interface RotarySettings {
  /** `R`: rotated elements of a head, even. */
  readonly dimension: number;
  /** Base of the geometric frequencies, 10,000 in the paper. */
  readonly base: number;
  /** Divides positions: linear position interpolation (Chen et al. 2023, arXiv 2306.15595). */
  readonly linearFactor: number;
  /** `R/2` divisors of the frequencies, as Llama 3 files carry them. */
  readonly frequencyFactors?: ArrayLike<number>;
}

/** Cosine and sine of every position's angles. */
export interface RotaryTables {
  /** float32 `[P, R/2]`. */
  readonly cosine: Tensor;
  /** float32 `[P, R/2]`. */
  readonly sine: Tensor;
}

/**
 * Tables for positions 0 to `positions - 1`. Angle `i` of position `p` is
 * `p / factor · base^(-2i/R)` (Su et al. 2021, arXiv 2104.09864, section 3.2.2), in float64.
 */
export function rotaryTables(
  device: Device,
  positions: number,
  { dimension, base, linearFactor, frequencyFactors }: RotarySettings,
): RotaryTables {
  const half = dimension / 2;
  const cosine = new Float32Array(positions * half);
  const sine = new Float32Array(positions * half);
  for (let pair = 0; pair < half; pair++) {
    const divisor = linearFactor * (frequencyFactors?.[pair] ?? 1);
    const frequency = base ** ((-2 * pair) / dimension) / divisor;
    for (let position = 0; position < positions; position++) {
      cosine[position * half + pair] = Math.cos(position * frequency);
      sine[position * half + pair] = Math.sin(position * frequency);
    }
  }
  const shape = [positions, half];
  return { cosine: tensor(cosine, shape, { device }), sine: tensor(sine, shape, { device }) };
}
