import { OutOfRangeError } from "../errors";
import { type Shape, sizeOf } from "../shape";
import type { Tensor } from "../tensor";
import { type CreationOptions, tensor } from "./creation";

/** Where random numbers go, and which. */
export interface RandomOptions extends Omit<CreationOptions, "dtype"> {
  /** Equal seeds give equal numbers on every device. An integer of 0 or more. */
  readonly seed: number;
}

/** Settings of {@link uniform}. */
export interface UniformOptions extends RandomOptions {
  /** The smallest number. Default 0. */
  readonly low?: number;
  /** What every number is below. Default 1. */
  readonly high?: number;
}

/** Settings of {@link normal}. */
export interface NormalOptions extends RandomOptions {
  /** Default 0. */
  readonly mean?: number;
  /** Standard deviation. Default 1. */
  readonly deviation?: number;
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
 */
export function uniform(
  shape: Shape,
  { seed, low = 0, high = 1, ...creation }: UniformOptions,
): Tensor {
  const source = integers(seed);
  const values = Float32Array.from(
    { length: sizeOf(shape) },
    () => low + (high - low) * unitInterval(source.next().value),
  );
  return tensor(values, shape, creation);
}

/**
 * `count` numbers of the standard normal distribution on the host (Box and Muller 1958): those of
 * {@link normal}.
 *
 * @param seed - An integer of 0 or more.
 */
export function normalNumbers(count: number, seed: number): Float32Array<ArrayBuffer> {
  const source = integers(seed);
  const values = new Float32Array(count);
  for (let index = 0; index < count; index += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - unitInterval(source.next().value)));
    const angle = 2 * Math.PI * unitInterval(source.next().value);
    values[index] = radius * Math.cos(angle);
    if (index + 1 < count) values[index + 1] = radius * Math.sin(angle);
  }
  return values;
}

/**
 * Numbers of a normal distribution.
 */
export function normal(
  shape: Shape,
  { seed, mean = 0, deviation = 1, ...creation }: NormalOptions,
): Tensor {
  const values = normalNumbers(sizeOf(shape), seed).map((value) => mean + deviation * value);
  return tensor(values, shape, creation);
}
