import { assign, eye, noGrad, normal, type Tensor, tensor, tidy, uniform } from "@x/tensor";
import { gateCount } from "./cell-kind";
import { RecurrentOptionsError } from "./errors";
import type { RecurrentState } from "./layers/layer-input";
import type { RecurrentLayer } from "./layers/recurrent-layer";

/** How recurrent weights begin; see {@link initialize}. */
export type RecurrentInitializer = "uniform" | "orthogonal" | "identity";

/** Settings of {@link initialize}. */
export interface InitializeOptions {
  /**
   * `uniform`: ±1/√H, as PyTorch. `orthogonal`: an orthogonal matrix for each gate, whose powers
   * neither grow nor vanish (Saxe et al. 2013, arXiv 1312.6120). `identity`: the identity for each
   * gate, for relu networks (Le et al. 2015, arXiv 1504.00941). Default: left as they are.
   */
  readonly recurrent?: RecurrentInitializer;
  /** Factor of the recurrent weights. Default 1. */
  readonly gain?: number;
  /**
   * What the two biases of the forget gate add up to (LSTM; Jozefowicz et al. 2015 advise 1).
   * PyTorch's two vectors are added: each set to 1 would make 2. Default: left as it is.
   */
  readonly forgetBias?: number;
  /** Default 0. */
  readonly seed?: number;
}

/**
 * Sets the initial weights of a layer.
 *
 * @throws {RecurrentOptionsError} for a forget bias where there is no forget gate or no bias, and
 * for an identity or orthogonal start of a matrix that is not square (projection).
 *
 * @example
 * ```ts
 * initialize(lstm, { recurrent: "orthogonal", forgetBias: 1 });
 * ```
 */
export function initialize<State extends RecurrentState>(
  layer: RecurrentLayer<State>,
  { recurrent, gain = 1, forgetBias, seed = 0 }: InitializeOptions,
): void {
  const { hiddenSize, kind, parameters } = layer;
  const gates = gateCount(kind);
  const isSquare = layer.outputSize === hiddenSize;
  if (recurrent !== undefined && recurrent !== "uniform" && !isSquare) {
    throw new RecurrentOptionsError(
      `initialize: the recurrent weights are not square with a projection; use "uniform"`,
      { recurrent },
    );
  }
  if (forgetBias !== undefined && (kind !== "lstm" || parameters.bias_ih_l0 === undefined)) {
    throw new RecurrentOptionsError(
      `initialize: forgetBias needs an LSTM with bias; leave it out for others`,
      { kind, forgetBias },
    );
  }
  noGrad(() => {
    let index = seed * 1_000;
    for (const [name, parameter] of Object.entries(parameters)) {
      index++;
      if (recurrent !== undefined && name.startsWith("weight_hh")) {
        tidy(() => setBlocks(parameter, gates, () => square(parameter, recurrent, gain, index++)));
      }
      if (forgetBias !== undefined && name.startsWith("bias_")) {
        const value = name.startsWith("bias_ih") ? forgetBias : 0;
        tidy(() => setForgetGate(parameter, hiddenSize, value));
      }
    }
  });
}

function setBlocks(parameter: Tensor, gates: number, make: () => Tensor): void {
  const size = parameter.dimension(0) / gates;
  for (let gate = 0; gate < gates; gate++) {
    assign(parameter.slice(0, gate * size, (gate + 1) * size), make());
  }
}

function setForgetGate(bias: Tensor, size: number, value: number): void {
  const { device } = bias;
  const values = new Float32Array(size).fill(value);
  assign(bias.slice(0, size, 2 * size), tensor(values, [size], { device }));
}

/** One gate's matrix, `[H, P]`. */
function square(parameter: Tensor, kind: RecurrentInitializer, gain: number, seed: number): Tensor {
  const { device } = parameter;
  const size = parameter.dimension(1);
  switch (kind) {
    case "uniform": {
      const bound = gain / Math.sqrt(size);
      return uniform([size, size], { device, seed, low: -bound, high: bound });
    }
    case "identity": {
      if (gain === 1) return eye(size, { device });
      const values = Float32Array.from({ length: size * size }, (_, at) =>
        at % (size + 1) === 0 ? gain : 0,
      );
      return tensor(values, [size, size], { device });
    }
    case "orthogonal":
      return tensor(orthogonalMatrix(size, gain, seed, parameter), [size, size], { device });
    default:
      return kind satisfies never;
  }
}

/** Gram and Schmidt over normal rows, twice for accuracy, in float64. */
function orthogonalMatrix(size: number, gain: number, seed: number, like: Tensor): Float32Array {
  using random = normal([size, size], { device: like.device, seed });
  const rows = Float64Array.from(random.dataSync());
  const row = (index: number) => rows.subarray(index * size, (index + 1) * size);
  for (let index = 0; index < size; index++) {
    const own = row(index);
    for (let pass = 0; pass < 2; pass++) {
      for (let before = 0; before < index; before++) {
        const other = row(before);
        const overlap = dot(own, other);
        for (let at = 0; at < size; at++) own[at] = (own[at] ?? 0) - overlap * (other[at] ?? 0);
      }
    }
    const length = Math.sqrt(dot(own, own));
    for (let at = 0; at < size; at++) own[at] = (own[at] ?? 0) / length;
  }
  return Float32Array.from(rows, (value) => gain * value);
}

function dot(left: Float64Array, right: Float64Array): number {
  let sum = 0;
  for (let index = 0; index < left.length; index++) sum += (left[index] ?? 0) * (right[index] ?? 0);
  return sum;
}
