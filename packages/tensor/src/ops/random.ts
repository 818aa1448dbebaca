import { OutOfRangeError } from "../errors";
import { type Shape, sizeOf } from "../shape";
import type { Tensor } from "../tensor";
import { type CreationOptions, tensor } from "./creation";

/** Where random numbers go, and which. */
export interface RandomOptions extends Omit<CreationOptions, "dtype"> {
  /** Equal seeds give equal numbers on every device. An integer of 0 or more. */
  readonly seed: number;
}

/**
 * 32-bit permuted congruential generator PCG-RXS-M-XS (O'Neill 2014, HMC-CS-2014-0905), with a
 * state that is spread from the seed by the generator itself.
 */
function* integers(seed: number): Generator<number, never> {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new OutOfRangeError(`random: seed ${seed} is not an integer of 0 or more`, { seed });
  }
  let state = (Math.imul(seed >>> 0, 747796405) + Math.floor(seed / 2 ** 32) + 2891336453) >>> 0;
  for (;;) {
    state = (Math.imul(state, 747796405) + 2891336453) >>> 0;
    const word = Math.imul((state >>> ((state >>> 28) + 4)) ^ state, 277803737) >>> 0;
    yield ((word >>> 22) ^ word) >>> 0;
  }
}

/** 24 bits of randomness: all that a float32 below 1 holds. */
function unitInterval(word: number): number {
  return (word >>> 8) / 2 ** 24;
}

/**
 * Numbers spread evenly over `low` (included) to `high` (excluded).
 *
 * @param options.low - Default 0. @param options.high - Default 1.
 */
export function uniform(
  shape: Shape,
  { seed, low = 0, high = 1, ...creation }: RandomOptions & { low?: number; high?: number },
): Tensor {
  const source = integers(seed);
  const values = Float32Array.from(
    { length: sizeOf(shape) },
    () => low + (high - low) * unitInterval(source.next().value),
  );
  return tensor(values, shape, creation);
}

/**
 * Numbers of a normal distribution (Box and Muller 1958).
 *
 * @param options.mean - Default 0. @param options.deviation - Standard deviation. Default 1.
 */
export function normal(
  shape: Shape,
  {
    seed,
    mean = 0,
    deviation = 1,
    ...creation
  }: RandomOptions & {
    mean?: number;
    deviation?: number;
  },
): Tensor {
  const source = integers(seed);
  const values = new Float32Array(sizeOf(shape));
  for (let index = 0; index < values.length; index += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - unitInterval(source.next().value)));
    const angle = 2 * Math.PI * unitInterval(source.next().value);
    values[index] = mean + deviation * radius * Math.cos(angle);
    if (index + 1 < values.length) values[index + 1] = mean + deviation * radius * Math.sin(angle);
  }
  return tensor(values, shape, creation);
}
