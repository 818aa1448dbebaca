/** A generator of numbers from 0 to 1 that gives the same ones for the same seed (mulberry32). */
function randomGenerator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `count` float32 numbers of a standard normal distribution. */
export function normalValues(count: number, seed: number): Float32Array {
  const random = randomGenerator(seed);
  return Float32Array.from({ length: count }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    return radius * Math.cos(2 * Math.PI * random());
  });
}

/** `count` integers from 0 to below `limit`. */
export function integerValues(count: number, limit: number, seed: number): Int32Array {
  const random = randomGenerator(seed);
  return Int32Array.from({ length: count }, () => Math.floor(random() * limit));
}
