import { add, concat, div, matmul, ones, type Tensor, tidy } from "@x/tensor";
import { assertOperandShapes } from "./checks";
import { eluPlusOne, type FeatureMap } from "./feature-map";
import { gatedRecurrence } from "./gated-recurrence";
import type { RecurrenceOptions, RecurrenceResult } from "./recurrence";

/** Settings of {@link linearAttention}. */
export interface LinearAttentionOptions extends RecurrenceOptions {
  /** φ. Default {@link eluPlusOne}. */
  readonly featureMap?: FeatureMap;
  /** Whether a token sees itself and earlier ones only. Default true. */
  readonly causal?: boolean;
  /** Whether outputs are divided by the sum of their weights. Default true. */
  readonly normalize?: boolean;
  /** Added to the sum of the weights. Default 1e-6. */
  readonly epsilon?: number;
}

/**
 * Linear attention, `o = φ(q) Σ φ(k) vᵀ / (φ(q)·Σ φ(k) + ε)`: the sums are a state of fixed size, so
 * that time grows linearly with the tokens and generation costs the same for each (Katharopoulos et
 * al. 2020, arXiv 2006.16236, eq. 5 and 16 to 20).
 *
 * With `normalize` the state has one column more, the sum of the keys' features: `[B, H, F, V + 1]`.
 * Without `causal` every token sees all, those of `initialState` included; `form` has no effect.
 *
 * @param queries - `[B, T, H, K]`. @param keys - `[B, T, H, K]`. @param values - `[B, T, H, V]`.
 * @returns Output `[B, T, H, V]` and the state after the last token.
 *
 * @example
 * ```ts
 * const prompt = linearAttention(queries, keys, values);
 * const next = linearAttention(q1, k1, v1, { initialState: prompt.finalState });
 * ```
 */
export function linearAttention(
  queries: Tensor,
  keys: Tensor,
  values: Tensor,
  options: LinearAttentionOptions = {},
): RecurrenceResult {
  const { featureMap = eluPlusOne, causal = true, normalize = true } = options;
  const { epsilon = 1e-6, ...recurrence } = options;
  assertOperandShapes("linearAttention", queries, keys, values);
  return tidy(() => {
    const operands = {
      queries: featureMap.map(queries, "query"),
      keys: featureMap.map(keys, "key"),
      values: normalize ? withOnes(values) : values,
    };
    const { output, finalState } = causal
      ? gatedRecurrence("linearAttention", operands, recurrence)
      : bidirectional(operands.queries, operands.keys, operands.values, recurrence.initialState);
    if (!normalize) return { output, finalState };
    const width = values.dimension(-1);
    const weights = output.slice(-1, width, width + 1);
    return { output: div(output.slice(-1, 0, width), add(weights, epsilon)), finalState };
  });
}

/** A column of ones, whose weighted sum is the sum of the weights. */
function withOnes(values: Tensor): Tensor {
  const column = ones([...values.shape.slice(0, -1), 1], { device: values.device });
  return concat([values, column], { axis: -1 });
}

function bidirectional(
  queries: Tensor,
  keys: Tensor,
  values: Tensor,
  initialState: Tensor | undefined,
): RecurrenceResult {
  const headsFirst = (tensor: Tensor) => tensor.permute([0, 2, 1, 3]);
  const sums = matmul(headsFirst(keys).transpose(), headsFirst(values)); // [B, H, F, V]
  const state = initialState === undefined ? sums : add(sums, initialState);
  const output = matmul(headsFirst(queries), state);
  return { output: output.permute([0, 2, 1, 3]), finalState: state };
}
