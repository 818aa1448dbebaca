import { describe, expect, it } from "vitest";
import { arrivalTimes } from "./arrival-times";
import { randomFromSeed, randomGamma } from "./random";

describe("randomGamma", () => {
  // A chi-square number of ν degrees of freedom is twice a gamma number of shape ν / 2: the values are
  // those of any table of its quantiles.
  it.each([
    [1, { 0.5: 0.455, 0.9: 2.706, 0.95: 3.841 }],
    [2, { 0.5: 1.386, 0.9: 4.605, 0.95: 5.991 }],
    [5, { 0.5: 4.351, 0.9: 9.236, 0.95: 11.07 }],
    [20, { 0.5: 19.337, 0.9: 28.412, 0.95: 31.41 }],
  ])("halves a chi-square number of %s degrees of freedom", (degrees, quantiles) => {
    const random = randomFromSeed(degrees);
    const count = 40_000;
    const values = Array.from({ length: count }, () => 2 * randomGamma(random, degrees / 2));
    expect(values.every((value) => Number.isFinite(value) && value >= 0)).toBe(true);
    for (const [share, quantile] of Object.entries(quantiles)) {
      const below = values.filter((value) => value < quantile).length / count;
      // Four standard deviations of the share.
      expect(Math.abs(below - Number(share))).toBeLessThan(4 * Math.sqrt(0.25 / count));
    }
  });
});

describe("arrivalTimes", () => {
  /** The standard deviation of the gaps over their mean. */
  function variation(burstiness: number): number {
    const options = { requestRate: 4, burstiness };
    const times = arrivalTimes(20_000, options, randomFromSeed(3));
    const gaps = times.map((time, index) => time - (times[index - 1] ?? 0));
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const square = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
    expect(gaps.every((gap) => gap >= 0)).toBe(true);
    expect(mean).toBeCloseTo(1 / 4, 10);
    return Math.sqrt(square) / mean;
  }

  it("spreads as a gamma distribution of that shape", () => {
    expect(variation(1)).toBeCloseTo(1, 1);
    expect(variation(0.25)).toBeCloseTo(2, 1);
    expect(variation(16)).toBeCloseTo(1 / 4, 1);
  });

  it("sends all at once without a rate", () => {
    const options = { requestRate: Number.POSITIVE_INFINITY, burstiness: 1 };
    expect(arrivalTimes(3, options, randomFromSeed(1))).toEqual([0, 0, 0]);
  });
});
