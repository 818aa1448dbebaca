import { add, concat, div, less, ones, type Tensor, tidy, where } from "@x/tensor";
import { bidirectionalSums } from "./bidirectional-sums";
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
  /**
   * Added to the sum of the weights, away from 0: with signed features the sum may be negative, or
   * 0. Default 1e-6.
   */
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
      : bidirectionalSums("linearAttention", operands, recurrence);
    if (!normalize) return { output, finalState };
    const width = values.dimension(-1);
    const weights = output.slice(-1, width, width + 1);
    const divisor = featureMap.isPositive ? add(weights, epsilon) : awayFromZero(weights, epsilon);
    return { output: div(output.slice(-1, 0, width), divisor), finalState };
  });
}

function awayFromZero(weights: Tensor, epsilon: number): Tensor {
  return add(weights, where(less(weights, 0), -epsilon, epsilon));
}

/** A column of ones, whose weighted sum is the sum of the weights. */
function withOnes(values: Tensor): Tensor {
  const column = ones([...values.shape.slice(0, -1), 1], { device: values.device });
  return concat([values, column], { axis: -1 });
}
