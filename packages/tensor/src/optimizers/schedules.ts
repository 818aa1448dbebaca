import { OutOfRangeError } from "../errors";

/** Settings of {@link warmupCosine}. */
export interface WarmupCosineOptions {
  /** The highest rate. */
  readonly peak: number;
  /** Steps over which the rate rises linearly from 0 to the peak. Default 0. */
  readonly warmupSteps?: number;
  /** Steps from the first to the end of the cosine, warm-up included. */
  readonly totalSteps: number;
  /** The rate at the end and after it. Default 0. */
  readonly minimum?: number;
}

/**
 * A rate that rises linearly and then falls along half a cosine (Loshchilov and Hutter 2016,
 * arXiv 1608.03983, eq. 5, without restarts).
 *
 * @returns The rate of each step, from 0 on, for an optimizer's `learningRate`.
 * @throws {OutOfRangeError} when the warm-up is longer than the whole.
 */
export function warmupCosine({
  peak,
  warmupSteps = 0,
  totalSteps,
  minimum = 0,
}: WarmupCosineOptions): (step: number) => number {
  if (!(warmupSteps >= 0 && totalSteps >= warmupSteps)) {
    throw new OutOfRangeError(
      `warmupCosine: ${warmupSteps} steps of warm-up do not fit into ${totalSteps} steps`,
      { warmupSteps, totalSteps },
    );
  }
  return (step) => {
    if (step < warmupSteps) return (peak * (step + 1)) / warmupSteps;
    const progress = Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
    return minimum + 0.5 * (peak - minimum) * (1 + Math.cos(Math.PI * progress));
  };
}
