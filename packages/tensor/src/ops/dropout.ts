import { commonDevice } from "../device/device";
import { OutOfRangeError } from "../errors";
import type { Tensor } from "../tensor";
import { mul } from "./binary";
import { greaterEqual } from "./comparisons";
import { uniform } from "./random";

/** Settings of {@link dropout}. */
export interface DropoutOptions {
  /** Share of elements that become 0, from 0 to 1. */
  readonly probability: number;
  /** Chooses the elements: equal seeds drop the same ones, on every device. */
  readonly seed: number;
}

/**
 * Drops elements at random and scales the others by `1 / (1 - p)`, so that the expected value
 * stays (Srivastava et al. 2014). Call it in training only.
 *
 * @param input - float32, any shape.
 * @throws {OutOfRangeError} when the probability is not 0 to 1.
 */
export function dropout(input: Tensor, { probability, seed }: DropoutOptions): Tensor {
  commonDevice("dropout", [input]);
  if (!(probability >= 0 && probability <= 1)) {
    throw new OutOfRangeError(`dropout: probability ${probability} is not 0 to 1`, { probability });
  }
  if (probability === 0) return input.alias();
  using chance = uniform(input.shape, { device: input.device, seed });
  using isKept = greaterEqual(chance, probability);
  using scale = mul(isKept, probability === 1 ? 0 : 1 / (1 - probability));
  return mul(input, scale);
}
