import { norm, type Parameters, type Tensor, tidy, valueAndGrad, zeros } from "@x/tensor";
import { RecurrentInputError } from "./errors";
import type { RecurrentState } from "./layers/layer-input";
import type { ForwardOptions, RecurrentLayer, RecurrentResult } from "./layers/recurrent-layer";

/** Settings of {@link gradientNormsByLag}. */
export interface GradientNormsOptions<State extends RecurrentState>
  extends Pick<ForwardOptions<State>, "state" | "lengths"> {
  /** Which layer's hidden state. Default: the last one. */
  readonly layer?: number;
  /** The direction that reads backwards. Default false. */
  readonly isReverse?: boolean;
  /** The loss, a scalar. */
  loss(result: RecurrentResult<State>): Tensor;
}

/**
 * How far a gradient reaches back: the Euclidean norm of ∂loss/∂h_t at every step, over the whole
 * batch. Element 0 is the last step that the direction runs, element `lag` the step so many before.
 * Where the loss reads the last state alone, a falling curve is a vanishing gradient (Bengio et al.
 * 1994), a rising one an exploding gradient.
 *
 * @param input - As for `forward`, batched.
 *
 * @example
 * ```ts
 * const norms = await gradientNormsByLag(rnn, input, {
 *   loss: ({ state }) => mean(square(sub(linear(state.hidden, weight), targets))),
 * });
 * console.log(logSlope(norms)); // -0.4: a factor of e^-0.4 each step
 * ```
 */
export async function gradientNormsByLag<State extends RecurrentState>(
  layer: RecurrentLayer<State>,
  input: Tensor,
  {
    layer: index = layer.layers - 1,
    isReverse = false,
    loss,
    ...options
  }: GradientNormsOptions<State>,
): Promise<number[]> {
  if (!(Number.isSafeInteger(index) && index >= 0 && index < layer.layers)) {
    throw new RecurrentInputError(
      `gradientNormsByLag: there is no layer ${index}; use 0 to ${layer.layers - 1}`,
      { layer: index },
    );
  }
  if (isReverse && !layer.bidirectional) {
    throw new RecurrentInputError(
      "gradientNormsByLag: the layer reads forwards only; leave isReverse out",
    );
  }
  const [steps, batch] = layer.stepsAndBatch(input);
  const directions = layer.bidirectional ? 2 : 1;
  const norms = tidy(() => {
    const shape = [directions, steps, batch, layer.outputSize];
    const values = zeros(shape, { device: input.device });
    const compute = valueAndGrad((nudge: Tensor) =>
      loss(layer.forward(input, { ...options, nudge: { layer: index, values: nudge } })),
    );
    const { gradients } = compute(values);
    const direction = isReverse ? 1 : 0;
    const own = gradients.slice(0, direction, direction + 1); // [1, T, B, H]
    return norm(own.reshape([steps, batch * layer.outputSize]), { axis: 1 });
  });
  const inOrder = Array.from((await norms.data()) as Float32Array);
  norms.dispose();
  return isReverse ? inOrder : inOrder.reverse();
}

/**
 * Slope of ln(norm) against the lag, by least squares over the norms above 0: the factor per step is
 * `exp(slope)`.
 */
export function logSlope(norms: readonly number[]): number {
  const points = norms.flatMap((value, lag) =>
    value > 0 ? [[lag, Math.log(value)] as const] : [],
  );
  const count = points.length;
  const meanLag = points.reduce((sum, [lag]) => sum + lag, 0) / count;
  const meanLog = points.reduce((sum, [, log]) => sum + log, 0) / count;
  let covariance = 0;
  let variance = 0;
  for (const [lag, log] of points) {
    covariance += (lag - meanLag) * (log - meanLog);
    variance += (lag - meanLag) ** 2;
  }
  return covariance / variance;
}

/** Size of one gate's recurrent matrix; see {@link spectralReport}. */
export interface SpectralRow {
  /** Name of the parameter: `weight_hh_l0`. */
  readonly name: string;
  /** Index of the gate, in PyTorch's order. */
  readonly gate: number;
  /** Largest magnitude of an eigenvalue: how the powers of the matrix grow. */
  readonly spectralRadius: number;
  /** Largest singular value: how much one product can stretch. */
  readonly spectralNorm: number;
}

/**
 * Spectral radius and norm of every recurrent matrix. In a tanh network ‖∂h_T/∂h_t‖ is at most
 * `spectralNorm^(T-t)`: below 1 gradients must vanish, and explode they can only above it (Pascanu et
 * al. 2012, arXiv 1211.5063).
 *
 * @param parameters - Of a layer or a cell. With a projection there is nothing to report: the
 * matrices are not square.
 */
export async function spectralReport(parameters: Parameters): Promise<SpectralRow[]> {
  const rows: SpectralRow[] = [];
  for (const [name, parameter] of Object.entries(parameters)) {
    if (!name.startsWith("weight_hh")) continue;
    const [total, size] = [parameter.dimension(0), parameter.dimension(1)];
    if (total % size !== 0) continue;
    const data = Float64Array.from((await parameter.data()) as Float32Array);
    for (let gate = 0; gate < total / size; gate++) {
      const matrix = data.subarray(gate * size * size, (gate + 1) * size * size);
      rows.push({
        name,
        gate,
        spectralRadius: spectralRadius(matrix, size),
        spectralNorm: Math.sqrt(spectralRadius(product(matrix, matrix, size, true), size)),
      });
    }
  }
  return rows;
}

/** Squarings of the matrix: the radius is right to ln(size) / 2^20. */
const squarings = 20;

/** By Gelfand's formula, ρ = lim ‖Aᵏ‖^(1/k), with k = 2^20 by squaring. */
function spectralRadius(matrix: Float64Array, size: number): number {
  let power = Float64Array.from(matrix);
  let logRadius = 0;
  for (let step = 0; step < squarings; step++) {
    const scale = Math.sqrt(power.reduce((sum, value) => sum + value * value, 0));
    if (scale === 0) return 0;
    logRadius += Math.log(scale) / 2 ** step;
    power = power.map((value) => value / scale);
    power = product(power, power, size, false);
  }
  const rest = Math.sqrt(power.reduce((sum, value) => sum + value * value, 0));
  return rest === 0 ? 0 : Math.exp(logRadius + Math.log(rest) / 2 ** squarings);
}

/** `left · right`, or `leftᵀ · right`. */
function product(
  left: Float64Array,
  right: Float64Array,
  size: number,
  isTransposed: boolean,
): Float64Array<ArrayBuffer> {
  const result = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < size; k++) {
      const factor = (isTransposed ? left[k * size + i] : left[i * size + k]) ?? 0;
      if (factor === 0) continue;
      for (let j = 0; j < size; j++) {
        result[i * size + j] = (result[i * size + j] ?? 0) + factor * (right[k * size + j] ?? 0);
      }
    }
  }
  return result;
}
