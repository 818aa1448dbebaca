import { add, mul, rsqrt, square, sum, type Tensor, tensor, tidy } from "@x/tensor";
import { assertOperandShapes } from "./checks";
import { AttentionOptionError } from "./errors";
import { gatedRecurrence } from "./gated-recurrence";
import type { RecurrenceOptions, RecurrenceResult } from "./recurrence";

/** Settings of the members with a scale on the queries. */
export interface ScaledRecurrenceOptions extends RecurrenceOptions {
  /** What queries are multiplied with. Default `1 / √K`. */
  readonly scale?: number;
}

function scaled(queries: Tensor, scale: number | undefined): Tensor {
  return mul(queries, scale ?? queries.dimension(-1) ** -0.5);
}

/** Settings of {@link retention}. */
export interface RetentionOptions extends ScaledRecurrenceOptions {
  /** γ of each head, from 0 (excluded) to 1. Default: `1 - 2^(-5-h)`. */
  readonly decays?: readonly number[];
}

/**
 * Retention: a fixed decay for each head, `γ_h = 1 - 2^(-5-h)` (Sun et al. 2023, "RetNet",
 * arXiv 2307.08621, eq. 5 and 8).
 *
 * @param queries - `[B, T, H, K]`. @param keys - `[B, T, H, K]`. @param values - `[B, T, H, V]`.
 * @throws {@link AttentionOptionError} when the decays are not one for each head, from 0 to 1.
 */
export function retention(
  queries: Tensor,
  keys: Tensor,
  values: Tensor,
  { decays, scale, ...options }: RetentionOptions = {},
): RecurrenceResult {
  assertOperandShapes("retention", queries, keys, values);
  return tidy(() => {
    const [batch = 0, time = 0, heads = 0] = queries.shape;
    const gammas = decays ?? Array.from({ length: heads }, (_, head) => 1 - 2 ** (-5 - head));
    if (gammas.length !== heads || !gammas.every((gamma) => gamma > 0 && gamma <= 1)) {
      throw new AttentionOptionError(
        `retention: decays [${gammas.join(", ")}] do not fit; use ${heads}, above 0 and at most 1`,
        { decays: gammas, heads },
      );
    }
    const logs = tensor(gammas.map(Math.log), [gammas.length], { device: queries.device });
    const logDecay = logs.broadcastTo([batch, time, heads]);
    const operands = { queries: scaled(queries, scale), keys, values, logDecay };
    return gatedRecurrence("retention", operands, options);
  });
}

/**
 * Gated linear attention: a gate for each element of the key (Yang et al. 2023, arXiv 2312.06635,
 * eq. 3).
 *
 * @param queries - `[B, T, H, K]`. @param keys - `[B, T, H, K]`. @param values - `[B, T, H, V]`.
 * @param logGates - `[B, T, H, K]`, 0 or below: for instance `-softplus(-x)`.
 */
export function gatedLinearAttention(
  queries: Tensor,
  keys: Tensor,
  values: Tensor,
  logGates: Tensor,
  { scale, ...options }: ScaledRecurrenceOptions = {},
): RecurrenceResult {
  return tidy(() => {
    const operands = { queries: scaled(queries, scale), keys, values, logDecay: logGates };
    return gatedRecurrence("gatedLinearAttention", operands, options);
  });
}

/** Operands of {@link stateSpaceDuality}, in the names of Mamba-2. */
export interface StateSpaceOperands {
  /** Input, `[B, T, H, V]`. */
  readonly x: Tensor;
  /** Step sizes above 0, `[B, T, H]`. */
  readonly delta: Tensor;
  /** Decay rate of each head, below 0, `[H]`. */
  readonly a: Tensor;
  /** Input projections, `[B, T, H, K]`. */
  readonly b: Tensor;
  /** Output projections, `[B, T, H, K]`. */
  readonly c: Tensor;
}

/**
 * State space duality, the layer of Mamba-2: `S ← e^(ΔA) S + B (Δx)ᵀ`, `y = Sᵀ C` (Dao and Gu 2024,
 * arXiv 2405.21060, section 6).
 */
export function stateSpaceDuality(
  { x, delta, a, b, c }: StateSpaceOperands,
  options: RecurrenceOptions = {},
): RecurrenceResult {
  return tidy(() =>
    gatedRecurrence(
      "stateSpaceDuality",
      { queries: c, keys: b, values: mul(x, delta.expandDims(-1)), logDecay: mul(delta, a) },
      options,
    ),
  );
}

/** Settings of {@link deltaRule} and {@link gatedDeltaRule}. */
export interface DeltaRuleOptions extends ScaledRecurrenceOptions {
  /** Whether queries and keys are scaled to length 1 first. Default true. */
  readonly normalizeKeys?: boolean;
}

/**
 * The delta rule: each token replaces what the state holds for its key,
 * `S ← S + β k (v - Sᵀk)ᵀ` (Schlag et al. 2021, arXiv 2102.11174, eq. 24; Yang et al. 2024,
 * arXiv 2406.06484).
 *
 * @param queries - `[B, T, H, K]`. @param keys - `[B, T, H, K]`. @param values - `[B, T, H, V]`.
 * @param beta - `[B, T, H]`, 0 to 1 (up to 2 allows negative eigenvalues).
 */
export function deltaRule(
  queries: Tensor,
  keys: Tensor,
  values: Tensor,
  beta: Tensor,
  options: DeltaRuleOptions = {},
): RecurrenceResult {
  return writeByDelta("deltaRule", queries, keys, values, beta, undefined, options);
}

/**
 * The delta rule on a state that decays by a gate for each token (Yang et al. 2024, "Gated
 * DeltaNet", arXiv 2412.06464, eq. 8).
 *
 * @param logGates - `[B, T, H]`, 0 or below. The other operands as in {@link deltaRule}.
 */
export function gatedDeltaRule(
  queries: Tensor,
  keys: Tensor,
  values: Tensor,
  beta: Tensor,
  logGates: Tensor,
  options: DeltaRuleOptions = {},
): RecurrenceResult {
  return writeByDelta("gatedDeltaRule", queries, keys, values, beta, logGates, options);
}

function writeByDelta(
  name: string,
  queries: Tensor,
  keys: Tensor,
  values: Tensor,
  beta: Tensor,
  logDecay: Tensor | undefined,
  { scale, normalizeKeys = true, ...options }: DeltaRuleOptions,
): RecurrenceResult {
  return tidy(() => {
    const unit = (vectors: Tensor) => (normalizeKeys ? unitLength(vectors) : vectors);
    const operands = {
      queries: scaled(unit(queries), scale),
      keys: unit(keys),
      values,
      beta,
      logDecay,
    };
    return gatedRecurrence(name, operands, options);
  });
}

/** Vectors of the last dimension at length 1; with 1e-6 under the root, as the references have it. */
function unitLength(vectors: Tensor): Tensor {
  const squared = sum(square(vectors), { axis: -1, keepDims: true });
  return mul(vectors, rsqrt(add(squared, 1e-6)));
}
