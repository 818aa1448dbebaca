import { add, concat, cumsum, exp, matmul, mul, sub, type Tensor, tril } from "@x/tensor";
import { decayedScores } from "./decayed-scores";
import { invertUnitLower } from "./invert-unit-lower";
import type { Operands, Stretch } from "./recurrence";

/** One chunk of C tokens; the state is that before the chunk. */
interface Chunk {
  readonly queries: Tensor;
  readonly keys: Tensor;
  readonly values: Tensor;
  readonly logDecay: Tensor | undefined;
  readonly beta: Tensor | undefined;
}

/**
 * Chunk by chunk: within a chunk by matrix products over its C tokens, between chunks through the
 * state (Yang et al. 2023, "GLA", arXiv 2312.06635, section 4; 2024, "DeltaNet", arXiv 2406.06484,
 * section 3; 2024, "Gated DeltaNet", arXiv 2412.06464, eq. 8 to 10).
 */
export function chunkedForm(operands: Operands, chunkSize: number): Stretch {
  const time = operands.queries.dimension(2);
  let { state } = operands;
  const outputs: Tensor[] = [];
  for (let start = 0; start < time; start += chunkSize) {
    const end = Math.min(time, start + chunkSize);
    const cut = (tensor: Tensor | undefined) => tensor?.slice(2, start, end);
    const step = chunkStep(
      {
        queries: operands.queries.slice(2, start, end),
        keys: operands.keys.slice(2, start, end),
        values: operands.values.slice(2, start, end),
        logDecay: cut(operands.logDecay),
        beta: cut(operands.beta),
      },
      state,
    );
    outputs.push(step.output);
    state = step.state;
  }
  return { output: concat(outputs, { axis: 2 }), state };
}

/**
 * With b the cumulative log-decay of the chunk, every exponent is a difference that is not positive:
 * no factor overflows, whatever the decay.
 */
function chunkStep({ queries, keys, values, logDecay, beta }: Chunk, state: Tensor): Stretch {
  const cumulative = logDecay && cumsum(logDecay, { axis: 2 }); // [B, H, C, 1 or K]
  const total = cumulative?.slice(2, -1); // [B, H, 1, 1 or K]
  const writes = beta === undefined ? values : deltaWrites(keys, values, cumulative, beta, state);
  const decayedQueries = cumulative === undefined ? queries : mul(queries, exp(cumulative));
  const scores = tril(decayedScores(queries, keys, cumulative)); // [B, H, C, C]
  const output = add(matmul(decayedQueries, state), matmul(scores, writes));
  const remaining =
    cumulative === undefined || total === undefined ? keys : mul(keys, exp(sub(total, cumulative)));
  const kept = total === undefined ? state : mul(exp(total.transpose()), state);
  return { output, state: add(kept, matmul(remaining.transpose(), writes)) };
}

/**
 * What the delta rule writes for each token: `N = T(V - (e^b ⊙ K)S)` with
 * `T = (I + tril(β K Kᵀ ⊙ Γ, -1))⁻¹ diag(β)`, the WY form of the product of its updates.
 */
function deltaWrites(
  keys: Tensor,
  values: Tensor,
  cumulative: Tensor | undefined,
  beta: Tensor,
  state: Tensor,
): Tensor {
  const overlaps = mul(beta, decayedScores(keys, keys, cumulative)); // [B, H, C, C]
  const inverse = invertUnitLower(tril(overlaps, { diagonal: -1 }));
  const decayedKeys = cumulative === undefined ? keys : mul(keys, exp(cumulative));
  const remembered = matmul(decayedKeys, state); // [B, H, C, V]
  return matmul(inverse, mul(beta, sub(values, remembered)));
}
