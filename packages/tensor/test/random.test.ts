import { describe, expect, it } from "vitest";
import { createDevice, dropout, normal, ones, type Tensor, tidy, uniform } from "../src/index";
import { hostCases } from "./support/devices";

const count = 40_000;

/** Mean and standard deviation. */
function moments(sample: Tensor): [number, number] {
  const values = Array.from(sample.dataSync());
  const mean = values.reduce((total, one) => total + one, 0) / values.length;
  const square = values.reduce((total, one) => total + (one - mean) ** 2, 0) / values.length;
  return [mean, Math.sqrt(square)];
}

describe.each(hostCases)("random numbers on $label", ({ create }) => {
  it("have the moments of their distribution", async () => {
    using device = await create();
    tidy(() => {
      const even = uniform([count], { device, seed: 5, low: -1, high: 3 });
      const [evenMean, evenDeviation] = moments(even);
      // Five standard errors.
      expect(Math.abs(evenMean - 1)).toBeLessThan((5 * 4) / Math.sqrt(12 * count));
      expect(Math.abs(evenDeviation - 4 / Math.sqrt(12))).toBeLessThan(0.02);
      const values = Array.from(even.dataSync());
      expect(values.every((one) => one >= -1 && one < 3)).toBe(true);
      const [mean, deviation] = moments(
        normal([count], { device, seed: 6, mean: 2, deviation: 3 }),
      );
      expect(Math.abs(mean - 2)).toBeLessThan((5 * 3) / Math.sqrt(count));
      expect(Math.abs(deviation - 3)).toBeLessThan((5 * 3) / Math.sqrt(2 * count));
    });
  });

  it("are the same for the same seed on every device, and others for another", async () => {
    using device = await create();
    using reference = await createDevice("cpu");
    tidy(() => {
      for (const draw of [uniform, normal]) {
        const expected = [...draw([3, 7], { device: reference, seed: 9 }).dataSync()];
        expect([...draw([3, 7], { device, seed: 9 }).dataSync()]).toEqual(expected);
        expect([...draw([3, 7], { device, seed: 10 }).dataSync()]).not.toEqual(expected);
        expect(new Set(expected).size).toBeGreaterThan(18);
      }
    });
  });

  it("drop the share of elements that is asked for, and scale the others", async () => {
    using device = await create();
    tidy(() => {
      const kept = dropout(ones([count], { device }), { probability: 0.25, seed: 3 }).dataSync();
      const share = kept.filter((one) => one !== 0).length / count;
      expect(Math.abs(share - 0.75)).toBeLessThan(5 * Math.sqrt((0.25 * 0.75) / count));
      expect([...new Set(kept)].sort()).toEqual([0, Math.fround(1 / 0.75)]);
    });
  });
});
