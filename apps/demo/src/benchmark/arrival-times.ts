import { type Random, randomGamma } from "./random";

/** How requests arrive. */
export interface ArrivalOptions {
  /** Requests a second; infinite sends all at once. */
  readonly requestRate: number;
  /** 1 is a Poisson process; below 1 requests come in bursts, above 1 more evenly. */
  readonly burstiness: number;
}

/**
 * When each request is sent, in seconds from the start: gaps of a gamma distribution with shape
 * `burstiness` and mean `1 / requestRate`, stretched so that the whole takes what the rate says.
 */
export function arrivalTimes(
  count: number,
  { requestRate, burstiness }: ArrivalOptions,
  random: Random,
): number[] {
  if (requestRate === Number.POSITIVE_INFINITY) return new Array<number>(count).fill(0);
  let time = 0;
  const times = Array.from({ length: count }, () => {
    time += randomGamma(random, burstiness) / (requestRate * burstiness);
    return time;
  });
  const stretch = count / requestRate / time;
  return times.map((at) => at * stretch);
}
