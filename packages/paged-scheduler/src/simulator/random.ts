/** A stream of uniform random numbers from 0 to below 1. */
export type RandomStream = () => number;

/** A seeded stream: the 32-bit generator "mulberry32" (Tommy Ettinger, public domain). */
export function createRandom(seed: number): RandomStream {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A standard normal number (Box and Muller). */
export function nextNormal(random: RandomStream): number {
  // 1 - random() is never 0.
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** An exponential number with the given mean. */
export function nextExponential(random: RandomStream, mean: number): number {
  return -Math.log(1 - random()) * mean;
}
