import type { Tensor } from "@x/tensor";
import { expect } from "vitest";

/** Compares with a worst-element message: `|a - b| <= tolerance · max(1, |b|)`. */
export function expectClose(
  actual: Tensor,
  expected: { readonly shape: readonly number[]; readonly data: ArrayLike<number> },
  tolerance: number,
  label: string,
): void {
  expect(actual.shape, label).toEqual([...expected.shape]);
  const values = actual.dataSync();
  let worst = { index: -1, error: 0 };
  for (let index = 0; index < values.length; index++) {
    const [a, b] = [values[index] ?? Number.NaN, expected.data[index] ?? Number.NaN];
    expect(Number.isFinite(a), `${label}[${index}] is ${a}`).toBe(true);
    const error = Math.abs(a - b) / Math.max(1, Math.abs(b));
    if (error > worst.error) worst = { index, error };
  }
  expect(
    worst.error,
    `${label}: worst at ${worst.index}: ${values[worst.index]}, expected ${expected.data[worst.index]}`,
  ).toBeLessThanOrEqual(tolerance);
}
