import { expect } from "vitest";

/** Root mean square of the difference over that of what is expected; both must be finite. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let difference = 0;
  let total = 0;
  for (let index = 0; index < expected.length; index++) {
    const [got, wanted] = [actual[index]!, expected[index]!];
    if (!Number.isFinite(got) || !Number.isFinite(wanted)) {
      expect.fail(`element ${index} is ${got}, expected ${wanted}`);
    }
    difference += (got - wanted) ** 2;
    total += wanted ** 2;
  }
  return Math.sqrt(difference / Math.max(total, 1e-30));
}
