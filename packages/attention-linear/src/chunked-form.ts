import { add, cumsum, exp, matmul, mul, sub, type Tensor, tril } from "@x/tensor";
import { decayedScores } from "./decayed-scores";
import { invertUnitLower } from "./invert-unit-lower";
import type { Operands } from "./recurrence";
import type { StretchForm } from "./stretches";

/**
 * A chunk of C tokens at once, by matrix products, from the state before it (Yang et al. 2023, "GLA",
 * arXiv 2312.06635, section 4; 2024, "DeltaNet", arXiv 2406.06484, section 3; 2024, "Gated
 * DeltaNet", arXiv 2412.06464, eq. 8 to 10).
 *
 * With b the cumulative log-decay of the chunk, every exponent is a difference that is not positive:
 * no factor overflows, whatever the decay.
 */
export const chunkedForm: StretchForm = {
  run: (chunk) => {
    const { queries, keys, state } = chunk;
    const { cumulative, writes } = prepare(chunk);
    const decayedQueries = cumulative === undefined ? queries : mul(queries, exp(cumulative));
    const scores = tril(decayedScores(queries, keys, cumulative)); // [B, H, C, C]
    const output = add(matmul(decayedQueries, state), matmul(scores, writes));
    return { output, state: nextState(chunk, cumulative, writes) };
  },
  advance: (chunk) => {
    const { cumulative, writes } = prepare(chunk);
    return nextState(chunk, cumulative, writes);
  },
};

/** The cumulative log-decay `[B, H, C, 1 or K]`, and what each token writes, `[B, H, C, V]`. */
function prepare(chunk: Operands): { cumulative: Tensor | undefined; writes: Tensor } {
  const { values, logDecay, beta } = chunk;
  const cumulative = logDecay && cumsum(logDecay, { axis: 2 });
  return {
    cumulative,
    writes: beta === undefined ? values : deltaWrites(chunk, cumulative, beta),
  };
}

function nextState(
  { keys, state }: Operands,
  cumulative: Tensor | undefined,
  writes: Tensor,
): Tensor {
  if (cumulative === undefined) return add(state, matmul(keys.transpose(), writes));
  const total = cumulative.slice(2, -1); // [B, H, 1, 1 or K]
  const remaining = mul(keys, exp(sub(total, cumulative)));
  return add(mul(exp(total.transpose()), state), matmul(remaining.transpose(), writes));
}

/**
 * What the delta rule writes for each token: `N = T(V - (e^b ⊙ K)S)` with
 * `T = (I + tril(β K Kᵀ ⊙ Γ, -1))⁻¹ diag(β)`, the WY form of the product of its updates.
 */
function deltaWrites(
  { keys, values, state }: Operands,
  cumulative: Tensor | undefined,
  beta: Tensor,
): Tensor {
  const overlaps = mul(beta, decayedScores(keys, keys, cumulative)); // [B, H, C, C]
  const inverse = invertUnitLower(tril(overlaps, { diagonal: -1 }));
  const decayedKeys = cumulative === undefined ? keys : mul(keys, exp(cumulative));
  const remembered = matmul(decayedKeys, state); // [B, H, C, V]
  return matmul(inverse, mul(beta, sub(values, remembered)));
}
