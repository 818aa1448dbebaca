/** What one step computes. */
export interface StepWork {
  /** Tokens given to the model. */
  readonly numTokens: number;
  /** Tokens whose keys and values are read, summed over requests. */
  readonly numContextTokens: number;
}

/** Seconds that a step takes. */
export type CostModel = (work: StepWork) => number;

/** Coefficients of {@link linearCost}. */
export interface LinearCost {
  /** Seconds to read the weights once: what a step of one token takes. */
  readonly secondsPerStep: number;
  /** Seconds of arithmetic per token. */
  readonly secondsPerToken: number;
  /** Seconds to read the keys and values of one token of context. */
  readonly secondsPerContextToken: number;
}

/**
 * Orders of magnitude for a model of 13 billion weights in 16 bits on one accelerator with
 * 1.5 TB/s and 150 TFLOP/s in use: 26 GB of weights, 26 GFLOP per token, 819 kB of keys and
 * values per token of context. Computed from sizes, not measured.
 */
export const thirteenBillionWeights: LinearCost = {
  secondsPerStep: 17e-3,
  secondsPerToken: 0.17e-3,
  secondsPerContextToken: 0.55e-6,
};

/** A step is bound by its weights or by its arithmetic, and reads its context besides. */
export function linearCost(cost: LinearCost): CostModel {
  return ({ numTokens, numContextTokens }) =>
    Math.max(cost.secondsPerStep, numTokens * cost.secondsPerToken) +
    numContextTokens * cost.secondsPerContextToken;
}
